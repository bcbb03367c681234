"""Data made by others and by us: nothing that is valid is refused, with all that is shipped."""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_profiles.json_text import Tree, dump, parse
from fhir_profiles.validation.full import validate
from scenarios.charts.known_stories import KnownPerson
from tests.fhir_profiles.validation.good import GOOD
from tests.scenarios.test_known_people import PEOPLE, chart, everything

SYNTHEA = Path(__file__).resolve().parents[4] / "shared" / "data" / "synthea"
FILES = sorted(path.name for path in SYNTHEA.glob("*.bz2")) or ["not there"]

pytestmark = pytest.mark.spec("validation.html#3.1.5")


def wrong(tree: Tree, body: bytes | None = None) -> Iterator[str]:
    for issue in validate(tree, body=body):
        if issue.severity in ("fatal", "error"):
            yield str(issue)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.skipif(not SYNTHEA.is_dir(), reason="the Synthea sample is not beside the checkout")
def test_synthea(name: str) -> None:
    with bz2.open(SYNTHEA / name) as stream:
        body = stream.read()
    assert list(wrong(parse(body), body)) == []


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.key)
def test_charts_of_ours(person: KnownPerson) -> None:
    trees = [tree for _, tree in everything(chart(person.key))]
    assert trees
    for tree in trees[:300]:
        assert list(wrong(parse(dump(tree)))) == []


@pytest.mark.parametrize("name", GOOD)
def test_the_valid_resources_of_the_table(name: str) -> None:
    assert list(wrong(GOOD[name])) == []
