"""Lives as rows, and their digest; `python -m tests.scenarios.lives NAME PERSONS` prints it."""

from __future__ import annotations

import hashlib
import sys
from typing import NamedTuple

import numpy as np

from scenarios.plan import Plan, sampled_persons
from scenarios.world.demand import life
from scenarios.world.life import Life, empty_life
from tests.scenarios.worlds import study

VISIT = [name for name in Life._fields if name.startswith("visit_")]
ORDER = [name for name in Life._fields if name.startswith("order_")]


class Visit(NamedTuple):
    """One visit; `order` rows point to it by its place in the life."""

    minute: int
    facility: int
    kind: int
    setting: int
    condition: int
    key: int
    episode: int
    sender: int
    stay: int


class Order(NamedTuple):
    minute: int
    visit: int
    test: int
    region: int
    serial: int
    key: int


def live(plan: Plan, person: int, room: Life | None = None) -> tuple[list[Visit], list[Order]]:
    """The visits and orders of a person, as demand made them."""
    room = room or empty_life()
    visits, orders = life(*plan.key, int(person), plan.demand, room)
    assert visits >= 0
    columns = [getattr(room, name)[:visits].tolist() for name in VISIT]
    rows = [getattr(room, name)[:orders].tolist() for name in ORDER]
    return (
        [Visit(*row) for row in zip(*columns, strict=True)],
        [Order(*row) for row in zip(*rows, strict=True)],
    )


def lives(plan: Plan, count: int) -> dict[int, tuple[list[Visit], list[Order]]]:
    """Persons spread over the whole population, each with its life."""
    room = empty_life()
    persons = sampled_persons(plan.population, min(1.0, count / plan.population))
    return {int(person): live(plan, person, room) for person in persons}


def digest(plan: Plan, persons) -> str:
    """One hash over all columns of these lives."""
    hashed, room = hashlib.sha256(), empty_life()
    for person in persons:
        visits, orders = life(*plan.key, int(person), plan.demand, room)
        for names, count in ((VISIT, visits), (ORDER, orders)):
            for name in names:
                hashed.update(np.asarray(getattr(room, name)[:count], np.int64).tobytes())
    return hashed.hexdigest()


def main(name: str, count: str) -> None:
    plan = study(name)
    print(digest(plan, sampled_persons(plan.population, int(count) / plan.population)))


if __name__ == "__main__":
    main(*sys.argv[1:])
