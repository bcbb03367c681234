"""Bundles that Synthea made load unchanged, and a second time as the specification says.

The sample stands beside the checkout (`../shared/data/synthea`, ten bundles, 4936 entries): two
batches whose entries mostly carry `ifNoneExist`, eight transactions that refer to them by
conditional references and to themselves by urn:uuid.
"""

from __future__ import annotations

import bz2
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from fhir_profiles.json_text import parse
from fhir_server.app import create_fhir_app, mounted
from fhir_server.capabilities import Capabilities
from fhir_server.clock import WallClock
from fhir_server.guard import OpenGuard
from fhir_server.store.open import open_store
from fhir_server.store.port import Store
from lienthong.load import Loaded, load
from tests.live.serving import serving

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "synthea"
pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="the Synthea sample is not beside this checkout"),
    pytest.mark.xdist_group("synthea"),
]

ONCE = {
    "AllergyIntolerance": 4,
    "CarePlan": 29,
    "CareTeam": 29,
    "Claim": 322,
    "Condition": 83,
    "DiagnosticReport": 385,
    "DocumentReference": 225,
    "Encounter": 225,
    "ExplanationOfBenefit": 225,
    "Immunization": 96,
    "Location": 194,
    "Medication": 2,
    "MedicationAdministration": 2,
    "MedicationRequest": 97,
    "Observation": 2071,
    "Organization": 194,
    "Patient": 8,
    "Practitioner": 195,
    "PractitionerRole": 195,
    "Procedure": 269,
    "Provenance": 8,
    "SupplyDelivery": 78,
}
IF_NONE_EXIST = {"Location", "Organization", "Practitioner"}
TWICE = {type_: n if type_ in IF_NONE_EXIST else 2 * n for type_, n in ONCE.items()}


@dataclass
class Node:
    """A FHIR server of ours on a socket, with its store in a SQLite file."""

    base: str
    store: Store


@contextmanager
def node(folder: Path) -> Iterator[Node]:
    store = open_store(f"sqlite:{folder}", "synthea")

    def make(address: str) -> FastAPI:
        app = create_fhir_app(
            lambda caller: store,
            Capabilities("test", "0", "a server for the Synthea sample"),
            OpenGuard(),
            clock=WallClock(),
            base_url=f"{address}/fhir",
        )
        return FastAPI(routes=mounted("/fhir", app))

    with serving(make) as address:
        yield Node(f"{address}/fhir", store)
    store.close()


def files() -> list[Path]:
    return sorted(DATA.glob("*.json.bz2"))


def post_all(base: str) -> list[tuple[int, list[str]]]:
    """Plain HTTP in name order: status, and the statuses of the entries."""
    found = []
    with httpx2.Client(timeout=120, trust_env=False) as http:
        for path in files():
            reply = http.post(
                base,
                content=bz2.decompress(path.read_bytes()),
                headers={"Content-Type": "application/fhir+json"},
            )
            entries = reply.json().get("entry", [])
            found.append((reply.status_code, [e["response"]["status"][:3] for e in entries]))
    return found


@dataclass
class Plain:
    """What two loads by plain HTTP left behind."""

    first: list[tuple[int, list[str]]]
    second: list[tuple[int, list[str]]]
    after_first: dict[str, int]
    after_second: dict[str, int]
    references: Counter[str]
    values: Counter[str]
    seconds: float


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    with node(tmp_path_factory.mktemp("plain")) as there:
        begun = time.perf_counter()
        first = post_all(there.base)
        seconds = time.perf_counter() - begun
        after_first = there.store.counts()
        trees = [parse(version.body) for version in there.store.scan()]
        references = Counter(kind for tree in trees for kind in kinds_of_references(tree))
        values = Counter(value for tree in trees for value in quantities(tree))
        second = post_all(there.base)
        return Plain(first, second, after_first, there.store.counts(), references, values, seconds)


def kinds_of_references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str):
            yield next((mark for mark in ("urn:", "?", "#") if mark in reference), "literal")
        for inside in value.values():
            yield from kinds_of_references(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from kinds_of_references(inside)


def quantities(tree: dict) -> Iterator[str]:
    """Values of an Observation, as their digits are written."""
    for part in (tree, *tree.get("component", ())):
        if tree["resourceType"] == "Observation" and "valueQuantity" in part:
            yield str(part["valueQuantity"]["value"])


def test_every_bundle_loads_unchanged_by_plain_http(plain: Plain) -> None:
    assert [status for status, _ in plain.first] == [200] * 10
    assert Counter(code for _, codes in plain.first for code in codes) == {"201": 4936}
    assert plain.after_first == ONCE


def test_a_second_time_what_carries_if_none_exist_is_found_and_the_rest_is_created(
    plain: Plain,
) -> None:
    found = sum(ONCE[type_] for type_ in IF_NONE_EXIST)
    codes = Counter(code for _, codes in plain.second for code in codes)
    assert codes == {"200": found, "201": 4936 - found}
    assert plain.after_second == TWICE
    assert plain.after_second["PractitionerRole"] == 390


def test_references_lead_to_what_was_created(plain: Plain) -> None:
    written = Counter[str]()
    for path in files():
        for entry in json.loads(bz2.decompress(path.read_bytes()))["entry"]:
            written.update(kinds_of_references(entry["resource"]))
    assert set(written) == {"urn:", "?", "#"}
    assert plain.references == {
        "literal": written["urn:"] + written["?"],
        "#": written["#"],
    }


def test_values_keep_their_digits(plain: Plain) -> None:
    written = Counter[str]()
    for path in files():
        for entry in parse(bz2.decompress(path.read_bytes()))["entry"]:
            written.update(quantities(entry["resource"]))
    assert any("." in value for value in written)
    assert plain.values == written


@dataclass
class ByCommand:
    """What two calls of `lienthong load` did."""

    first: Loaded
    second: Loaded
    after_first: dict[str, int]
    after_second: dict[str, int]


@pytest.fixture(scope="module")
def by_command(tmp_path_factory: pytest.TempPathFactory) -> ByCommand:
    folder = tmp_path_factory.mktemp("command")
    manifest = folder / "loaded.jsonl"  # the sample may stand where nobody can write
    with node(folder) as there:
        first = load([DATA], there.base, manifest=manifest)
        after_first = there.store.counts()
        second = load([DATA], there.base, manifest=manifest)
        return ByCommand(first, second, after_first, there.store.counts())


def test_lienthong_load_takes_the_folder_as_it_is(by_command: ByCommand) -> None:
    loaded = by_command.first
    assert loaded.failures == []
    assert (loaded.files, loaded.unchanged, loaded.resources) == (10, 0, 4936)
    assert by_command.after_first == ONCE


def test_lienthong_load_a_second_time_changes_nothing(by_command: ByCommand) -> None:
    loaded = by_command.second
    assert (loaded.files, loaded.unchanged, loaded.resources, loaded.failed) == (10, 10, 0, 0)
    assert by_command.after_second == ONCE
