"""Who plays which part in a story of a known person: real facilities of the network at a moment."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.charts.known_stories import Earlier, KnownPerson, Part, known_people
from scenarios.charts.times import Timeline
from scenarios.gates import GateBook
from scenarios.plan import Plan
from vietnam.places import Facility

DAY = 1440
ASKING = ("asks", "sends")


class NoSuchFacility(LookupError):
    """The network has nobody for a part at that moment; the message names story and part."""


def minutes_before(at: int, days: float) -> int:
    """The minute of the study so many days before another."""
    return at - round(days * DAY)


def cast(person: KnownPerson, plan: Plan, at: int) -> dict[str, Facility]:
    """Part -> facility at a minute of the study, each facility once.

    `prefer` where the part suits it, else the first that it suits. NoSuchFacility: nobody suits.
    """
    book, found = GateBook(plan), dict[str, Facility]()
    parts = sorted(person.hospitals.items(), key=lambda item: item[0] not in ASKING)
    for name, part in parts:
        since = oldest(person, name, at)
        other = next((found[word] for word in ASKING if word in found), None)
        for facility in _candidates(plan, part):
            taken = facility in found.values()
            if not taken and _suits(book, facility, part, other, name, since, at):
                found[name] = facility
                break
        else:
            day = Timeline(plan.start).moment(at).date()
            raise NoSuchFacility(
                f"{person.key}: no facility of {plan.network.name} can play {name!r} on {day}"
            )
    return found


def present(plan: Plan, at: int) -> tuple[KnownPerson, ...]:
    """The known people whose story this network can hold at a minute of the study."""

    def held() -> Iterator[KnownPerson]:
        for person in known_people():
            try:
                cast(person, plan, at)
            except NoSuchFacility:
                continue
            yield person

    return tuple(held())


def oldest(person: KnownPerson, part: str, at: int) -> int:
    """The minute of the first thing that this part has written down."""
    ages = [result.days for result in person.results if result.at == part]
    if person.series is not None and part in person.series.at:
        ages.append(person.series.first + (person.series.sets - 1) * person.series.every)
    if person.slip is not None:
        ages.append(person.slip.days)
    return minutes_before(at, max(ages, default=0.0))


def _candidates(plan: Plan, part: Part) -> Iterator[Facility]:
    """Facilities that keep their own record, the preferred one first."""
    preferred = plan.network.by_code.get(part.prefer)
    if preferred is not None:
        yield preferred
    for facility in plan.network.facilities:
        if facility.record_group == facility.code and facility is not preferred:
            yield facility


def _suits(
    book: GateBook,
    facility: Facility,
    part: Part,
    other: Facility | None,
    name: str,
    since: int,
    at: int,
) -> bool:
    if facility.tier == "elsewhere":
        return False
    index, cal = facility.index, book.cal
    connected = cal.emr_from[index] <= since and cal.publish_from[index] <= since
    if name == "asks":
        return bool(connected and cal.query_from[index] <= at)
    return bool(connected) and _laboratory_suits(book, facility, part, other, since, at)


def _laboratory_suits(
    book: GateBook, facility: Facility, part: Part, other: Facility | None, since: int, at: int
) -> bool:
    """By the level rule of 2017: accredited, or rated as high as the one that asks."""
    level, accredited = book.level(facility.index, since), bool(book.cal.accredited[facility.index])
    if part.laboratory == "unrated":
        return not level and not accredited
    if part.laboratory == "any" or other is None:
        return True
    return accredited or level >= max(1, book.level(other.index, at))


def specimen(result: Earlier, at: int) -> int:
    """The minute at which the specimen of an earlier result was taken."""
    return minutes_before(at, result.days)
