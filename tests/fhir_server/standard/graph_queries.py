"""A server with $graphql, the small record that its tables ask about, and ways to ask."""

from __future__ import annotations

import uuid
from contextlib import contextmanager

from fhir_server.standard.graphql import graphql
from tests.fhir_server.serving import serving
from tests.fhir_server.store.stores import SERVER

PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "birthDate": "1970-03-30",
    "_birthDate": {"extension": [{"url": "http://x.org/time", "valueTime": "09:08:07"}]},
    "name": [
        {"use": "official", "family": "Chalmers", "given": ["Peter", "James"]},
        {"use": "usual", "given": ["Jim"]},
        {"use": "maiden", "family": "Windsor", "given": ["Peter"]},
    ],
    "telecom": [
        {"system": "phone", "value": "(03) 5555 6473", "rank": 1},
        {"system": "email", "value": "p@example.org"},
    ],
    "contact": [{"gender": "female", "name": {"family": "du Marché"}}],
    "managingOrganization": {"reference": "Organization/o"},
    "generalPractitioner": [
        {"reference": "Practitioner/none"},
        {"reference": "http://test/fhir/Organization/o"},
        {"reference": "#dr"},
    ],
    "contained": [{"resourceType": "Practitioner", "id": "dr", "active": True}],
}
ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "Good Health Clinic"}
CONDITIONS = [
    {
        "resourceType": "Condition",
        "id": f"c{number}",
        "subject": {"reference": "Patient/p"},
        "code": {"text": f"condition {number}"},
    }
    for number in range(5)
]
OBSERVATION = (
    '{"resourceType":"Observation","id":"ob","status":"final","code":{"text":"x"},'
    '"subject":{"reference":"Patient/p"},"valueQuantity":{"value":7.50,"unit":"mg"}}'
)
OTHER = {"resourceType": "Patient", "id": "q", "gender": "female", "name": [{"family": "Hidden"}]}


def filled(server):
    for tree in (PATIENT, ORGANIZATION, *CONDITIONS, OTHER):
        assert server.ask("PUT", f"{tree['resourceType']}/{tree['id']}", tree).status == 201
    assert server.ask("PUT", "Observation/ob", OBSERVATION).status == 201
    return server


@contextmanager
def answering(kind, folder):
    urls = {"memory": "memory:", "sqlite": f"sqlite:{folder}", "postgresql": SERVER}
    with serving(urls[kind], f"t{uuid.uuid4().hex[:12]}", operations=graphql()) as running:
        yield filled(running)


def asked(server, query, place="", **headers):
    headers = {"content_type": "application/graphql", **headers}
    return server.ask("POST", f"{place}$graphql", query, **headers)


def data(server, query, place=""):
    got = asked(server, query, place)
    assert got.status == 200, got.body
    assert got.headers["content-type"].startswith("application/json")
    assert "errors" not in got.json, got.body
    return got.json["data"]


def of_patient(server, fields):
    """What comes of these fields of the patient, at the system level and on the instance."""
    found = data(server, f'{{ Patient(id: "p") {{ {fields} }} }}')["Patient"]
    assert data(server, f"{{ {fields} }}", "Patient/p/") == found
    return found
