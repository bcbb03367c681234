"""Exact counts of the tiny scenarios; `python -m tests.scenarios.baselines` writes them again.

A changed number is a changed result: it needs a line under "Results change" in CHANGELOG.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scenarios.experiments.simulate import simulate
from scenarios.measures import classes
from tests.scenarios.worlds import TINY, study

FILE = Path(__file__).with_name("baselines.json")
SEED = 1


def counted(name: str) -> dict[str, Any]:
    """Persons, avoidable orders and classes of both worlds, at full scale and central values."""
    tally = simulate(study(name, seed=SEED), 1.0).tally
    return {
        "persons": int(tally.persons[0]),
        "visits": int(tally.visits.sum()),
        "avoidable": int(tally.avoidable[1]),
        **{
            world: {code: int(number) for code, number in row.items()}
            for world, row in classes(tally).items()
        },
    }


def main() -> None:
    text = json.dumps({name: counted(name) for name in TINY}, indent=2)
    FILE.write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
