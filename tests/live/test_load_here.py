"""`lienthong load` into a server of ours: a bad entry is named with file, place and element."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from fhir_server.app import create_fhir_app, mounted
from fhir_server.capabilities import Capabilities
from fhir_server.clock import WallClock
from fhir_server.guard import OpenGuard
from fhir_server.store.open import open_store
from lienthong.load import load
from tests.live.serving import serving
from tests.live.trees import bundle, patient, post, text

BAD = patient("b", birthDate="31/12/1990")
NO_DATE = "birthDate: expected a date like 2025-03-01, 2025-03 or 2025, found '31/12/1990'"
HOSPITAL = {"reference": "Organization?identifier=x|y"}
ODD = patient("c", gender="x", name=[{"familie": "x"}])
FILES = {
    "1.json": bundle("transaction", post(patient("a")), post(BAD)),
    "2.json": bundle("batch", post(patient("a")), post(BAD)),
    "3.json": bundle("collection", {"resource": patient("a")}, {"resource": BAD}),
    "4.json": BAD,
    "5.json": bundle("transaction", post(patient("a", managingOrganization=HOSPITAL))),
    "7.json": {"resourceType": "Nothing", "id": "1"},
}
SAID = f"""
1.json: entry[1] (Patient): {NO_DATE}
2.json: entry[1] (Patient): {NO_DATE}
3.json: entry[1] (Patient): {NO_DATE}
4.json: {NO_DATE}
5.json: entry[0] (Patient): managingOrganization.reference: no Organization meets a conditional\
 reference
6.ndjson: line 2 (Patient): {NO_DATE}
6.ndjson: line 3 (Patient): gender: expected one of female, male, other, unknown, found 'x';\
 name[0].familie: HumanName has no element 'familie'; did you mean family?
7.json: R4 has no resource type 'Nothing'; [base]/metadata lists those that it serves
""".strip()


def test_every_failure_names_its_place_and_its_reason(tmp_path: Path) -> None:
    for name, tree in FILES.items():
        (tmp_path / name).write_bytes(text(tree))
    (tmp_path / "6.ndjson").write_bytes(text(patient("a"), BAD, ODD))
    store = open_store("memory:", "here")

    def make(address: str) -> FastAPI:
        app = create_fhir_app(
            lambda caller: store,
            Capabilities("test", "0", "a server to load into"),
            OpenGuard(),
            clock=WallClock(),
            base_url=f"{address}/fhir",
        )
        return FastAPI(routes=mounted("/fhir", app))

    with serving(make) as address:
        loaded = load([tmp_path], f"{address}/fhir")
    said = [str(failure).removeprefix(f"{tmp_path}/") for failure in loaded.failures]
    assert said == SAID.splitlines()
    # Of the batch the first entry is created; the collection and the lines put Patient/a.
    assert (loaded.resources, loaded.failed) == (3, 9)
    assert store.counts() == {"Patient": 2}
    store.close()
