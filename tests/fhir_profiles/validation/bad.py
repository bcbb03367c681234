"""The table `bad.txt`: one change to a valid resource a line, and the issue that it gives."""

import json
from pathlib import Path
from typing import Any, NamedTuple

GONE = object()


class Bad(NamedTuple):
    name: str
    path: str
    value: Any
    code: str
    place: str

    def __str__(self) -> str:
        return f"{self.name}.{self.path} {self.code}"


def _row(line: str) -> Bad:
    name, path, value, code, place = [*line.split(" | "), "", ""][:5]
    return Bad(name, path, json.loads(value) if value else GONE, code, place)


_LINES = Path(__file__).with_name("bad.txt").read_text("utf-8").splitlines()
ALL = [_row(line) for line in _LINES if line and not line.startswith("#")]
BAD = [row for row in ALL if row.code]
STILL_GOOD = [row for row in ALL if not row.code]
