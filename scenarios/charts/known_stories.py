"""The stories of the known people as their file tells them (docs/reference/known-people.md).

Reading is strict: InputError says file, line, key and remedy.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from coordinator.rules.decision import Verdict
from vietnam.catalogue import ORDER, load_catalogue
from vietnam.datafiles import Document, InputError, did_you_mean, read_yaml
from vietnam.identifiers import parse_bhxh, parse_bhyt, parse_cccd, parse_cmnd
from vietnam.network_file import Code, Entry
from vietnam.people_names import parse_name

PEOPLE_FILE: Final = Path(__file__).with_name("known_people.yaml")
Birth = dt.date | Annotated[int, Field(ge=1900, le=2099)]


class Part(Entry):
    """Which facility plays a part, and what its laboratory must be to the one that asks."""

    prefer: Code
    laboratory: Literal["recognised", "unrated", "any"] = "recognised"


class Numbers(Entry):
    """National numbers as one facility has them."""

    cccd: str | None = None
    cmnd: str | None = None
    bhyt: str | None = None
    bhxh: str | None = None


class Written(Entry):
    """How a facility wrote somebody down; what is left out is as the story says."""

    at: str
    number: int | None = None
    name: str | None = None
    birth: Birth | None = None
    numbers: Numbers | None = None
    replaced_by: int | None = None


class Value(Entry):
    """What was measured; without a unit in that of the catalogue."""

    value: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$")]
    unit: str | None = None


class Earlier(Entry):
    """An earlier result. `of`: the record number it stands under; `only`: members measured."""

    at: str
    test: str
    days: Annotated[float, Field(gt=0)]
    region: str | None = None
    of: int | None = None
    other_method: bool = False
    images: bool = True
    status: Literal["final", "corrected", "entered-in-error"] = "final"
    only: list[str] = Field(default_factory=list)
    values: dict[str, Value] = Field(default_factory=dict)


class Series(Entry):
    """Every laboratory test `sets` times, by turns at these facilities; days before as-of."""

    at: list[str]
    sets: Annotated[int, Field(ge=1)]
    every: Annotated[int, Field(ge=1)]
    first: Annotated[int, Field(ge=1)]


class Stated(Entry):
    """A denial of what one facility holds, signed so many days ago; `except` ended `until`."""

    deny: str
    signed: Annotated[int, Field(ge=1)]
    except_: str | None = Field(default=None, alias="except")
    until: int | None = None


class Drafted(Entry):
    """The order that is being written at as-of."""

    test: str
    region: str | None = None
    emergency: bool = False


class Expected(Entry):
    """What the coordinator must decide: the order's code, and why of the first result."""

    code: str
    reasons: list[str]


class Slip(Entry):
    """A transfer slip, signed so many days before as-of."""

    state: Literal["valid", "expired", "used"]
    days: Annotated[int, Field(ge=0)]


class KnownPerson(Entry):
    """One story: who, where, what was written down, and what must come of the order."""

    key: Annotated[str, Field(pattern=r"^kp-[0-9]{2}-[a-z0-9-]+$")]
    title_vi: str
    title_en: str
    story: str
    name: str
    sex: Literal["female", "male"]
    birth: Birth
    numbers: Numbers
    hospitals: dict[str, Part]
    registrations: list[Written] = Field(default_factory=list)
    results: list[Earlier] = Field(default_factory=list)
    series: Series | None = None
    consents: list[Stated] = Field(default_factory=list)
    steward: Literal["same", "not-same"] | None = None
    order: Drafted | None = None
    verdict: Expected | None = None
    under_drafts: Expected | None = None
    slip: Slip | None = None

    @property
    def number(self) -> int:
        """The person of this story; a second registration is numbered 100 higher."""
        return int(self.key.split("-")[1])

    @property
    def written(self) -> tuple[Written, ...]:
        """Every registration: those of the file, and a plain one where it names none."""
        named = {entry.at for entry in self.registrations}
        plain = [Written(at=part) for part in self.hospitals if part not in named]
        return (*plain, *self.registrations)

    def expected(self, recognition_rule: str) -> Expected | None:
        """The verdict under a recognition rule; None where the story says nothing of it."""
        if recognition_rule.startswith("DRAFT"):
            return self.under_drafts or self.verdict
        return self.verdict if recognition_rule == "LEVEL_2017" else None


class _Book(Entry):
    people: list[KnownPerson]


@cache
def known_people() -> tuple[KnownPerson, ...]:
    """All stories in the order of the file. InputError if it was damaged."""
    return parse_people(read_yaml(PEOPLE_FILE))


def known_person(key: str) -> KnownPerson:
    """The story of that key, or of its number. InputError names the nearest one."""
    for person in known_people():
        if key in (person.key, person.key[:5], str(person.number)):
            return person
    remedy = did_you_mean(key, [person.key for person in known_people()])
    raise InputError("KEY", None, "", f"there is no known person {key!r}", remedy)


def parse_people(doc: Document) -> tuple[KnownPerson, ...]:
    """The stories of a document. InputError: line and key of the first thing that is wrong."""
    try:
        people = _Book.model_validate(doc.value).people
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # an unknown key explains a missing one, so it is told first
        first = min(errors, key=lambda e: e["type"] != "extra_forbidden")
        words = f"{str(first['msg'])[:1].lower()}{str(first['msg'])[1:]}"
        raise doc.error(first["loc"], words, f"See the head of {PEOPLE_FILE.name}") from None
    for i, person in enumerate(people):
        _check(doc, ("people", i), person)
    for name in ("key", "name"):
        _once(doc, name, [getattr(person, name) for person in people])
    return tuple(people)


def _once(doc: Document, name: str, values: list[str]) -> None:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise doc.error(("people", i, name), f"{value!r} is there twice", "Change one of them")


def _check(doc: Document, path: tuple[str | int, ...], person: KnownPerson) -> None:
    """Whatever one part of a story says of another, and words that others define."""

    def known(word: str | None, words: Iterable[str], *place: str | int) -> None:
        if word is not None and word not in (names := list(words)):
            raise doc.error((*path, *place), f"{word!r} is not known", did_you_mean(word, names))

    parts = set(person.hospitals)
    for i, entry in enumerate(person.registrations):
        known(entry.at, parts, "registrations", i, "at")
    for i, result in enumerate(person.results):
        known(result.at, parts, "results", i, "at")
        _test(known, result, "results", i)
        for member in (*result.only, *result.values):
            known(member, _members(result.test), "results", i)
    for i, stated in enumerate(person.consents):
        known(stated.deny, parts, "consents", i, "deny")
        known(stated.except_, parts, "consents", i, "except")
    for i, part in enumerate(person.series.at if person.series else ()):
        known(part, parts, "series", "at", i)
    for name in ("verdict", "under_drafts"):
        for word in _words(getattr(person, name)):
            known(word, Verdict.__members__, name)
    wanted = {"sends", "receives"} if person.slip else {"asks"}
    if person.order is not None:
        _test(known, person.order, "order")
    if not wanted <= parts or (person.order is None) != (person.verdict is None):
        words = "an order needs asks and verdict, a slip sends and receives"
        raise doc.error(path, words, f"See the head of {PEOPLE_FILE.name}")
    _people(doc, path, person)


def _test(known: Any, entry: Earlier | Drafted, *place: str | int) -> None:
    known(entry.test, ORDER, *place, "test")
    known(entry.region, load_catalogue().by_key[entry.test].regions, *place, "region")


def _members(test: str) -> list[str]:
    return [member.key for member in load_catalogue().by_key[test].members]


def _words(expected: Expected | None) -> list[str]:
    return [] if expected is None else [expected.code, *expected.reasons]


def _people(doc: Document, path: tuple[str | int, ...], person: KnownPerson) -> None:
    """Names that can be split, numbers of the right form and of the generated range."""
    for entry in person.written:
        if not parse_name(entry.name or person.name).middle:
            raise doc.error((*path, "name"), "has no middle name", "Write family, middle, given")
        numbers = entry.numbers or person.numbers
        for name, fits in (
            ("cccd", lambda text: parse_cccd(text).generated),
            ("cmnd", lambda text: parse_cmnd(text).outcome == "plausible"),
            ("bhyt", lambda text: parse_bhyt(text).bhxh is not None),
            ("bhxh", lambda text: parse_bhxh(text).outcome == "plausible"),
        ):
            number = getattr(numbers, name)
            if number is not None and not fits(number):
                problem = f"{number!r} is no {name.upper()} of a generated person"
                raise doc.error((*path, "numbers", name), problem, "See vietnam/identifiers.py")
