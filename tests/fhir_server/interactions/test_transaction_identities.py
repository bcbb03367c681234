"""A transaction writes each resource once: entries that mean the same one fail the whole."""

import pytest

from tests.fhir_server.interactions.transacting import (
    female,
    make,
    numbered,
    send,
    statuses,
    version,
)
from tests.fhir_server.serving import PATIENT, entry

pytestmark = pytest.mark.spec("http.html#trules")


def overlapping(fresh):
    """Pairs of entries that mean the resource `fresh`, the only one with the number `fresh`."""
    where, by = f"Patient/{fresh}", f"identifier=urn:mrn|{fresh}"
    tree, new = numbered(fresh, fresh), numbered(fresh)
    put, patch, delete = (
        entry("PUT", where, tree),
        entry("PATCH", where, female()),
        entry("DELETE", where),
    )
    put_by, patch_by, delete_by = (
        entry("PUT", f"Patient?{by}", new),
        entry("PATCH", f"Patient?{by}", female()),
        entry("DELETE", f"Patient?{by}"),
    )
    found = entry("POST", "Patient", new, ifNoneExist=by)
    return {
        "update and patch": (put, patch),
        "update and delete": (put, delete),
        "patch and patch": (patch, patch),
        "patch and delete": (patch, delete),
        "delete and delete": (delete, delete),
        "update, and by condition": (put, put_by),
        "patch, and by condition": (patch, patch_by),
        "delete, and by condition": (delete, delete_by),
        "update by condition twice": (put_by, put_by),
        "two conditions": (
            put_by,
            entry("PUT", f"Patient?_id={fresh}&{by}", new),
        ),
        "update and patch by condition": (put_by, patch_by),
        "delete by condition twice": (delete_by, delete_by),
        "found by a create, and updated": (found, put),
        "found by a create, and patched": (found, patch_by),
    }


@pytest.mark.parametrize("turned", [False, True], ids=["as written", "the other way round"])
@pytest.mark.parametrize("row", overlapping(""))
def test_two_entries_for_one_resource(anywhere, fresh, row, turned):
    make(anywhere, fresh)
    pair = overlapping(fresh)[row]
    marker = f"{fresh}-m"
    before = entry("PUT", f"Patient/{marker}", numbered("m", marker))
    got = send(anywhere, before, *(pair[::-1] if turned else pair))
    assert (got.status, got.code) == (400, "invalid"), got.said
    assert "entry 1 and entry 2" in got.said
    assert got.expression == "Bundle.entry[2]"
    # Nothing of it happened.
    assert version(anywhere, fresh) == 1
    assert version(anywhere, marker) == 404


def test_what_is_deleted_first_is_met_by_no_condition(anywhere, fresh):
    """Not an overlap: by the time that the update looks, the one who met its condition is gone."""
    make(anywhere, fresh)
    got = send(
        anywhere,
        entry("PUT", f"Patient?identifier=urn:mrn|{fresh}", numbered(fresh)),
        entry("DELETE", f"Patient/{fresh}"),
    )
    assert statuses(got) == [201, 204]
    found = anywhere.ask("GET", f"Patient?identifier=urn:mrn|{fresh}").json
    assert found["total"] == 1


def both(fresh):
    """A patient with two numbers."""
    numbers = [{"system": "urn:mrn", "value": f"{fresh}-{n}"} for n in (1, 2)]
    return {**PATIENT, "identifier": numbers}


NEW_TWICE = {
    "two updates": lambda f: (
        entry("PUT", f"Patient?identifier=urn:mrn|{f}-1", both(f)),
        entry("PUT", f"Patient?identifier=urn:mrn|{f}-2", both(f)),
    ),
    "two creates": lambda f: (
        entry("POST", "Patient", both(f), ifNoneExist=f"identifier=urn:mrn|{f}-1"),
        entry("POST", "Patient", both(f), ifNoneExist=f"identifier=urn:mrn|{f}-2"),
    ),
    "the same condition, written in another way": lambda f: (
        entry("POST", "Patient", both(f), ifNoneExist=f"identifier=urn:mrn|{f}-1"),
        entry("POST", "Patient", both(f), ifNoneExist=f"name=an&identifier=urn:mrn|{f}-1"),
    ),
    "with and without a condition": lambda f: (
        entry("POST", "Patient", both(f)),
        entry("POST", "Patient", both(f), ifNoneExist=f"identifier=urn:mrn|{f}-1"),
    ),
}


@pytest.mark.parametrize("turned", [False, True], ids=["as written", "the other way round"])
@pytest.mark.parametrize("row", NEW_TWICE.values(), ids=NEW_TWICE)
def test_two_entries_for_one_new_resource(anywhere, fresh, row, turned):
    """Other servers lose one of them, or store both."""
    pair = row(fresh)
    got = send(anywhere, *(pair[::-1] if turned else pair))
    assert (got.status, got.code) == (400, "invalid"), got.body
    assert "entry 0 and entry 1" in got.said
    assert anywhere.ask("GET", f"Patient?identifier=urn:mrn|{fresh}-1").json["total"] == 0


def test_conditions_that_find_the_same_and_write_nothing(anywhere, fresh):
    make(anywhere, fresh)
    create = entry("POST", "Patient", numbered(fresh), ifNoneExist=f"identifier=urn:mrn|{fresh}")
    got = send(anywhere, create, create)
    assert statuses(got) == [200, 200]
    assert version(anywhere, fresh) == 1
