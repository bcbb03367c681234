"""What a network file leaves to rules: communes, stations, clinics, electronic records, connection.

Rules draw nothing: orders are fixed by the SHA-256 of codes, so adding a facility moves few others.
Each result is marked with the basis of its rule in ``provenance``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vietnam.datafiles import Document, InputError, Timeline, did_you_mean, read_csv
from vietnam.network_file import NetworkFile, Residents
from vietnam.network_reader import default_owners
from vietnam.places import Commune, Facility
from vietnam.units import MERGER, province_at, province_timeline, successor

GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
KM_PER_DEGREE = 111.2


@dataclass(frozen=True)
class District:
    code: str
    name: str
    province_code: str
    latitude: float
    longitude: float
    source: str
    spread_km: float

    @property
    def short_name(self) -> str:
        for prefix in ("Thành phố ", "Thị xã ", "Huyện ", "Quận "):
            if self.name.startswith(prefix):
                return self.name[len(prefix) :]
        return self.name


@dataclass(frozen=True)
class CommuneRow:
    code: str
    name: str
    district: District
    new_name: str
    population: int
    latitude: float
    longitude: float


def stable_order(code: str) -> bytes:
    """A fixed order of codes that has nothing to do with their meaning."""
    return hashlib.sha256(code.encode()).digest()


# --- communes --------------------------------------------------------------------------------


def beside(doc: Document, name: str) -> Path:
    return Path(doc.file).parent / name


def read_communes(doc: Document, file: NetworkFile) -> tuple[list[CommuneRow], dict[str, District]]:
    """Communes with residents and points; [] if the file has none."""
    rules = file.communes
    if rules is None:
        return [], {}
    district_columns = dict.fromkeys(("code", "name", "province_code", "source"), str)
    points = dict.fromkeys(("latitude", "longitude", "spread_km"), float)
    districts = {
        row["code"]: District(**row)
        for row in read_csv(beside(doc, rules.districts), {**district_columns, **points})
    }
    columns = dict.fromkeys(
        ("code", "name", "district_code", "province_code", "new_code", "new_name"), str
    )
    path = beside(doc, rules.communes)
    rows = read_csv(path, columns)
    for row in rows:
        if row["district_code"] not in districts:
            raise InputError(
                str(path),
                None,
                row["code"],
                f"unknown district {row['district_code']!r}",
                f"Add it to {rules.districts}",
            )
    people = _populations(doc, file, rows)
    return [
        CommuneRow(
            row["code"],
            row["name"],
            districts[row["district_code"]],
            row["new_name"],
            people[row["code"]],
            *_spread(districts[row["district_code"]], place, count),
        )
        for row, place, count in _within_district(rows)
    ], districts


def _within_district(rows: Sequence[dict[str, str]]) -> list[tuple[dict[str, str], int, int]]:
    """Each row with its place in its district and the number of communes there."""
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(row["district_code"], []).append(row)
    return [(row, i, len(group)) for group in groups.values() for i, row in enumerate(group)]


def _spread(district: District, place: int, count: int) -> tuple[float, float]:
    """The place-th of count points, evenly over a circle around the district town (sunflower)."""
    radius = district.spread_km * math.sqrt((place + 0.5) / count)
    angle = place * GOLDEN_ANGLE
    latitude = district.latitude + radius * math.sin(angle) / KM_PER_DEGREE
    stretch = KM_PER_DEGREE * math.cos(math.radians(district.latitude))
    longitude = district.longitude + radius * math.cos(angle) / stretch
    return round(latitude, 4), round(longitude, 4)


def _populations(
    doc: Document, file: NetworkFile, rows: Sequence[dict[str, str]]
) -> dict[str, int]:
    """Residents by commune: province totals split by weight, largest remainders rounded up."""
    rules = file.communes
    assert rules is not None
    out: dict[str, int] = {}
    for province in dict.fromkeys(row["province_code"] for row in rows):
        residents: Residents | None = rules.provinces.get(province)
        if residents is None:
            raise doc.error(
                ("communes", "provinces", province),
                f"there are communes of province {province}, but no population",
                "Add its total",
            )
        weights = {
            row["code"]: _weight(doc, rules.weights, row["name"])
            for row in rows
            if row["province_code"] == province
        }
        scale = residents.total / sum(weights.values())
        exact = {code: weight * scale for code, weight in weights.items()}
        out.update({code: int(value) for code, value in exact.items()})
        missing = residents.total - sum(int(value) for value in exact.values())
        for code in sorted(exact, key=lambda c: (int(exact[c]) - exact[c], c))[:missing]:
            out[code] += 1
    return out


def _weight(doc: Document, weights: dict[str, float], name: str) -> float:
    for prefix, weight in weights.items():
        if name.startswith(prefix):
            return weight
    raise doc.error(("communes", "weights"), f"no weight for {name!r}", "Add its first word")


# --- stations and clinics --------------------------------------------------------------------


def keepers(doc: Document, file: NetworkFile) -> dict[str, str]:
    """District code -> code of the facility that serves it."""
    out: dict[str, str] = {}
    for i, entry in enumerate(file.facilities):
        for district in entry.serves:
            if district in out:
                raise doc.error(
                    ("facilities", i, "serves"),
                    f"district {district} is already served by {out[district]}",
                    "Let one facility serve it",
                )
            out[district] = entry.code
    return out


def build_communes(
    doc: Document, rows: Sequence[CommuneRow], serving: dict[str, str], stations: dict[str, str]
) -> tuple[Commune, ...]:
    communes = []
    for row in rows:
        if row.district.code not in serving:
            raise doc.error(
                ("facilities",),
                f"no facility serves district {row.district.code} ({row.district.name})",
                f'Add serves: ["{row.district.code}"] to its medical centre',
            )
        communes.append(
            Commune(
                code=row.code,
                name=row.name,
                district_code=row.district.code,
                district_name=row.district.name,
                province_before=row.district.province_code,
                province_after=successor(row.district.province_code),
                population=row.population,
                latitude=row.latitude,
                longitude=row.longitude,
                station=stations.get(row.code, serving[row.district.code]),
            )
        )
    return tuple(communes)


def build_stations(
    doc: Document,
    file: NetworkFile,
    rows: Sequence[CommuneRow],
    serving: dict[str, str],
    template: Facility,
) -> list[Facility]:
    """One station a commune, in order of commune codes; indexes are given later."""
    rules = file.stations
    if rules is None:
        return []
    stations = []
    for i, row in enumerate(sorted(rows, key=lambda r: r.code)):
        district, keeper = row.district, serving.get(row.district.code, "")
        provinces = province_timeline(district.province_code)
        words = {
            "commune": row.name,
            "new_commune": row.new_name,
            "district": district.short_name,
            "new_province": province_at(provinces.values[-1], MERGER).name,
        }
        parents: Timeline[str | None] = Timeline.always(keeper)
        if rules.governance_after == "commune":
            parents = Timeline([(dt.date.min, keeper), (rules.changed_on, None)])
        before = default_owners(provinces).values[0]
        names = [
            _fill(doc, ("stations", key), text, words)
            for key, text in (
                ("name", rules.name),
                ("name_after", rules.name_after),
                ("owner_after", rules.owner_after),
            )
        ]
        stations.append(
            replace(
                template,
                code=_numbered(rules.first_code, i),
                names=Timeline([(dt.date.min, names[0]), (rules.changed_on, names[1])]),
                owners=Timeline([(dt.date.min, before), (rules.changed_on, names[2])]),
                provinces=provinces,
                parents=parents,
                latitude=row.latitude,
                longitude=row.longitude,
                record_group=keeper,
                provenance={
                    **template.provenance,
                    **dict.fromkeys(("owner", "parent", "record_group", "code"), rules.basis),
                    "name": rules.basis,
                    "coordinates": rules.basis,
                },
            )
        )
    return stations


def build_clinics(
    doc: Document, file: NetworkFile, districts: dict[str, District], template: Facility
) -> list[Facility]:
    """One private polyclinic a district, near its town."""
    rules = file.clinics
    if rules is None:
        return []
    clinics = []
    for i, district in enumerate(sorted(districts.values(), key=lambda d: d.code)):
        name = _fill(doc, ("clinics", "name"), rules.name, {"district": district.short_name})
        clinics.append(
            replace(
                template,
                code=_numbered(rules.first_code, i),
                names=Timeline.always(name),
                owners=Timeline.always(rules.owner),
                provinces=province_timeline(district.province_code),
                latitude=district.latitude,
                longitude=district.longitude,
                beds=rules.beds,
                link_class="district",
                record_group=_numbered(rules.first_code, i),
                provenance={
                    **template.provenance,
                    **dict.fromkeys(
                        ("code", "name", "owner", "coordinates", "beds", "link_class"), rules.basis
                    ),
                },
            )
        )
    return clinics


def _fill(doc: Document, path: tuple[str, ...], text: str, words: dict[str, str]) -> str:
    """The text with its {words} put in."""
    for word in re.findall(r"\{(.*?)\}", text):
        if word not in words:
            raise doc.error(path, f"{{{word}}} is not known here", did_you_mean(word, words))
    return re.sub(r"\{(.*?)\}", lambda found: words[found[1]], text)


def _numbered(first: str, place: int) -> str:
    return f"{int(first) + place:05d}"
