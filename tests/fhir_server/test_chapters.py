"""Nothing is announced that the tables of the specification do not test."""

import subprocess
import sys

import pytest

from fhir_profiles.definitions.tables import resource_types
from fhir_server.app import TABLE
from fhir_server.chapters import INTERACTIONS, PARAMETER_TYPES
from fhir_server.search.parameters import supported
from tests.fhir_server.chapters import ROOT, without_store

PAGE = ROOT / "docs/reference/fhir/conformance.md"


@pytest.fixture(scope="module")
def made():
    """The page as the tests of now would make it, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fhir_server.chapters"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_page_is_up_to_date(made):
    assert PAGE.read_text("utf-8") == made


@pytest.mark.parametrize("chapter", sorted({*INTERACTIONS.values(), *PARAMETER_TYPES.values()}))
def test_every_announced_chapter_has_cases(made, chapter):
    assert f"[{chapter}](" in made


def test_every_interaction_has_a_chapter():
    served = {one.code for row in TABLE.rows.values() for one in row.values() if one.supported}
    assert served - set(INTERACTIONS) == set()


def test_every_type_of_parameter_has_a_chapter():
    types = {p.type for type_ in resource_types() for p in supported(type_).values()}
    assert types - set(PARAMETER_TYPES) == set()


@pytest.mark.parametrize(
    ("nodeid", "case"),
    [
        ("t.py::test_a", "t.py::test_a"),
        ("t.py::test_a[memory-x]", "t.py::test_a[x]"),
        ("t.py::test_a[x-postgresql-y]", "t.py::test_a[x-y]"),
        ("t.py::test_a[sqlite]", "t.py::test_a[]"),
    ],
)
def test_a_case_over_several_stores_is_one(nodeid, case):
    assert without_store(nodeid) == case
