"""The 16 orderable test groups: windows, codes, prices and doses (data: ``catalogue.yaml``).

The groups and their windows are those of the model specification, section 2; engines count on the
order of ``Catalogue.groups``. An unclear price or dose says ASSUMPTION in its source and carries
a range.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from vietnam.datafiles import Document, did_you_mean, read_yaml

ResultClass = Literal["labile", "stable", "imaging_function"]
Modality = Literal["laboratory", "xray", "ultrasound", "ct", "mri", "ecg", "endoscopy"]
MODALITIES = ("laboratory", "xray", "ultrasound", "ct", "mri", "ecg", "endoscopy")
ORDER = (
    "cbc",
    "glucose",
    "creatinine_urea",
    "electrolytes",
    "ast_alt",
    "crp",
    "urinalysis",
    "coagulation",
    "lipids",
    "hba1c",
    "chest_xray",
    "abdominal_ultrasound",
    "ct",
    "mri",
    "ecg",
    "gastroscopy",
)
CATALOGUE_FILE = Path(__file__).with_name("catalogue.yaml")


@dataclass(frozen=True)
class Member:
    """One value of a laboratory group. ``indicator`` is its MA_CHI_SO, where known."""

    key: str
    name_vi: str
    name_en: str
    loinc: str | None
    unit: str
    indicator: str | None = None


@dataclass(frozen=True)
class Region:
    """A body region of CT or MRI, with its code and its effective dose in mSv."""

    key: str
    name_vi: str
    name_en: str
    loinc: str | None
    dose_msv: float
    dose_range: tuple[float, float]
    dose_source: str


@dataclass(frozen=True)
class TestGroup:
    """What a clinician orders at once. Prices are VND per billed line, doses mSv."""

    __test__ = False  # not a test class, whatever its name

    key: str
    index: int
    name_vi: str
    name_en: str
    result_class: ResultClass
    modality: Modality
    window_days: int
    service_lines: int
    ma_dich_vu: tuple[str, ...]
    loinc: str | None
    price_vnd: int
    price_from: dt.date
    price_source: str
    price_range: tuple[float, float]
    dose_msv: float
    dose_range: tuple[float, float]
    dose_source: str
    members: tuple[Member, ...]
    body_regions: tuple[Region, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """Keys of the body regions; () unless the group is ordered by region."""
        return tuple(region.key for region in self.body_regions)

    def code(self, region: str | None = None) -> str | None:
        """LOINC code of the group, or of one of its regions."""
        return self._region(region).loinc if region else self.loinc

    def dose(self, region: str | None = None) -> float:
        """Effective dose in mSv of one examination; a group by region gives the regions' mean."""
        return self._region(region).dose_msv if region else self.dose_msv

    def _region(self, key: str) -> Region:
        for region in self.body_regions:
            if region.key == key:
                return region
        raise KeyError(f"{self.key} has no region {key!r}")


@dataclass(frozen=True)
class Catalogue:
    """All test groups in model order, and what a line costs where."""

    groups: tuple[TestGroup, ...]
    class_factors: Mapping[str, float]
    class_factor_ranges: Mapping[str, tuple[float, float]]

    @cached_property
    def by_key(self) -> dict[str, TestGroup]:
        return {group.key: group for group in self.groups}

    def price(self, key: str, facility_class: str, day: dt.date) -> int:
        """VND of one billed line at a facility of that price class (see ``price_class``).

        ``day`` is taken because prices change; the only price known so far holds on every day.
        KeyError for an unknown group or class.
        """
        del day  # one price per line is known; see the list of sources in catalogue.yaml
        return round(self.by_key[key].price_vnd * self.class_factors[facility_class])


@cache
def load_catalogue() -> Catalogue:
    """The shipped catalogue. InputError if the file was damaged."""
    return parse_catalogue(read_yaml(CATALOGUE_FILE))


def parse_catalogue(doc: Document) -> Catalogue:
    """A catalogue from its document; InputError names the line and key of what is wrong."""
    groups, sources = doc.value["groups"], doc.value["price_sources"]
    for name in groups:
        if name not in ORDER:
            raise doc.error(("groups", name), "unknown test group", did_you_mean(name, ORDER))
    if list(groups) != list(ORDER):
        raise doc.error(
            ("groups",), "the test groups are not in model order", f"Use {', '.join(ORDER)}"
        )
    factors = doc.value["class_factors"]
    return Catalogue(
        groups=tuple(_group(doc, i, name, groups[name], sources) for i, name in enumerate(groups)),
        class_factors={name: float(entry["factor"]) for name, entry in factors.items()},
        class_factor_ranges={
            name: (float(entry["low"]), float(entry["high"])) for name, entry in factors.items()
        },
    )


def _group(
    doc: Document, index: int, key: str, raw: Mapping[str, Any], sources: Mapping[str, str]
) -> TestGroup:
    price = raw["price"]
    path: tuple[str, ...]
    if price["source"] not in sources:
        path = ("groups", key, "price", "source")
        raise doc.error(path, "unknown source", did_you_mean(price["source"], sources))
    if raw["modality"] not in MODALITIES:
        path = ("groups", key, "modality")
        raise doc.error(path, "unknown modality", did_you_mean(raw["modality"], MODALITIES))
    regions = tuple(_region(name, entry) for name, entry in raw.get("regions", {}).items())
    dose, span, source = _dose(raw.get("dose"))
    if regions:
        count = len(regions)
        dose = sum(region.dose_msv for region in regions) / count
        span = (
            sum(region.dose_range[0] for region in regions) / count,
            sum(region.dose_range[1] for region in regions) / count,
        )
        source = f"ASSUMPTION: mean over {count} regions"
    return TestGroup(
        key=key,
        index=index,
        name_vi=raw["name_vi"],
        name_en=raw["name_en"],
        result_class=raw["class"],
        modality=raw["modality"],
        window_days=raw["window_days"],
        service_lines=raw["lines"],
        ma_dich_vu=tuple(raw["services"]),
        loinc=raw["loinc"],
        price_vnd=price["vnd"],
        price_from=price["from"],
        price_source=sources[price["source"]],
        price_range=(price["low"], price["high"]),
        dose_msv=dose,
        dose_range=span,
        dose_source=source,
        members=tuple(_member(entry) for entry in raw.get("members", ())),
        body_regions=regions,
    )


def _member(raw: Mapping[str, Any]) -> Member:
    return Member(raw["key"], raw["vi"], raw["en"], raw["loinc"], raw["unit"], raw.get("indicator"))


def _region(key: str, raw: Mapping[str, Any]) -> Region:
    dose, span, source = _dose(raw.get("dose"))
    return Region(key, raw["vi"], raw["en"], raw["loinc"], dose, span, source)


def _dose(raw: Mapping[str, Any] | None) -> tuple[float, tuple[float, float], str]:
    if raw is None:
        return 0.0, (0.0, 0.0), "no ionising radiation"
    return float(raw["msv"]), (float(raw["low"]), float(raw["high"])), raw["source"]
