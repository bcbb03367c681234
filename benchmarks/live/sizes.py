"""The same searches over stores of different sizes: what finds little should take as long in all.

One connection, one search after the other, each for another patient; rounds of all searches and
sizes in turn. What a search finds is counted once before it is measured.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Final
from urllib.parse import quote

import httpx2

from benchmarks.live import resources
from benchmarks.live.databases import Database
from benchmarks.live.figures import Figure, Row, Say
from benchmarks.live.generator import Generator, Load, request
from benchmarks.live.node import fill, node
from benchmarks.live.processes import Served
from fhir_profiles import systems

EACH: Final = len(resources.CODES) * resources.EACH  # results of a patient
DIFFERENT: Final = 2000  # searches that a row goes through in turn
SECONDS: Final = 2.0  # of a row in a round, at most
_CODE: Final = f"code={systems.LOINC}|{resources.CODES[0][0]}"
_RESULT: Final = systems.result("99001")
_MRN: Final = systems.mrn("99001")


@dataclass(frozen=True)
class Search:
    """`query` is given a patient's number; `finds` matches and included resources on a page."""

    name: str
    query: Callable[[int], str]
    finds: int
    selective: bool = True


def _window(n: int) -> str:
    """All results of one patient, by the minutes in which they were taken."""
    first, last = resources.taken(n, 0), resources.taken(n, EACH - 1)
    return f"date=ge{first}&date=le{last}"


def _number(n: int) -> str:
    return f"{_RESULT}|p-{n}.3"


SEARCHES: Final = (
    Search("identifier", lambda n: f"Observation?identifier={_number(n)}", 1),
    Search("patient and code", lambda n: f"Observation?patient=Patient/p-{n}&{_CODE}", 10),
    Search("code and dates", lambda n: f"Observation?{_CODE}&{_window(n)}", 10),
    Search(
        "chained subject.identifier",
        lambda n: f"Observation?subject:Patient.identifier={_MRN}|{n:07d}&{_CODE}",
        10,
    ),
    Search("_has", lambda n: f"Patient?_has:Observation:patient:identifier={_number(n)}", 1),
    Search(
        "_include",
        lambda n: f"Observation?identifier={_number(n)}&_include=Observation:patient",
        2,
    ),
    Search("name", lambda n: f"Patient?name={resources.given(n)}", 1),
    Search(
        "sorted page of a patient",
        lambda n: f"Observation?patient=Patient/p-{n}&_sort=-date&_count=10",
        10,
    ),
    Search(
        "page and total",
        lambda n: f"Observation?patient=Patient/p-{n}&_total=accurate&_count=10",
        10,
    ),
    Search("newest ten of all", lambda n: "Observation?_sort=-date&_count=10", 10, selective=False),
    Search(
        "half of all, first page", lambda n: f"Observation?{_CODE}&_count=10", 10, selective=False
    ),
    Search(
        "half of all, counted", lambda n: f"Observation?{_CODE}&_summary=count", 0, selective=False
    ),
)


def numbers(text: str) -> list[int]:
    """`10k,100k,1m` -> Observations, smallest first. ValueError: no sizes, or less than a person
    has."""
    found = set()
    for word in text.lower().split(","):
        matched = re.fullmatch(r"(\d+)([km]?)", word.strip())
        if matched is None:
            raise ValueError(f"{word!r} is no size; write 10k,100k or 1m")
        found.add(int(matched[1]) * {"": 1, "k": 1000, "m": 1_000_000}[matched[2]])
    if min(found) < EACH:
        raise ValueError(f"at least {EACH} Observations")
    return sorted(found)


def label(size: int) -> str:
    for unit, letter in ((1_000_000, "M"), (1000, "k")):
        if size % unit == 0:
            return f"{size // unit} {letter}"
    return str(size)


def run(
    asked: Sequence[int],
    seconds: float,
    rounds: int,
    database: Database,
    generator: Generator,
    say: Say,
) -> list[Figure]:
    """How long it took to fill each store, then every search at every size."""
    found: list[Figure] = []
    rows: list[tuple[Search, int, Row]] = []
    with ExitStack() as stack:
        for size in asked:
            say(f"filling a store with {size:,} Observations")
            found.append(_filled(size, database))
            server = stack.enter_context(Served(node, *database.place(str(size)), False))
            for search in SEARCHES:
                _verify(search, size // EACH, server)
                rows.append((search, size, _row(search, size, server, min(seconds, SECONDS))))
        rows.sort(key=lambda row: SEARCHES.index(row[0]))  # the sizes of a search side by side
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}: {len(rows)} rows" if number else "warming up")
            for _, _, row in rows:
                row.measure(generator)
                if not number:  # statements are compiled, caches filled
                    row.samples.clear()
                    row.cpu.clear()
        return found + _figures(rows)


def _filled(size: int, database: Database) -> Figure:
    begun = time.perf_counter()
    place = database.place(str(size))
    count = fill(place, resources.everything(size // EACH))
    seconds = time.perf_counter() - begun
    return {
        "row": f"filling {label(size)}",
        "size": size,
        "unit": "resources/s",
        "median": round(count / seconds),
        "seconds": round(seconds, 1),
        "size_mb": round(database.size_mb(str(size))),
    }


def _path(search: Search, n: int) -> str:
    return "/fhir/" + quote(search.query(n), safe="/?&=:")


def _row(search: Search, size: int, server: Served, seconds: float) -> Row:
    patients = size // EACH
    asked = range(min(patients, DIFFERENT))
    requests = [request("GET", _path(search, n * 7919 % patients)) for n in asked]
    return Row(f"{search.name}, {label(size)}", Load(server.address, requests, seconds, 1), server)


def _verify(search: Search, patients: int, server: Served) -> None:
    """RuntimeError: the search does not find what it should."""
    url = "http://{}:{}".format(*server.address)
    answer = httpx2.get(url + _path(search, patients - 1), timeout=60)
    entries = answer.json().get("entry", [])
    if answer.status_code != 200 or len(entries) != search.finds:
        raise RuntimeError(f"{search.name}: {answer.status_code}, {len(entries)} entries")


def _figures(rows: Sequence[tuple[Search, int, Row]]) -> list[Figure]:
    found: list[Figure] = []
    smallest: dict[str, float] = {}
    for search, size, row in rows:
        times = [sample.quantile(0.5) for sample in row.samples]
        middle = median(times)
        if unexpected := sum(sum(sample.unexpected.values()) for sample in row.samples):
            raise RuntimeError(f"{row.name}: {unexpected} answers were no 200")
        found.append(
            {
                "row": row.name,
                "unit": "ms",
                "search": search.name,
                "selective": search.selective,
                "finds": search.finds,
                "size": size,
                "median": round(middle, 3),
                "slowest": round(max(times), 3),
                "fastest": round(min(times), 3),
                "p99_ms": round(median(sample.quantile(0.99) for sample in row.samples), 2),
                "cpu_ms": round(median(row.cpu), 3),
                "peak_mb": round(max(row.peaks)),
                "to_smallest": round(middle / smallest.setdefault(search.name, middle), 2),
            }
        )
    return found
