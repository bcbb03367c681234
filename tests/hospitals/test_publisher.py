"""The publisher: what reaches the coordinator, how often, in which order, and what never does."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from coordinator.services.facts_from_fhir import instant
from fhir_profiles import systems
from fhir_server.client import FhirClient
from hospitals.outbox import OUTBOX, Outbox
from hospitals.publisher import ATTEMPT, DEAD, Drained, Pace, Publisher
from tests.coordinator.world import CLINIC, NOW, PROVINCE, PUBLIC, key, network, patient, report

AT = "2026-02-20T08:00:00+07:00"


class Machine:
    """Machine time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Sender:
    """A publisher of the province's hospital, and what passes between it and the coordinator."""

    def __init__(self, world: Any, *, pace: Pace | None = None, outbox: Any = None) -> None:
        self.world, self.machine = world, Machine()
        self.pace = pace or Pace(attempts=4)
        self.store = world.stores[PROVINCE]
        self.outbox = outbox or world.hospitals[PROVINCE].state.outbox
        self.calls: list[tuple[str, str, int]] = []

    def run(self, work: Callable[[Publisher], Awaitable[Any]]) -> Any:
        """With a publisher that has just been started."""

        async def noted(response: httpx2.Response) -> None:
            path = response.request.url.path.removeprefix("/fhir/")
            self.calls.append((response.request.method, path, response.status_code))

        async def within() -> Any:
            transport = httpx2.ASGITransport(app=self.world.app)
            hooks = {"response": [noted]}
            async with httpx2.AsyncClient(transport=transport, event_hooks=hooks) as http:
                client = FhirClient(f"{PUBLIC}/fhir", http, headers={"X-Requester": PROVINCE})
                publisher = Publisher(
                    self.outbox,
                    self.store,
                    client,
                    self.world.clock,
                    pace=self.pace,
                    machine_time=self.machine,
                )
                return await work(publisher)

        return asyncio.run(within())

    def drain(self) -> Drained:
        self.calls.clear()
        return self.run(lambda publisher: publisher.drain())

    def waiting(self) -> int:
        return len(self.store.rows(OUTBOX, unsettled=True))

    def dead(self) -> list[bytes]:
        return [row.data for row in self.store.rows(DEAD, unsettled=True)]

    def pointers(self) -> list[tuple[str, str, str]]:
        """(number, status, date) of the coordinator's DocumentReferences."""
        bundle = self.world.ask("GET", "/fhir/DocumentReference", params={"_count": "100"}).json()
        found = [entry["resource"] for entry in bundle.get("entry", ())]
        return [(r["masterIdentifier"]["value"], r["status"], r["date"]) for r in found]


@pytest.fixture
def world(tmp_path):
    with network(url=f"sqlite:{tmp_path}", publish=True) as world:
        yield world


@pytest.fixture
def sender(world):
    return Sender(world)


NOW_TEXT = "2026-03-02T01:00:00.000Z"


def test_a_final_report_becomes_a_pointer_and_feeds_the_registration(world, sender):
    world.hospital(PROVINCE, patient("1", cccd="900164123456"), *report("7", "1"))
    assert sender.drain() == Drained(told=1)
    assert sender.calls == [("POST", "Patient", 201), ("POST", "DocumentReference", 201)]
    (found,) = world.services.locator.pointers([key("1")])
    assert (found.reference, found.facility, found.group) == (
        "DiagnosticReport/r-7",
        PROVINCE,
        PROVINCE,
    )
    assert (found.category, found.codes) == ("laboratory", ((systems.LOINC, "4548-4"),))
    assert (found.specimen, found.published) == (instant(AT), NOW)
    fed = world.services.persons.find(*key("1").split("|"))
    assert fed["managingOrganization"] == {"reference": f"Organization/{PROVINCE}"}
    assert [i["value"] for i in fed["identifier"]] == ["1", "900164123456"]
    assert sender.drain() == Drained()
    assert sender.calls == []


def test_only_what_tells_who_a_person_is_leaves_the_hospital(world, sender):
    private = patient(
        "1",
        photo=[{"url": "Binary/1"}],
        contact=[{"name": {"text": "Người nhà"}}],
        generalPractitioner=[{"reference": "Practitioner/1"}],
        maritalStatus={"text": "M"},
    )
    world.hospital(PROVINCE, private, *report("7", "1", conclusion="secret"))
    sender.drain()
    fed = world.services.persons.find(*key("1").split("|"))
    assert set(fed) == {
        "resourceType",
        "id",
        "meta",
        "identifier",
        "name",
        "gender",
        "birthDate",
        "managingOrganization",
    }
    assert "secret" not in world.ask("GET", "/fhir/DocumentReference").text
    assert "valueQuantity" not in world.ask("GET", "/fhir/DocumentReference").text


def test_what_was_told_before_is_not_told_again(world, sender):
    """At least once: the coordinator may know it already, and then nothing is written."""
    world.hospital(PROVINCE, patient("1"), *report("7", "1"))
    sender.drain()
    before = world.stores["coordinator"].counts()
    world.hospital(PROVINCE, report("7", "1")[1])
    assert sender.drain() == Drained(told=1)
    assert sender.calls == [("POST", "Patient", 200), ("POST", "DocumentReference", 200)]
    assert world.stores["coordinator"].counts() == before


def test_a_registration_is_fed_once_for_many_results(world, sender):
    world.hospital(PROVINCE, patient("1"), *report("7", "1"), *report("8", "1"))
    assert sender.drain() == Drained(told=2)
    assert [call[:2] for call in sender.calls] == [
        ("POST", "Patient"),
        ("POST", "DocumentReference"),
        ("POST", "DocumentReference"),
    ]


@pytest.mark.parametrize(
    ("status", "becomes"),
    [("corrected", "current"), ("amended", "current"), ("entered-in-error", "entered-in-error")],
)
def test_corrections_follow_and_keep_the_date(world, sender, status, becomes):
    world.hospital(PROVINCE, patient("1"), *report("7", "1"))
    sender.drain()
    world.clock.advance(NOW + dt.timedelta(days=2))
    world.hospital(PROVINCE, report("7", "1", status=status)[1])
    sender.drain()
    assert sender.pointers() == [("7", becomes, NOW_TEXT)]
    assert len(world.services.locator.pointers([key("1")])) == (becomes == "current")


def test_a_deleted_report_is_a_report_in_error(world, sender):
    world.hospital(PROVINCE, patient("1"), *report("7", "1"))
    sender.drain()
    world.ask("DELETE", f"/hospitals/{PROVINCE}/fhir/DiagnosticReport/r-7")
    sender.drain()
    assert sender.pointers() == [("7", "entered-in-error", NOW_TEXT)]


def test_a_changed_registration_is_fed_again(world, sender):
    world.hospital(PROVINCE, patient("1"), *report("7", "1"))
    sender.drain()
    world.hospital(PROVINCE, patient("1", "Nguyễn Thị Ánh Mai", cccd="900164123456"))
    assert sender.drain() == Drained(told=1)
    fed = world.services.persons.find(systems.CCCD, "900164123456")
    assert fed["name"][0]["text"] == "Nguyễn Thị Ánh Mai"


def test_merged_records_are_linked_by_record_number(world, sender):
    world.hospital(PROVINCE, patient("1"), patient("2", "Nguyễn Thị Ảnh"), *report("7", "1"))
    link = {"other": {"reference": "Patient/p-2"}, "type": "replaced-by"}
    world.hospital(PROVINCE, patient("1", active=False, link=[link]))
    world.hospital(PROVINCE, *report("8", "2"))
    sender.drain()
    fed = world.services.persons.find(*key("1").split("|"))
    assert fed["link"][0]["other"]["identifier"]["value"] == "2"
    linked = world.services.persons.linked(fed)
    assert [c.key for c in linked] == [key("2")]


def test_body_regions_come_from_the_order(world, sender):
    order = {
        "resourceType": "ServiceRequest",
        "id": "s-7",
        "identifier": [{"system": systems.order(PROVINCE), "value": "A|7"}],
        "status": "completed",
        "intent": "order",
        "subject": {"reference": "Patient/p-1"},
        "bodySite": [{"coding": [{"system": systems.BODY_REGION, "code": "chest"}]}],
    }
    based = [{"identifier": order["identifier"][0]}]
    world.hospital(PROVINCE, patient("1"), order, *report("7", "1", basedOn=based))
    sender.drain()
    (found,) = world.services.locator.pointers([key("1")])
    assert found.regions == ("chest",)


# ---- when it does not work -----------------------------------------------------------------------
def test_a_coordinator_that_is_away_is_tried_again_later_and_later(world, sender):
    world.hospital(PROVINCE, patient("1"), *report("7", "1"))
    world.faults.set("coordinator", "unavailable")

    async def tries(publisher):
        seen = []
        for wait in (0, 0.4, 0.2, 0.9, 0.2):
            sender.machine.now += wait
            seen.append(await publisher.drain())
        return seen

    assert sender.run(tries) == [
        Drained(failed=1),
        Drained(waiting=1),  # 0.4 s later: too early, the first pause is 0.5 s
        Drained(failed=1),
        Drained(waiting=1),  # the second is 1 s
        Drained(failed=1),
    ]
    assert sender.waiting() == 1
    world.faults.set("coordinator", "ok")
    assert sender.drain() == Drained(told=1)
    assert sender.waiting() == 0
    assert sender.store.rows(ATTEMPT, unsettled=True) == []


def test_attempts_are_counted_over_restarts_until_the_letter_is_dead(world, sender):
    world.hospital(PROVINCE, patient("1"), *report("7", "1"))
    world.faults.set("coordinator", "unavailable")
    outcomes = [sender.drain() for _ in range(5)]  # each time a new publisher
    assert outcomes == [*[Drained(failed=1)] * 3, Drained(dead=1), Drained()]
    assert sender.waiting() == 0
    (letter,) = sender.dead()
    assert b"not available" in letter
    world.faults.set("coordinator", "ok")
    assert sender.run(lambda publisher: publisher.revive()) == 1
    assert sender.drain() == Drained(told=1)
    assert sender.dead() == []
    assert sender.pointers() == [("7", "current", NOW_TEXT)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"identifier": []}, b"no identifier"),
        ({"subject": {"reference": "Patient/p-9"}}, b"no Patient here"),
        ({"code": {"text": "HbA1c"}}, b"the code of the test is missing"),  # refused with 422
    ],
)
def test_what_cannot_be_told_is_a_dead_letter_at_once_and_holds_up_nobody(
    world, sender, change, says
):
    bad = {k: v for k, v in (report("7", "1")[1] | change).items() if v}
    world.hospital(PROVINCE, patient("1"), bad, *report("8", "1"))
    assert sender.drain() == Drained(told=1, dead=1)
    (letter,) = sender.dead()
    assert says in letter
    assert [number for number, _, _ in sender.pointers()] == ["8"]


def test_a_crash_between_telling_and_settling_tells_twice_and_changes_nothing(world, sender):
    world.hospital(PROVINCE, patient("1"), *report("7", "1"))

    async def crash(publisher):
        async def killed(*args, **more):
            raise asyncio.CancelledError

        publisher._write = killed
        with pytest.raises(asyncio.CancelledError):
            await publisher.drain()

    sender.run(crash)
    assert sender.waiting() == 1
    before = sender.pointers()
    assert sender.drain() == Drained(told=1)
    assert sender.pointers() == before == [("7", "current", NOW_TEXT)]


def test_what_waits_survives_the_end_of_the_process(tmp_path):
    url = f"sqlite:{tmp_path}"
    with network(url=url, publish=True) as world:
        world.hospital(PROVINCE, patient("1"), *report("7", "1"))
        world.faults.set("coordinator", "unavailable")
        assert Sender(world).drain() == Drained(failed=1)
    with network(url=url, publish=True) as world:
        assert [row.key for row in world.stores[PROVINCE].rows(ATTEMPT)] == ["DiagnosticReport/r-7"]
        assert Sender(world).drain() == Drained(told=1)
        (found,) = world.services.locator.pointers([key("1")])
        assert found.reference == "DiagnosticReport/r-7"


def test_nothing_goes_out_before_the_day_of_its_facility(world):
    day = NOW + dt.timedelta(days=10)
    outbox = Outbox(PROVINCE, {PROVINCE: NOW - dt.timedelta(days=1), CLINIC: day})
    sender = Sender(world, outbox=outbox)
    world.hospital(
        PROVINCE, patient("1"), *report("7", "1"), *report("8", "1", facility_code=CLINIC)
    )
    assert sender.drain() == Drained(told=1, waiting=1)
    assert [number for number, _, _ in sender.pointers()] == ["7"]
    world.clock.advance(day)
    assert sender.drain() == Drained(told=1)
    assert len(sender.pointers()) == 2


def test_there_is_work_only_when_there_is(world):
    outbox = Outbox(PROVINCE, {PROVINCE: NOW - dt.timedelta(days=1), CLINIC: NOW + dt.timedelta(1)})
    world.hospital(PROVINCE, patient("1"))
    sender = Sender(world, outbox=outbox)

    async def steps(publisher):
        def write(number, code):
            row = f"DiagnosticReport/r-{number}"
            trees = report(number, "1", facility_code=code)
            world.hospital(PROVINCE, *trees)

            def append(writer):
                outbox.promise(writer.append(OUTBOX, row, code.encode(), at=NOW))

            sender.store.write(append).result()

        seen = [publisher.has_work()]  # something may have been left by the process before
        await publisher.drain()
        seen.append(publisher.has_work())
        await asyncio.to_thread(write, "7", PROVINCE)
        seen.append(publisher.has_work())
        await publisher.drain()
        seen.append(publisher.has_work())
        world.faults.set("coordinator", "unavailable")
        await asyncio.to_thread(write, "8", PROVINCE)
        await publisher.drain()
        seen.append(publisher.has_work())  # not before its pause is over
        sender.machine.now += 0.5
        seen.append(publisher.has_work())
        world.faults.set("coordinator", "ok")
        await publisher.drain()
        await asyncio.to_thread(write, "9", CLINIC)
        await publisher.drain()
        seen.append(publisher.has_work())  # not before the clinic publishes
        world.clock.advance(NOW + dt.timedelta(1))
        seen.append(publisher.has_work())
        await publisher.drain()
        seen.append(publisher.has_work())
        outbox.promise(10_000)  # written, but its transaction is not over yet
        await publisher.drain()
        seen.append(publisher.has_work())
        return seen

    assert sender.run(steps) == [True, False, True, False, False, True, False, True, False, True]


def test_after_a_reset_it_begins_anew(world, sender):
    for store in world.stores.values():
        store.snapshot()

    async def twice(publisher):
        for _ in range(2):
            await asyncio.to_thread(_fill, world)
            assert publisher.has_work()
            assert await publisher.drain() == Drained(told=1)
            found = world.services.persons.find(*key("1").split("|"))
            assert found["name"][0]["text"] == "Nguyễn Thị Ánh"
            for name, store in world.stores.items():
                (world.services.store if name == "coordinator" else store).restore()
            assert world.services.persons.find(*key("1").split("|")) is None

    sender.run(twice)


def test_run_goes_on_until_it_is_cancelled(world):
    sender = Sender(world, pace=Pace(look_again=0.01))

    async def running(publisher):
        task = asyncio.create_task(publisher.run())
        posted = asyncio.create_task(asyncio.to_thread(_fill, world))
        await posted
        while sender.waiting():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    sender.run(running)
    assert sender.pointers() == [("7", "current", NOW_TEXT)]


def _fill(world):
    world.hospital(PROVINCE, patient("1"), *report("7", "1"))
