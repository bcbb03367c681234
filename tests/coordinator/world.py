"""A small network in one process: two hospitals, a clinic of the first, and the coordinator."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
from starlette.applications import Starlette
from starlette.routing import Mount

from coordinator.app import Coordinator, create_coordinator_app
from coordinator.services.federated_read import Deadlines
from coordinator.services.policies import Policies
from fhir_profiles import systems
from fhir_profiles.json_text import dump
from fhir_server.clock import SteppedClock
from fhir_server.faults import Faults
from fhir_server.store.open import open_store
from fhir_server.store.port import Document, Store
from hospitals.app import create_hospital_app
from vietnam.regulations import load_regulations

T = TypeVar("T")
Tree = dict[str, Any]
PUBLIC = "http://network.test"
NOW = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)
ZONE = dt.timezone(dt.timedelta(hours=7))
PROVINCE, DISTRICT, CLINIC = "99001", "99002", "99003"  # the clinic keeps the province's records
FHIR = {"Content-Type": "application/fhir+json"}


# ---- resources -----------------------------------------------------------------------------------
def facility(code: str, group: str = "") -> Tree:
    return {
        "resourceType": "Organization",
        "id": code,
        "identifier": [{"system": systems.MA_CSKCB, "value": code}],
        "name": f"Cơ sở {code}",
        "extension": [
            {
                "url": systems.RECORD_GROUP,
                "valueReference": {"reference": f"Organization/{group or code}"},
            }
        ],
    }


def endpoints(code: str, group: str = "", since: str = "2025-01-01") -> list[Tree]:
    """Publishes and asks from that day; never if it is empty."""
    found = []
    for kind, connection, system in (
        ("fhir", "hl7-fhir-rest", systems.ENDPOINT_CONNECTION),
        ("cds", "cds-hooks-client", systems.CONNECTION_TYPE),
    ):
        endpoint = {
            "resourceType": "Endpoint",
            "id": f"{code}-{kind}",
            "status": "active" if since else "off",
            "connectionType": {"system": system, "code": connection},
            "managingOrganization": {"reference": f"Organization/{code}"},
            "payloadType": [{"text": "any"}],
            "address": f"hospitals/{group or code}/fhir" if kind == "fhir" else "cds-services",
        }
        if since:
            endpoint["period"] = {"start": since}
        found.append(endpoint)
    return found


def laboratory(code: str, *levels: tuple[str, str, int], iso: bool = False) -> Tree:
    """`levels`: (from, until, level), dates may be empty."""
    extensions: list[Tree] = [
        {
            "url": systems.LABORATORY_LEVEL,
            "extension": [
                {"url": "level", "valueInteger": level},
                {"url": "period", "valuePeriod": {k: v for k, v in period if v}},
            ],
        }
        for begin, end, level in levels
        for period in [(("start", begin), ("end", end))]
    ]
    extensions.append({"url": systems.ISO_15189, "valueBoolean": iso})
    return {
        "resourceType": "HealthcareService",
        "id": f"{code}-lab",
        "providedBy": {"reference": f"Organization/{code}"},
        "extension": extensions,
    }


DIRECTORY = [
    facility(PROVINCE),
    facility(DISTRICT),
    facility(CLINIC, PROVINCE),
    *endpoints(PROVINCE),
    *endpoints(DISTRICT),
    *endpoints(CLINIC, PROVINCE),
]


def patient(
    number: str,
    name: str = "Nguyễn Thị Ánh",
    born: str = "1964-08-20",
    *,
    group: str = PROVINCE,
    gender: str = "female",
    cccd: str = "",
    **more: Any,
) -> Tree:
    identifiers = [{"system": systems.mrn(group), "value": number}] if number else []
    if cccd:
        identifiers.append({"system": systems.CCCD, "value": cccd})
    identifiers += [
        {"system": getattr(systems, name.upper()), "value": more.pop(name)}
        for name in ("bhxh", "bhyt", "cmnd")
        if name in more
    ]
    found: Tree = {"resourceType": "Patient"}
    if number:
        found["id"] = f"p-{number}"
    if identifiers:
        found["identifier"] = identifiers
    if name:
        found["name"] = [{"use": "official", "text": name}]
    return found | {"gender": gender, "birthDate": born} | more


def key(number: str, group: str = PROVINCE) -> str:
    """A registration as the services know it."""
    return f"{systems.mrn(group)}|{number}"


def report(
    number: str,
    subject: str,
    *,
    group: str = PROVINCE,
    at: str = "2026-02-20T08:00:00+07:00",
    loinc: str = "4548-4",
    facility_code: str = "",
    **more: Any,
) -> list[Tree]:
    """A DiagnosticReport and its one Observation; `subject` is a record number."""
    code = {"coding": [{"system": systems.LOINC, "code": loinc}]}
    who = {"reference": f"Patient/p-{subject}"}
    observation = {
        "resourceType": "Observation",
        "id": f"o-{number}",
        "status": "final",
        "category": [{"coding": [{"system": systems.OBSERVATION_CATEGORY, "code": "laboratory"}]}],
        "code": code,
        "subject": who,
        "effectiveDateTime": at,
        "valueQuantity": {"value": 7, "unit": "%", "system": systems.UCUM, "code": "%"},
    }
    performer = facility_code or group
    found = {
        "resourceType": "DiagnosticReport",
        "id": f"r-{number}",
        "identifier": [{"system": systems.result(group), "value": number}],
        "status": "final",
        "category": [
            {
                "coding": [{"system": systems.DIAGNOSTIC_SERVICE, "code": "LAB"}],
                "text": "laboratory",
            }
        ],
        "code": code,
        "subject": who,
        "effectiveDateTime": at,
        "issued": at,
        "performer": [
            {
                "reference": f"Organization/{performer}",
                "identifier": {"system": systems.MA_CSKCB, "value": performer},
            }
        ],
        "result": [{"reference": f"Observation/o-{number}"}],
    }
    return [observation, found | more]


def pointer(number: str, subject: str, *, group: str = PROVINCE, **more: Any) -> Tree:
    """What a hospital posts about the report of that number."""
    facility_code = more.pop("facility_code", group)
    at = more.pop("at", "2026-02-20T08:00:00+07:00")
    loinc = more.pop("loinc", "4548-4")
    return {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"system": systems.result(group), "value": number},
        "status": "current",
        "type": {"coding": [{"system": systems.LOINC, "code": loinc}]},
        "category": [
            {
                "coding": [{"system": systems.DIAGNOSTIC_SERVICE, "code": "LAB"}],
                "text": "laboratory",
            }
        ],
        "subject": {
            "type": "Patient",
            "identifier": {"system": systems.mrn(group), "value": subject},
        },
        "date": at,
        "custodian": {
            "reference": f"Organization/{facility_code}",
            "identifier": {"system": systems.MA_CSKCB, "value": facility_code},
        },
        "content": [{"attachment": {"url": f"DiagnosticReport/r-{number}"}}],
        "context": {"period": {"start": at}},
    } | more


def consent(subject: str, *, group: str = PROVINCE, **provision: Any) -> Tree:
    """`provision` is what the person stated."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                    "code": "patient-privacy",
                }
            ]
        },
        "category": [{"coding": [{"system": systems.LOINC, "code": "59284-0"}]}],
        "patient": {
            "type": "Patient",
            "identifier": {"system": systems.mrn(group), "value": subject},
        },
        "dateTime": "2026-01-01T00:00:00+07:00",
        "policyRule": {"coding": [{"system": systems.ACT_CODE, "code": "OPTOUT"}]},
        "provision": provision,
    }


def linkage(one: str, other: str, decision: str = "same", active: bool = True) -> Tree:
    """A steward's word about two Patients of the coordinator."""
    return {
        "resourceType": "Linkage",
        "active": active,
        "extension": [{"url": systems.LINK_DECISION, "valueCode": decision}],
        "item": [
            {"type": "source", "resource": {"reference": one}},
            {"type": "alternate", "resource": {"reference": other}},
        ],
    }


# ---- the network ---------------------------------------------------------------------------------
@dataclass
class World:
    """Stores, clock and faults of a running network; `ask` runs a coroutine that talks to it."""

    clock: SteppedClock
    faults: Faults
    stores: dict[str, Store]
    app: Starlette
    services: Coordinator
    hospitals: dict[str, Starlette] = field(default_factory=dict)

    def run(self, work: Callable[[httpx2.AsyncClient], Awaitable[T]]) -> T:
        async def within() -> T:
            transport = httpx2.ASGITransport(app=self.app)
            async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC) as http:
                return await work(http)

        return asyncio.run(within())

    def ask(self, method: str, path: str, body: Tree | None = None, **more: Any) -> httpx2.Response:
        """One request; paths are those of the whole network."""
        content = None if body is None else dump(body)
        headers = {**(FHIR if body is not None else {}), **more.pop("headers", {})}
        return self.run(
            lambda http: http.request(method, path, content=content, headers=headers, **more)
        )

    def post(self, *resources: Tree, base: str = "/fhir") -> list[str]:
        """Creates resources (with an id: by PUT); "Type/id" of each."""

        async def within(http: httpx2.AsyncClient) -> list[str]:
            names = []
            for resource in resources:
                type_, id_ = resource["resourceType"], resource.get("id")
                path = f"{base}/{type_}/{id_}" if id_ else f"{base}/{type_}"
                method = "PUT" if id_ else "POST"
                answer = await http.request(method, path, content=dump(resource), headers=FHIR)
                assert answer.status_code in (200, 201), answer.text
                names.append(f"{type_}/{answer.json()['id']}")
            return names

        return self.run(within)

    def hospital(self, group: str, *resources: Tree) -> None:
        self.post(*resources, base=f"/hospitals/{group}/fhir")


def policies() -> Policies:
    return Policies(((dt.date(2000, 1, 1), next(iter(load_regulations().values()))),))


@contextmanager
def network(
    *,
    url: str = "memory:",
    directory: list[Tree] = DIRECTORY,
    publish: bool = False,
    deadlines: Deadlines | None = None,
) -> Iterator[World]:
    """The province's hospital (with the clinic), the district's, and the coordinator."""
    clock, faults = SteppedClock(NOW), Faults()
    names = ("coordinator", PROVINCE, DISTRICT)
    stores = {name: open_store(url, name, zone=ZONE) for name in names}
    if not stores["coordinator"].counts():
        stores["coordinator"].load([Document(tree, dump(tree)) for tree in directory], at=NOW)
    hospitals = {
        code: create_hospital_app(
            code, stores[code], clock, public_url=PUBLIC, faults=faults, publish=publish
        )
        for code in names[1:]
    }
    app = Starlette()
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app))
    coordinator = create_coordinator_app(
        stores["coordinator"],
        clock,
        http,
        policies(),
        public_url=PUBLIC,
        deadlines=deadlines,
        faults=faults,
    )
    app.router.routes[:] = [
        *(Mount(f"/hospitals/{code}", hospital) for code, hospital in hospitals.items()),
        Mount("", coordinator),
    ]
    world = World(clock, faults, stores, app, coordinator.state.coordinator, hospitals)
    try:
        yield world
    finally:
        for store in stores.values():
            store.close()
