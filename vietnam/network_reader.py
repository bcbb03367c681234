"""Turns the entries of a network file into facilities, or refuses them.

Refused: a code used twice, unknown parents, record groups or provinces, circles among parents on
any day, periods that overlap or leave a gap, coordinates outside Viet Nam.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from vietnam.datafiles import Document, InputError, Timeline, did_you_mean
from vietnam.network_file import Defaults, FacilityEntry, NetworkFile, Period
from vietnam.places import ELSEWHERE, Facility, Tier
from vietnam.units import MERGER, province_at, province_timeline, provinces_at

T = TypeVar("T")
Path = tuple[str | int, ...]

LAST_OLD_DAY = MERGER - dt.timedelta(days=1)
# The mainland with its coastal islands, and a box around the archipelagos Hoang Sa and Truong Sa.
AREAS = (((8.0, 23.5), (102.0, 109.6)), ((6.5, 17.5), (109.6, 117.9)))
_ROWS: tuple[tuple[Tier, str, str, int, int, str], ...] = (
    ("central", "special", "specialised", 1500, 4, "central"),
    ("provincial", "I", "basic", 500, 2, "provincial"),
    ("district", "III", "basic", 150, 0, "district"),
    ("commune", "IV", "initial", 5, 0, "commune"),
    ("private", "III", "basic", 100, 0, "provincial"),
    ("elsewhere", "none", "basic", 0, 0, "provincial"),
)
PLAIN_DEFAULTS: dict[Tier, Defaults] = {
    tier: Defaults.model_validate(
        {
            "basis": "ASSUMPTION: default of the tier",
            "class": facility_class,
            "technical_level": level,
            "beds": beds,
            "laboratory_level": laboratory,
            "link_class": link,
        }
    )
    for tier, facility_class, level, beds, laboratory, link in _ROWS
}
FIELDS = ("facility_class", "technical_level", "specialty", "beds", "iso15189", "link_class")


def read_facilities(doc: Document, file: NetworkFile) -> list[Facility]:
    """The facilities written in the file, in its order; dates from rules come later."""
    seen: dict[str, int] = {}
    facilities = []
    for i, entry in enumerate(file.facilities):
        path: Path = ("facilities", i)
        if entry.code in seen:
            raise doc.error(
                (*path, "code"),
                f"the code {entry.code} is already used on line "
                f"{doc.line('facilities', seen[entry.code], 'code')}",
                "Give each facility its own code",
            )
        if entry.code == ELSEWHERE or entry.tier == "elsewhere":
            raise doc.error(
                (*path, "code"), "elsewhere is added by the loader", f"Leave {ELSEWHERE} out"
            )
        seen[entry.code] = i
        facilities.append(_facility(doc, file, entry, path, i))
    _check_references(doc, facilities)
    return facilities


def _facility(
    doc: Document, file: NetworkFile, entry: FacilityEntry, path: Path, index: int
) -> Facility:
    _check_point(doc, entry, path)
    defaults = file.defaults.get(entry.tier, PLAIN_DEFAULTS[entry.tier])
    values = {
        name: getattr(defaults, name) if getattr(entry, name) is None else getattr(entry, name)
        for name in FIELDS
    }
    provinces = _provinces(doc, entry, path)
    levels = entry.laboratory_level
    return Facility(
        code=entry.code,
        index=index,
        names=_timeline(doc, entry.name, (*path, "name")),
        owners=(
            _timeline(doc, entry.owner, (*path, "owner"))
            if entry.owner
            else default_owners(provinces)
        ),
        provinces=provinces,
        parents=(
            _timeline(doc, entry.parent, (*path, "parent"))
            if entry.parent
            else Timeline.always(None)
        ),
        tier=entry.tier,
        latitude=entry.latitude,
        longitude=entry.longitude,
        laboratory_levels=(
            _timeline(doc, levels, (*path, "laboratory_level"))
            if levels
            else Timeline.always(defaults.laboratory_level)
        ),
        emr_from=entry.emr_from,
        publish_from=entry.publish_from,
        query_from=entry.query_from,
        record_group=entry.record_group or entry.code,
        provenance=_provenance(doc, file, entry, path, defaults),
        **values,
    )


def default_owners(provinces: Timeline[str]) -> Timeline[str]:
    """The health department of the province, as it is called at the time."""
    owners: list[tuple[dt.date, str]] = []
    for day, code in provinces.items:
        name = province_at(code, max(day, dt.date(2000, 1, 1))).name
        name = name[:1].lower() + name[1:] if name.startswith("Tỉnh") else name
        owners.append((day, f"Sở Y tế {name}"))
    return Timeline(owners).without_repeats()


def _timeline(doc: Document, periods: Sequence[Period[T]], path: Path) -> Timeline[T]:
    try:
        return Timeline.from_periods(
            (p.first or dt.date.min, p.last or dt.date.max, p.value) for p in periods
        )
    except ValueError as err:
        place = _worst(periods)
        where = path if place is None else (*path, place)
        raise doc.error(
            where,
            str(err),
            "Give periods in order of time, each beginning the day after the last one ended",
        ) from None


def _worst(periods: Sequence[Period[T]]) -> int | None:
    """Place of the first period that does not follow its predecessor."""
    end: dt.date | None = None
    for i, period in enumerate(periods):
        first, last = period.first or dt.date.min, period.last or dt.date.max
        if last < first or (end is not None and first != end + dt.timedelta(days=1)):
            return i
        if last == dt.date.max:
            return i + 1 if i + 1 < len(periods) else None
        end = last
    return None


def _provinces(doc: Document, entry: FacilityEntry, path: Path) -> Timeline[str]:
    where = (*path, "province")
    dated = _timeline(doc, entry.province, where)
    before = provinces_at(LAST_OLD_DAY)
    if len(dated.items) == 1:
        code = dated.values[0]
        if code not in before:
            raise doc.error(
                where,
                f"{code!r} is no province code of before 1 July 2025",
                "Write the old two-digit code, e.g. 27 for Bac Ninh; the new one follows by itself",
            )
        return province_timeline(code)
    for day, code in dated.items:
        if code not in provinces_at(max(day, dt.date(2000, 1, 1))):
            raise doc.error(
                where, f"{code!r} is no province code on {day}", "Write the code in force then"
            )
    return dated


def inside(latitude: float, longitude: float) -> bool:
    """Whether a point lies in Viet Nam, as far as boxes can tell."""
    return any(
        south <= latitude <= north and west <= longitude <= east
        for (south, north), (west, east) in AREAS
    )


def _check_point(doc: Document, entry: FacilityEntry, path: Path) -> None:
    if inside(entry.latitude, entry.longitude):
        return
    problem = f"{entry.latitude}, {entry.longitude} is not in Viet Nam"
    swapped = inside(entry.longitude, entry.latitude)
    remedy = (
        "Exchange latitude and longitude" if swapped else "Latitude 8 to 23.5, longitude 102 to 110"
    )
    raise doc.error((*path, "latitude"), problem, remedy)


def _provenance(
    doc: Document, file: NetworkFile, entry: FacilityEntry, path: Path, defaults: Defaults
) -> dict[str, str]:
    """Field -> source: the entry's own, else of the field in this file, else the tier's basis."""
    names: Mapping[str, Any] = FacilityEntry.model_fields
    known = {names[name].alias or name for name in names} | {"coordinates"}
    for name in file.field_sources:
        if name not in known:
            raise doc.error(("field_sources", name), "unknown field", did_you_mean(name, known))
    out: dict[str, str] = {}
    if entry.point is not None:
        out["coordinates"] = _source(doc, file, entry.point, (*path, "point"))
    for name, source in entry.sources.items():
        if name not in known:
            raise doc.error((*path, "sources", name), "unknown field", did_you_mean(name, known))
        out[name] = _source(doc, file, source, (*path, "sources", name))
    for name in entry.model_fields_set:
        alias = names[name].alias or name
        if alias in file.field_sources:
            out.setdefault(alias, file.field_sources[alias])
    for name in (*FIELDS, "laboratory_level"):
        if getattr(entry, name) is None:
            out.setdefault(names[name].alias or name, defaults.basis)
    return out


def _source(doc: Document, file: NetworkFile, text: str, path: Path) -> str:
    """A short name stands for its full source; a longer text stands for itself."""
    if text in file.sources:
        return file.sources[text]
    if " " not in text:
        raise doc.error(path, f"unknown source {text!r}", did_you_mean(text, file.sources))
    return text


def _check_references(doc: Document, facilities: Sequence[Facility]) -> None:
    known = {facility.code: facility for facility in facilities}
    for facility in facilities:
        path: Path = ("facilities", facility.index)
        for parent in facility.parents.values:
            if parent is not None and parent not in known:
                raise doc.error(
                    (*path, "parent"), f"unknown parent {parent!r}", did_you_mean(parent, known)
                )
        keeper = facility.record_group
        if keeper not in known:
            raise doc.error(
                (*path, "record_group"),
                f"unknown facility {keeper!r}",
                did_you_mean(keeper, known),
            )
        if known[keeper].record_group != keeper:
            raise doc.error(
                (*path, "record_group"),
                f"{keeper} keeps its own records at {known[keeper].record_group}",
                f"Name {known[keeper].record_group}",
            )
    for day in sorted({day for f in facilities for day, _ in f.parents.items}):
        if circle := _circle(known, day):
            names = " > ".join(circle)
            first = known[circle[0]].index
            when = "" if day == dt.date.min else f" on {day}"
            raise InputError(
                doc.file,
                doc.line("facilities", first, "parent"),
                f"facilities.{first}.parent",
                f"the parents go round in a circle{when}: {names}",
                "Let one of them have no parent",
            )


def _circle(known: Mapping[str, Facility], day: dt.date) -> list[str] | None:
    """Codes that lead back to the first one, or None."""
    done: set[str] = set()
    for start in known:
        chain: list[str] = []
        code: str | None = start
        while code is not None and code not in done:
            if code in chain:
                return [*chain[chain.index(code) :], code]
            chain.append(code)
            parents = known[code].parents
            code = parents.at(day) if parents.items[0][0] <= day else None
        done.update(chain)
    return None
