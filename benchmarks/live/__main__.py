"""Speed of the live network, each benchmark beside its floor, rounds interleaved.

python -m benchmarks.live read search create transaction peer synthea --json figures.json
python -m benchmarks.live --seconds 10                    # everything, half an hour
python -m benchmarks.live sizes --sizes 10k,100k,1m       # half an hour, 8 GB of disk
.ci/postgres .venv/bin/python -m benchmarks.live --store postgresql
python -m benchmarks.live --from figures.json more.json --page docs/reference/live-speed.md
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.live import figures
from benchmarks.live.generator import CONNECTIONS, Generator
from benchmarks.machine import describe

NAMES: Final = (
    "read",
    "search",
    "create",
    "transaction",
    "peer",
    "lag",
    "synthea",
    "sizes",
    "drive",
    "cds",
    "start",
)
ANY_STORE: Final = ("read", "search", "create", "transaction", "lag", "sizes")
PATIENTS: Final = 500
SYNTHEA: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "synthea"
PACKAGES: Final = ("starlette", "uvicorn", "uvloop", "httptools", "orjson", "msgspec")


def measure(asked: argparse.Namespace) -> dict[str, list[figures.Figure]]:
    """The figures by group."""
    # Here and not above: every process that is started imports this module first.
    from benchmarks.live import databases, rest, sizes

    names, rounds = asked.names, asked.rounds
    found: dict[str, list[figures.Figure]] = {}
    with tempfile.TemporaryDirectory(prefix="lienthong-benchmark-") as folder:
        scratch = Path(folder)
        with Generator() as generator, databases.chosen(asked.store, scratch) as database:
            if {*names} & {*rest.MAKERS, "peer", "lag"}:
                venv = asked.peer_venv or scratch / "peer-venv"
                setting = rest.Setting(asked.seconds, rounds, asked.patients, venv)
                found |= rest.run(names, setting, database, scratch, generator, _say)
            if "sizes" in names:
                setup = (asked.sizes, asked.seconds, rounds, database)
                found["sizes"] = sizes.run(*setup, generator, _say)
            if {*names} & {"synthea", "drive", "cds", "start"}:
                found |= _networks(asked, scratch, generator)
    return found


def _networks(
    asked: argparse.Namespace, scratch: Path, generator: Generator
) -> dict[str, list[figures.Figure]]:
    """What is measured over SQLite only."""
    from benchmarks.live import network, synthea

    names, rounds = asked.names, asked.rounds
    found: dict[str, list[figures.Figure]] = {}
    if "synthea" in names and not asked.synthea.is_dir():
        _say(f"synthea is left out: {asked.synthea} is not there (--synthea FOLDER)")
    elif "synthea" in names:
        found["synthea"] = synthea.run(asked.synthea, rounds, scratch, generator, _say)
    if {*names} & {"drive", "cds"}:
        found |= network.run(names, asked.visits, asked.seconds, rounds, scratch, generator, _say)
    if "start" in names:
        found["start"] = network.starts(asked.scenario, asked.persons, rounds, scratch, _say)
    return found


def about(asked: argparse.Namespace) -> dict[str, Any]:
    """What the figures were measured on, and how."""
    machine = describe()
    machine["packages"] = {name: version(name) for name in PACKAGES}
    return {
        "machine": machine,
        "commit": _commit(),
        "store": "SQLite" if asked.store == "sqlite" else "PostgreSQL",
        "rounds": asked.rounds,
        "seconds": asked.seconds,
        "connections": CONNECTIONS,
        "observations": asked.patients * 20,
        "visits": asked.visits,
        "load_average": [_load_average()],
    }


def _load_average() -> float:
    return float(Path("/proc/loadavg").read_text(encoding="ascii").split()[0])


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.live",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    made.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--seconds", type=float, default=30.0, help="of each row in each round")
    made.add_argument("--patients", type=int, default=PATIENTS, help="20 results each")
    made.add_argument("--sizes", default="10k,100k", help="Observations of the stores of sizes")
    made.add_argument("--peer-venv", type=Path, help="keep sekmet-fhir's environment here")
    made.add_argument("--visits", type=int, default=200, help="that drive replays")
    made.add_argument("--scenario", default="pilots", help="that start starts")
    made.add_argument("--persons", type=int, default=2100, help="people in it")
    made.add_argument("--synthea", type=Path, default=SYNTHEA, help="folder of bundles")
    made.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="figures as JSON, printed or in a file"
    )
    made.add_argument("--page", type=Path, help="write the tables into this page")
    made.add_argument(
        "--from", dest="sources", type=Path, nargs="+", help="figures of earlier runs"
    )
    return made


def checked(arguments: list[str] | None) -> argparse.Namespace:
    """What was asked for; says what is wrong with it and ends."""
    from benchmarks.live.sizes import numbers

    asked = (made := parser()).parse_args(arguments)
    if unknown := [name for name in asked.names if name not in NAMES]:
        made.error(f"{unknown[0]}: there is no such benchmark; choose of {', '.join(NAMES)}")
    for name in ("rounds", "seconds", "patients", "visits"):
        if getattr(asked, name) <= 0:
            made.error(f"--{name}: more than 0")
    able = NAMES if asked.store == "sqlite" else ANY_STORE
    if unable := [name for name in asked.names if name not in able]:
        made.error(f"{unable[0]} is measured over SQLite only; others: {', '.join(able)}")
    asked.names = asked.names or able
    try:
        asked.sizes = numbers(asked.sizes)
    except ValueError as err:
        made.error(f"--sizes: {err}")
    return asked


def main(arguments: list[str] | None = None) -> None:
    from benchmarks.live.page import write

    asked = checked(arguments)
    if asked.sources:
        results = [json.loads(path.read_text(encoding="utf-8")) for path in asked.sources]
    else:
        result = about(asked)
        result["groups"] = measure(asked)
        result["load_average"].append(_load_average())
        results = [result]
    text = json.dumps(results[-1], indent=2, ensure_ascii=False)
    if asked.json and asked.json != "-":
        Path(asked.json).write_text(text + "\n", encoding="utf-8")
    if asked.page:
        write(asked.page, results)
    if asked.json == "-":
        print(text)
        return
    for result in results:
        machine = result["machine"]
        print(f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}")
        for found in result["groups"].values():
            print()
            print(figures.text_table(found))


if __name__ == "__main__":
    main()
