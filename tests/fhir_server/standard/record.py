"""A small record: two patients, an encounter, and what supports them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

from fhir_profiles.json_text import parse
from fhir_profiles.validation.full import validate
from fhir_profiles.validation.structure import check
from fhir_server.standard.document import document
from fhir_server.standard.everything import everything
from fhir_server.standard.lastn import lastn
from fhir_server.standard.meta import meta
from fhir_server.standard.summary import summary
from fhir_server.store.open import open_store
from fhir_server.store.port import Store, Visibility
from tests.fhir_server.serving import Answered, Server, serving
from tests.fhir_server.store.stores import SERVER

OPERATIONS = [*everything(), *lastn(), *meta(), *document(), *summary()]
XHTML = "http://www.w3.org/1999/xhtml"


def concept(code: str, display: str = "", system: str = "http://loinc.org") -> dict[str, Any]:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def to(reference: str) -> dict[str, str]:
    return {"reference": reference}


def made(type_: str, id_: str, **elements: Any) -> dict[str, Any]:
    div = f'<div xmlns="{XHTML}">{type_} {id_}</div>'
    text = {} if type_ == "Binary" else {"text": {"status": "generated", "div": div}}
    return {"resourceType": type_, "id": id_, **text, **elements}


def observation(id_: str, code: Any, when: str = "", **elements: Any) -> dict[str, Any]:
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    given: dict[str, Any] = {
        "status": "final",
        "category": [concept("laboratory", system=category)],
        "code": code if isinstance(code, dict) else concept(code),
        "subject": to("Patient/p"),
        "performer": [to("Practitioner/dr")],
        "valueQuantity": {"value": 7.5, "unit": "mmol/L", "code": "mmol/L"}
        | {"system": "http://unitsofmeasure.org"},
    }
    if when:
        given["effectiveDateTime"] = when
    return made("Observation", id_, **(given | elements))


CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ALLERGIC = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
RECORD = [
    made("Organization", "hospital", name="Bệnh viện A", partOf=to("Organization/ministry")),
    made("Organization", "ministry", name="Bộ Y tế"),
    made("Practitioner", "dr", name=[{"family": "Lê"}]),
    made("Medication", "amox", code={"text": "Amoxicillin"}, manufacturer=to("Organization/maker")),
    made("Organization", "maker", name="Nhà máy"),
    made("Location", "ward", name="Khoa nội", managingOrganization=to("Organization/hospital")),
    made(
        "Patient",
        "p",
        name=[{"family": "Nguyễn", "given": ["Văn", "An"]}],
        identifier=[{"system": "urn:ids", "value": "1"}],
        birthDate="1990-01-01",
        managingOrganization=to("Organization/hospital"),
        link=[{"other": to("Patient/q"), "type": "seealso"}],
    ),
    made("Patient", "q", name=[{"family": "Trần"}], identifier=[{"system": "urn:i", "value": "2"}]),
    made(
        "Encounter",
        "e",
        status="finished",
        **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
        subject=to("Patient/p"),
        period={"start": "2026-01-10T08:00:00+07:00", "end": "2026-01-10T09:00:00+07:00"},
        location=[{"location": to("Location/ward")}],
        diagnosis=[{"condition": to("Condition/flu")}],
    ),
    made(
        "Condition",
        "flu",
        clinicalStatus=concept("active", system=CLINICAL),
        code={"text": "Cúm <A> & B"},
        subject=to("Patient/p"),
        onsetDateTime="2026-01-09",
    ),
    made(
        "Condition",
        "old",
        clinicalStatus=concept("resolved", system=CLINICAL),
        code={"text": "Gãy tay"},
        subject=to("Patient/p"),
        onsetDateTime="2010-05",
        abatementDateTime="2010-07",
    ),
    observation("hb1", "718-7", "2026-01-10T08:10:00+07:00", encounter=to("Encounter/e")),
    observation("hb2", "718-7", "2026-02-10T08:10:00+07:00"),
    observation("glucose", "15074-8", "2025-06-01"),
    observation("undated", "2345-7"),
    observation("others", "718-7", "2026-01-10", subject=to("Patient/q")),
    made(
        "MedicationRequest",
        "rx",
        status="active",
        intent="order",
        medicationReference=to("Medication/amox"),
        subject=to("Patient/p"),
        encounter=to("Encounter/e"),
        authoredOn="2026-01-10",
    ),
    made(
        "DocumentReference",
        "scan",
        status="current",
        subject=to("Patient/p"),
        date="2026-01-11T00:00:00Z",
        content=[{"attachment": {"contentType": "text/plain", "url": "Binary/page"}}],
    ),
    made("Binary", "page", contentType="text/plain", data="aGVsbG8="),
    made("Binary", "other", contentType="text/plain", data="aGVsbG8="),
]


def bare(listed: list[dict[str, Any]]) -> list[str]:
    return [f"{one['resourceType']}/{one['id']}" for one in listed]


@contextmanager
def record(
    kind: str, folder: Any, *resources: dict[str, Any], seen: list[Visibility] | None = None
) -> Iterator[Server]:
    """A server with these resources over one of the stores; callers see what `seen` lets through
    as soon as it says something."""
    with ExitStack() as stack:
        url, own = "memory:" if kind == "memory" else f"sqlite:{folder}", None
        if kind == "postgresql":
            own = open_store(SERVER, f"t{uuid4().hex[:12]}")
            stack.callback(own.close)
            url = "memory:"

        def store_for(opened: Store) -> Any:
            store = own or opened
            return lambda caller: store.restricted(seen[0]) if seen else store

        server = stack.enter_context(serving(url, operations=OPERATIONS, store_for=store_for))
        for tree in resources or RECORD:
            got = server.ask("PUT", f"{tree['resourceType']}/{tree['id']}", tree)
            assert got.status == 201, got.body
        yield server


def bundle(got: Answered) -> dict[str, Any]:
    """A Bundle of a 200 that nothing is wrong with, by the strictest check there is."""
    assert got.status == 200, got.body
    tree = parse(got.body)
    found = check(tree, type_="Bundle")
    assert found == [], found
    wrong = [str(one) for one in validate(tree, body=got.body) if one.severity == "error"]
    assert wrong == [], wrong
    return got.json


def listed(tree: dict[str, Any], mode: str = "") -> str:
    """Addresses of the entries, in their order; of one search mode."""
    return " ".join(
        f"{one['resource']['resourceType']}/{one['resource']['id']}"
        for one in tree.get("entry", [])
        if not mode or one["search"]["mode"] == mode
    )
