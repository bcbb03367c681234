"""The one reader of YAML and CSV: a plain value, or one message with file, line, key, remedy.

YAML is read as version 1.2 (https://yaml.org/spec/1.2.2/): ``yes`` and ``10:30`` are text, only
``true`` and ``false`` are booleans. Files are data, never programs, so tags, anchors and aliases
are refused: a short file must not unfold into a large value.
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
import io
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

MAX_BYTES = 10_000_000
MANY = 15  # known words that a message lists
MAX_INT = 2**63 - 1  # what a column of a results file can hold

T = TypeVar("T")


class InputError(Exception):
    """A file that cannot be used. ``str()`` is ``file:line: key: problem. remedy``."""

    def __init__(self, file: str, line: int | None, key: str, problem: str, remedy: str) -> None:
        self.file, self.line, self.key = file, line, key
        self.problem, self.remedy = problem.rstrip("."), remedy.rstrip(".")
        super().__init__(file, line, key, problem, remedy)

    @property
    def _stop(self) -> str:
        return "" if self.remedy.endswith("?") else "."

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f"{self.key}: " if self.key else ""
        return f"{place}: {key}{self.problem}. {self.remedy}{self._stop}"


def dotted(path: Sequence[str | int]) -> str:
    """``("facilities", 3, "beds")`` as a reader writes it: ``facilities.3.beds``."""
    return ".".join(str(part) for part in path)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy for an unknown word: the nearest known one, else the whole list."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return f"Known here: {', '.join(names[:MANY])}{more}"


@dataclass(frozen=True)
class Document:
    """A file's content as plain values, and where each of them stands in the file."""

    file: str
    value: Any
    _lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict, repr=False)

    def line(self, *key: str | int) -> int | None:
        """1-based line of a key path, or of its nearest ancestor that is in the file."""
        for end in range(len(key), -1, -1):
            if (found := self._lines.get(tuple(key[:end]))) is not None:
                return found
        return None

    def error(self, key_path: Sequence[str | int], problem: str, remedy: str) -> InputError:
        """An error at a key path; a missing key is reported at the line of its parent."""
        path = tuple(key_path)
        return InputError(self.file, self.line(*path), dotted(path), problem, remedy)


def read_text(path: str | Path) -> str:
    """The text of a file; InputError if it is missing, unreadable, too large or not UTF-8."""
    name = str(path)
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(name, None, "", "there is no such file", "Check the name") from None
    except IsADirectoryError:
        raise InputError(name, None, "", "this is a folder", "Name a file in it") from None
    except (OSError, ValueError) as err:
        why = getattr(err, "strerror", None) or str(err)
        raise InputError(
            name, None, "", f"the file cannot be read ({why})", "Check name and permissions"
        ) from None
    if len(raw) > MAX_BYTES:
        raise InputError(
            name, None, "", f"the file is larger than {MAX_BYTES // 10**6} MB", "Split it"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = raw.count(b"\n", 0, err.start) + 1
        raise InputError(
            name, line, "", "the file is not UTF-8 text", "Save it with the encoding UTF-8"
        ) from None


# --- YAML ------------------------------------------------------------------------------------


def read_yaml(path: str | Path) -> Document:
    """A YAML file as dict, list, str, int, float, bool, date or None, with line numbers.

    InputError: missing file, not UTF-8, wrong YAML (with its line), a key given twice, numbers
    that overflow (1e999), aliases, tags, several documents, more than 10 MB.
    """
    return parse_yaml(read_text(path), str(path))


def parse_yaml(text: str, file: str) -> Document:
    """`read_yaml` on a text that is already here; ``file`` is the name used in messages."""
    try:
        root = YAML(typ="safe", pure=True).compose(io.StringIO(text))
        if root is None:
            return Document(file, None, {(): 1})
        reader = _NodeReader(file)
        return Document(file, reader.read(root, ()), reader.lines)
    except MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        what = " ".join(str(err.problem or err.context or "this is not YAML").split())
        raise InputError(
            file,
            mark.line + 1 if mark else None,
            "",
            f"the YAML is not well formed ({what})",
            "Check indentation, colons and quotes there",
        ) from None
    except ReaderError as err:
        line = text.count("\n", 0, err.position) + 1 if isinstance(err.position, int) else None
        raise InputError(
            file, line, "", "there is a control character", "Save the file as plain text"
        ) from None
    except YAMLError as err:
        what = " ".join(str(err).split())
        raise InputError(
            file, None, "", f"the YAML is not well formed ({what})", "Check it"
        ) from None
    except RecursionError:
        raise InputError(
            file, None, "", "the file is nested too deeply", "Use fewer levels"
        ) from None


class _NodeReader:
    """Turns YAML nodes into plain values and notes the line of every key path."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[tuple[str | int, ...], int] = {}
        self._seen: set[int] = set()

    def read(self, node: Node, path: tuple[str | int, ...]) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._seen:
            raise InputError(
                self.file,
                self.lines[path],
                dotted(path),
                "aliases (*name) are not used here",
                "Write the value out",
            )
        self._seen.add(id(node))
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.read(item, (*path, i)) for i, item in enumerate(node.value)]
        if not isinstance(node, ScalarNode):
            raise self._error(node, path, "this is not a plain value", "Write a value")
        return self._scalar(node, path)

    def _error(
        self, node: Node, path: tuple[str | int, ...], problem: str, remedy: str
    ) -> InputError:
        return InputError(self.file, node.start_mark.line + 1, dotted(path), problem, remedy)

    def _mapping(self, node: MappingNode, path: tuple[str | int, ...]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._error(key_node, path, "a key must be one word", "Write key: value")
            key, here = str(key_node.value), (*path, str(key_node.value))
            if key in out:
                first = self.lines[here]
                raise self._error(
                    key_node, here, f"this key already stands on line {first}", "Keep one of them"
                )
            self.lines[here] = key_node.start_mark.line + 1
            out[key] = self.read(value_node, here)
        return out

    def _scalar(self, node: ScalarNode, path: tuple[str | int, ...]) -> Any:
        text, kind = str(node.value), str(node.tag).rsplit(":", 1)[-1]
        if kind == "str":
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            return self._number(node, path, text, kind)
        if kind == "timestamp":
            try:
                return dt.date.fromisoformat(text)
            except ValueError:
                raise self._error(
                    node, path, f"{text} is not a date", "Write it as 2025-07-01"
                ) from None
        raise self._error(node, path, f"the tag {node.tag} is not used here", "Leave it out")

    def _number(
        self, node: ScalarNode, path: tuple[str | int, ...], text: str, kind: str
    ) -> int | float:
        digits = text.replace("_", "")
        if kind == "int":
            prefix = digits.lstrip("+-")[:2].lower()
            number: int | float = 0
            if len(digits) <= 40:  # Python refuses to convert thousands of digits
                number = int(digits, 0 if prefix in ("0x", "0o", "0b") else 10)
            if len(digits) > 40 or abs(number) > MAX_INT:
                raise self._error(node, path, "the number is too large", f"Stay below {MAX_INT}")
            return number
        special = {".inf": math.inf, "-.inf": -math.inf, "+.inf": math.inf, ".nan": math.nan}
        number = special[digits.lower()] if digits.lower() in special else float(digits)
        if not math.isfinite(number):
            raise self._error(
                node, path, f"{text} is not a finite number", "Write an ordinary number"
            )
        return number


# --- CSV -------------------------------------------------------------------------------------


def read_csv(path: str | Path, columns: Mapping[str, Callable[[str], Any]]) -> list[dict[str, Any]]:
    """Rows of a CSV file, each cell converted by its column's function.

    Lines on top that begin with ``#`` hold notice and source. InputError with the line: a column
    that is missing, unknown or there twice, a row with too few or too many cells, a cell whose
    converter raises ValueError.
    """
    name = str(path)
    lines = read_text(path).splitlines(keepends=True)
    skipped = 0
    while skipped < len(lines) and lines[skipped].startswith("#"):
        skipped += 1
    reader = csv.reader(lines[skipped:], strict=True)
    try:
        header = next(reader, [])
        _check_header(name, skipped + 1, header, columns)
        return [
            _row(name, skipped + reader.line_num, header, cells, columns)
            for cells in reader
            if cells
        ]
    except csv.Error as err:
        raise InputError(
            name, skipped + reader.line_num, "", f"this is not CSV ({err})", "Check the quotes"
        ) from None


def _check_header(
    file: str, line: int, header: Sequence[str], columns: Mapping[str, Callable[[str], Any]]
) -> None:
    for name in header:
        if name not in columns:
            raise InputError(file, line, name, "unknown column", did_you_mean(name, columns))
        if header.count(name) > 1:
            raise InputError(file, line, name, "this column is there twice", "Keep one of them")
    for name in columns:
        if name not in header:
            remedy = f"Add it; expected are {', '.join(columns)}"
            raise InputError(file, line, name, "this column is missing", remedy)


def _row(
    file: str,
    line: int,
    header: Sequence[str],
    cells: Sequence[str],
    columns: Mapping[str, Callable[[str], Any]],
) -> dict[str, Any]:
    if len(cells) != len(header):
        problem = f"the row has {len(cells)} cells, the header {len(header)}"
        raise InputError(file, line, "", problem, "Put texts with commas into quotes")
    row = {}
    for name, cell in zip(header, cells, strict=True):
        try:
            row[name] = columns[name](cell)
        except (ValueError, OverflowError) as err:
            raise InputError(
                file, line, name, f"{cell!r} cannot be used ({err})", "Correct the cell"
            ) from None
    return row


# --- dated values ----------------------------------------------------------------------------


class Timeline(Generic[T]):
    """A value that changes on named days: ``Timeline([(date, value), ...])``.

    Each value holds from its day (inclusive) until the next one. ValueError: no value at all,
    days out of order, a day named twice.
    """

    __slots__ = ("_days", "_values")

    def __init__(self, items: Iterable[tuple[dt.date, T]]) -> None:
        pairs = tuple(items)
        if not pairs:
            raise ValueError("a timeline needs at least one value")
        self._days = tuple(day for day, _ in pairs)
        self._values = tuple(value for _, value in pairs)
        for before, after in zip(self._days, self._days[1:], strict=False):
            if before == after:
                raise ValueError(f"two values begin on {after}")
            if before > after:
                raise ValueError(f"{after} comes after {before}")

    @classmethod
    def always(cls, value: T) -> Timeline[T]:
        """The same value on every day."""
        return cls([(dt.date.min, value)])

    @classmethod
    def from_periods(cls, periods: Iterable[tuple[dt.date, dt.date, T]]) -> Timeline[T]:
        """From (first day, last day, value), both days included.

        ValueError: a period that ends before it begins, periods that overlap or leave a gap.
        """
        items: list[tuple[dt.date, T]] = []
        end: dt.date | None = None
        for first, last, value in periods:
            if last < first:
                raise ValueError(f"a period ends on {last}, before it begins on {first}")
            if end is not None and first <= end:
                raise ValueError(f"the periods overlap from {first} to {min(end, last)}")
            if end is not None and first > end + dt.timedelta(days=1):
                raise ValueError(f"there is no value between {end} and {first}")
            items.append((first, value))
            end = last
        return cls(items)

    def without_repeats(self) -> Timeline[T]:
        """The same values on the same days, with no change to what was there already."""
        kept = [
            (day, value)
            for i, (day, value) in enumerate(self.items)
            if i == 0 or value != self._values[i - 1]
        ]
        return Timeline(kept)

    @property
    def items(self) -> tuple[tuple[dt.date, T], ...]:
        return tuple(zip(self._days, self._values, strict=True))

    @property
    def values(self) -> tuple[T, ...]:
        return self._values

    def at(self, day: dt.date) -> T:
        """The value that holds on a day; LookupError before the first one."""
        place = bisect_right(self._days, day) - 1
        if place < 0:
            raise LookupError(f"no value before {self._days[0]}, asked for {day}")
        return self._values[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeline) and self.items == other.items

    def __hash__(self) -> int:
        return hash(self.items)

    def __repr__(self) -> str:
        return f"Timeline({list(self.items)!r})"
