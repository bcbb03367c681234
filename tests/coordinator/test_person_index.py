"""The person index: who is found, who is judged how, and that it keeps up with writes."""

import threading

import pytest

from coordinator.rules.decision import Verdict
from coordinator.services.blocking import blocking_keys
from coordinator.services.facts_from_fhir import registration
from coordinator.services.person_index import PersonIndex
from coordinator.services.watched_store import WatchedStore
from fhir_profiles import systems
from fhir_server.store.open import open_store
from fhir_server.store.port import Document
from tests.coordinator.world import (
    DISTRICT,
    NOW,
    PROVINCE,
    dump,
    key,
    linkage,
    network,
    patient,
)

CCCD = "900164123456"
SLIP = "900164123465"


def _meet(one, other) -> bool:
    asked = blocking_keys(registration(one)).asked
    return bool(asked & blocking_keys(registration(other)).own)


A = patient("1", cccd=CCCD)


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        (patient("2", "Trần Văn Bình", "1990-01-02", cccd=CCCD), True),
        (patient("2", "Trần Văn Bình", "1990-01-02", cmnd=CCCD), True),  # typed into another field
        (
            patient("2", "Trần Văn Bình", "1990-01-02", bhyt=CCCD),
            True,
        ),  # a card shows it since 2025
        (patient("2", "NGUYEN THI ANH", "1964"), True),  # accents and day lost
        (patient("2", "Nguyễn Thị Ánh", "1964-01-01"), True),
        (patient("2", "Ánh Nguyễn Thị", "1964-03-03"), True),  # words in another order
        (patient("2", "Nguyễn Ánh", "1964"), True),  # middle name left out
        (patient("2", "Nguyễn T. Ánh", "1964"), True),  # ... or shortened
        (patient("2", "Lê Ánh", "1964-08-20"), True),  # given name and full date
        (patient("2", "Nguyễn Thị Ánh", "1965-08-21"), False),
        (patient("2", "Nguyễn Văn Bình", "1964-08-20"), False),
        (patient("2", "Nguyễn Văn Ánh", "1964"), False),  # another middle name, not a shorter one
    ],
)
def test_blocking(other, meets):
    assert _meet(A, other) is meets
    assert _meet(other, A) is meets


def test_insurance_number_of_a_card_meets_the_bare_number():
    card = patient("1", "A B", "1990", bhyt="HT4999912345678")
    bare = patient("2", "C D", "1980", bhxh="9912345678")
    assert _meet(card, bare)
    assert not _meet(card, patient("2", "C D", "1980", bhxh="9912345679"))


@pytest.fixture(scope="module")
def world():
    with network() as world:
        world.post(
            patient("1", cccd=CCCD, bhxh="9912345678"),
            patient("2", group=DISTRICT, cccd=CCCD),
            patient("3", group=DISTRICT, cccd=SLIP),
            patient("4", "Nguyen Thi Anh", "1964", group=DISTRICT),
            patient("5", group=DISTRICT, cccd=CCCD, name="Trần Văn Bình", born="1990-02-02"),
            patient("6", "Lê Văn Tám", "1950-05-05", group=DISTRICT, gender="male"),
            patient("7", "Lê Văn Tám", "1950-05-05", gender="male", active=False),
        )
        yield world


def test_candidates_are_judged_by_the_rulebook_best_first(world):
    persons = world.services.persons
    asked = persons.find(systems.mrn(PROVINCE), "1")
    found = [(c.key, c.decision.code) for c in persons.candidates(asked)]
    assert found == [
        (key("2", DISTRICT), Verdict.MATCH_CCCD),
        (key("3", DISTRICT), Verdict.MATCH_SCORE),
        (key("4", DISTRICT), Verdict.REVIEW_NAME_AND_BIRTH_ONLY),
        (key("5", DISTRICT), Verdict.REVIEW_CCCD_CONTRADICTED),
    ]
    assert [c.key for c in persons.linked(asked)] == [key("2", DISTRICT), key("3", DISTRICT)]
    first = persons.candidates(asked)[0]
    assert first.patient["id"] == "p-2"
    assert first.registration == registration(first.patient)


def test_itself_is_no_candidate_whoever_sends_it(world):
    sent = patient("1", cccd=CCCD) | {"id": "some-id-of-the-hospital"}
    keys = [c.key for c in world.services.persons.candidates(sent)]
    assert key("1") not in keys
    assert key("2", DISTRICT) in keys


@pytest.mark.parametrize(
    ("system", "value", "found"),
    [
        (systems.mrn(PROVINCE), "1", "p-1"),
        (systems.mrn(PROVINCE), " 1 ", "p-1"),
        (systems.mrn(DISTRICT), "1", None),
        (systems.CCCD, SLIP, "p-3"),
        ("http://fhir.ehealth.gov.vn/core/sid/national_id", SLIP, "p-3"),  # its name in 2021
        (systems.BHXH, "9912345678", "p-1"),
        (systems.CCCD, "000000000000", None),
    ],
)
def test_find(world, system, value, found):
    tree = world.services.persons.find(system, value)
    assert (tree and tree["id"]) == found


def test_of_several_with_one_number_those_in_use_come_first():
    with network() as world:
        retired = patient("1", cccd=CCCD, active=False)
        world.post(retired, patient("2", group=DISTRICT, cccd=CCCD))
        ids = [tree["id"] for tree in world.services.persons.find_all(systems.CCCD, CCCD)]
        assert ids == ["p-2", "p-1"]


@pytest.mark.parametrize("decision", ["same", "not-same"])
def test_a_stewards_word_outranks_everything(decision):
    with network() as world:
        persons = world.services.persons
        stranger = patient("2", "Trần Văn Bình", "1990-02-02", group=DISTRICT, gender="male")
        twin = patient("3", group=DISTRICT, cccd=CCCD)
        one, other, same = world.post(patient("1", cccd=CCCD), stranger, twin)
        asked = persons.find(systems.mrn(PROVINCE), "1")
        target, before, after = {
            "same": (other, None, Verdict.MATCH_MANUAL),
            "not-same": (same, Verdict.MATCH_CCCD, Verdict.NO_MATCH_MANUAL),
        }[decision]

        def verdict():
            id_ = target.partition("/")[2]
            codes = [c.decision.code for c in persons.candidates(asked) if c.patient["id"] == id_]
            return codes[0] if codes else None

        assert verdict() is before
        (name,) = world.post(linkage(one, target, decision))
        assert verdict() is after
        world.post(linkage(one, target, decision, active=False) | {"id": name.split("/")[1]})
        assert verdict() is before
        world.ask("PUT", f"/fhir/{name}", linkage(target, one, decision) | {"id": name[8:]})
        assert verdict() is after  # in the other direction too
        world.ask("DELETE", f"/fhir/{name}")
        assert verdict() is before


def test_a_record_that_its_hospital_replaced_is_the_same_person():
    with network() as world:
        gone = patient("1", "Nguyễn Thị Ảnh", "1964-02-08", active=False)
        stays = {"system": systems.mrn(PROVINCE), "value": "2"}
        gone["link"] = [{"other": {"type": "Patient", "identifier": stays}, "type": "replaced-by"}]
        world.post(gone, patient("2", cccd=CCCD))
        persons = world.services.persons
        linked = persons.linked(persons.find(*key("2").split("|")))
        assert [(c.key, c.decision.code) for c in linked] == [(key("1"), Verdict.MATCH_MANUAL)]


def test_a_linkage_that_names_nobody_is_refused():
    with network() as world:
        answer = world.ask("POST", "/fhir/Linkage", linkage("Patient/a", "Patient/b", "perhaps"))
        assert answer.status_code == 422
        assert "link-decision" in answer.text


def test_it_follows_updates_deletions_and_bulk_loads():
    with network() as world:
        persons = world.services.persons
        world.post(patient("1", cccd=CCCD), patient("2", group=DISTRICT, cccd=CCCD))
        asked = patient("9", cccd=CCCD)

        def keys():
            return sorted(c.key for c in persons.candidates(asked))

        assert keys() == [key("1"), key("2", DISTRICT)]
        world.post(patient("1", "Phạm Văn Dũng", "1971-03-03", cccd="900171123456"))
        assert keys() == [key("2", DISTRICT)]
        world.ask("DELETE", "/fhir/Patient/p-2")
        assert keys() == []
        assert persons.find(systems.mrn(DISTRICT), "2") is None
        tree = patient("3", group=DISTRICT, cccd=CCCD)
        world.services.store.load([Document(tree, dump(tree))], at=NOW)
        assert keys() == [key("3", DISTRICT)]
        world.services.store.restore()  # to the empty store that it began with
        assert keys() == []
        assert len(persons) == 0


def test_what_is_rolled_back_never_was():
    with network() as world:
        world.services.persons.find(systems.CCCD, CCCD)  # built, so that it only hears of commits
        entries = [
            {
                "fullUrl": "urn:uuid:6b0b7a1a-3c2b-4d8e-9a55-1f0b3f2c7d01",
                "resource": patient("", cccd=CCCD),
                "request": {"method": "POST", "url": "Patient"},
            },
            {
                "fullUrl": "urn:uuid:6b0b7a1a-3c2b-4d8e-9a55-1f0b3f2c7d02",
                "resource": {"resourceType": "Linkage", "item": []},
                "request": {"method": "POST", "url": "Linkage"},
            },
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        assert world.ask("POST", "/fhir", bundle).status_code >= 400
        assert world.services.persons.find(systems.CCCD, CCCD) is None


def test_concurrent_writers_and_readers_see_what_was_answered(tmp_path):
    """Eight writers, SQLite on disk: whoever is answered finds what he wrote, also at once."""
    store = open_store(f"sqlite:{tmp_path}", "coordinator")
    persons = PersonIndex(store)
    watched = WatchedStore(store, [persons])
    missed = []

    def write(n: int) -> None:
        for i in range(10):
            tree = patient(f"{n}-{i}", cccd=f"9001641{n:02d}{i:03d}")

            def put(writer, tree=tree):
                version = writer.put(
                    Document(tree, dump(tree)), id_=tree["id"], method="PUT", at=NOW
                )
                watched.note(writer, version, tree)

            watched.write(put).result()
            if persons.find(systems.mrn(PROVINCE), f"{n}-{i}") is None:
                missed.append(tree["id"])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missed == []
    assert len(persons) == 80
    assert len(persons.candidates(patient("new"))) == 80
    rebuilt = PersonIndex(store)
    assert {c.key for c in rebuilt.candidates(patient("new"))} == {
        c.key for c in persons.candidates(patient("new"))
    }
    store.close()
