"""ARCHITECTURE.md names what is there: rooms, entry files, every module of the packages."""

import re
from importlib.util import module_from_spec, spec_from_file_location

from tests.walls.tree import PACKAGES, ROOT

PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
BY_HAND = PAGE.partition("## Map")[0]
OTHER_ROOMS = {"tests", "benchmarks", "docs"}
A_PATH = re.compile(r"`([\w./-]+(?:/|\.(?:py|md|yaml|toml|csv)))`")


def rooms() -> dict[str, list[str]]:
    """Room -> the cells of its row: for what, enter at, not here."""
    table = PAGE.partition("## Rooms")[2].partition("## ")[0]
    cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in table.splitlines()]
    return {row[0].strip("`/ "): row[1:] for row in cells if row[0].startswith(("`", " `"))}


def test_every_room_has_a_row_and_every_row_a_room():
    assert set(rooms()) == set(PACKAGES) | OTHER_ROOMS


def test_every_row_says_what_for_where_to_enter_and_what_is_not_here():
    assert {room: len([c for c in cells if c]) for room, cells in rooms().items()} == dict.fromkeys(
        rooms(), 3
    )


def test_rooms_stand_in_the_order_of_the_layers():
    upside_down = [room for room in rooms() if room not in OTHER_ROOMS]
    order = ["lienthong", "scenarios", "hospitals", "coordinator", "fhir_server", "fhir_profiles"]
    assert upside_down == [*order, "vietnam"]


def test_every_named_path_exists():
    missing = {path for path in A_PATH.findall(BY_HAND) if not (ROOT / path).exists()}
    assert missing == set()


def test_the_map_is_up_to_date():
    spec = spec_from_file_location("architecture_map", ROOT / ".ci/architecture_map.py")
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.with_map(PAGE) == PAGE, "ARCHITECTURE.md is behind the tree; make fix writes it"
