"""Loads a network of facilities: ``load_network("pilots")`` or a file of your own.

The format is in docs/reference/network.md, the pilots of 2025 in ``networks/pilots.yaml``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from vietnam.datafiles import Document, InputError, Timeline, did_you_mean, read_yaml
from vietnam.network_dates import date_connections, date_electronic_records
from vietnam.network_file import NetworkFile, read_entries, write_schema
from vietnam.network_graph import build_graph
from vietnam.network_reader import PLAIN_DEFAULTS, read_facilities
from vietnam.network_rules import (
    build_clinics,
    build_communes,
    build_stations,
    keepers,
    read_communes,
)
from vietnam.places import ELSEWHERE, Commune, Facility, Network, Tier

__all__ = [
    "ELSEWHERE",
    "Commune",
    "Facility",
    "Network",
    "load_network",
    "network_names",
    "write_schema",
]

NETWORKS = Path(__file__).with_name("networks")


def network_names() -> list[str]:
    """Names of the shipped networks."""
    return sorted(path.stem for path in NETWORKS.glob("*.yaml"))


def load_network(name_or_path: str | Path) -> Network:
    """A shipped network by name, or one from a YAML file; InputError says what is wrong where."""
    text = str(name_or_path)
    if text in network_names():
        return _shipped(text)
    if Path(text).suffix not in (".yaml", ".yml"):
        raise InputError(text, None, "", "no such network", did_you_mean(text, network_names()))
    return parse_network(read_yaml(name_or_path))


@cache
def _shipped(name: str) -> Network:
    return parse_network(read_yaml(NETWORKS / f"{name}.yaml"))


def parse_network(doc: Document) -> Network:
    """A network from its document; files it names lie beside ``doc.file``."""
    file = read_entries(doc)
    written = read_facilities(doc, file)
    rows, districts = read_communes(doc, file)
    serving = keepers(doc, file)
    for i, entry in enumerate(file.facilities):
        for district in entry.serves:
            if districts and district not in districts:
                remedy = did_you_mean(district, districts)
                raise doc.error(
                    ("facilities", i, "serves"), f"unknown district {district!r}", remedy
                )
    stations = build_stations(doc, file, rows, serving, _template(file, "commune"))
    clinics = build_clinics(doc, file, districts, _template(file, "private"))
    everyone = _numbered(doc, [*written, *clinics, *stations], _template(file, "elsewhere"))
    given = {e.code for e in file.facilities if "emr_from" in e.model_fields_set} | {ELSEWHERE}
    everyone = date_electronic_records(file, everyone, given)
    everyone = date_connections(doc, file, everyone)
    by_commune = dict(
        zip(sorted(row.code for row in rows), (s.code for s in stations), strict=False)
    )
    parts = (file.communes.communes, file.communes.districts) if file.communes else ()
    return Network(
        name=file.name,
        title=file.title,
        facilities=tuple(everyone),
        communes=build_communes(doc, rows, serving, by_commune),
        graph=build_graph(doc, file, everyone),
        source_files=(doc.file, *(str(Path(doc.file).parent / part) for part in parts)),
    )


def _numbered(doc: Document, facilities: Sequence[Facility], elsewhere: Facility) -> list[Facility]:
    """Facilities with their indexes, ``elsewhere`` at the end; refuses codes that rules reuse."""
    seen: dict[str, str] = {}
    for facility in facilities:
        name = facility.names.values[0]
        if facility.code in seen:
            raise doc.error(
                (),
                f"the generated code {facility.code} of {name} belongs to {seen[facility.code]}",
                "Change first_code of the stations or clinics",
            )
        seen[facility.code] = name
    return [replace(f, index=i) for i, f in enumerate([*facilities, elsewhere])]


def _template(file: NetworkFile, tier: Tier) -> Facility:
    """A facility with the defaults of a tier, which generated ones of that tier are made from."""
    defaults = file.defaults.get(tier, PLAIN_DEFAULTS[tier])
    assumed = ("class", "technical_level", "beds", "laboratory_level", "link_class", "coordinates")
    return Facility(
        code=ELSEWHERE,
        index=0,
        names=Timeline.always("Nơi khác"),
        owners=Timeline.always("nhiều chủ"),
        provinces=Timeline.always("00"),
        parents=Timeline.always(None),
        facility_class=defaults.facility_class,
        tier=tier,
        technical_level=defaults.technical_level,
        specialty=defaults.specialty,
        beds=defaults.beds,
        latitude=16.0,
        longitude=108.0,
        laboratory_levels=Timeline.always(defaults.laboratory_level),
        iso15189=defaults.iso15189,
        emr_from=None,
        publish_from=None,
        query_from=None,
        link_class=defaults.link_class,
        record_group=ELSEWHERE,
        provenance=dict.fromkeys(assumed, defaults.basis),
    )
