"""The reader: what it gives, what it refuses, and where it says the fault is."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from vietnam.datafiles import (
    MAX_BYTES,
    InputError,
    Timeline,
    did_you_mean,
    parse_yaml,
    read_csv,
    read_yaml,
)

VALUES = [
    # text, value
    ("a: 1", 1),
    ("a: 0x10", 16),
    ("a: 1_000", 1000),
    ("a: -1.5e3", -1500.0),
    ("a: 06", 6),
    ('a: "06"', "06"),
    ("a: 2025-07-01", dt.date(2025, 7, 1)),
    ("a: true", True),
    ("a: yes", "yes"),
    ("a: 10:30", "10:30"),
    ("a: ~", None),
    ("a:", None),
    ("a: [1, {b: 2}]", [1, {"b": 2}]),
    ("a: Đặng Thị Ánh", "Đặng Thị Ánh"),
    ("a: 9223372036854775807", 2**63 - 1),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_values(text, value):
    got = parse_yaml(text, "f.yaml").value["a"]
    assert got == value
    assert type(got) is type(value)


YAML_ERRORS = [
    # name, text, line, key, fragment of the problem
    ("key twice", "a: 1\nb: 2\na: 3", 3, "a", "already stands on line 1"),
    ("nested key twice", "a:\n  b: 1\n  b: 2", 3, "a.b", "already stands on line 2"),
    ("overflow", "a: 1\nb: 1e999", 2, "b", "1e999 is not a finite number"),
    ("negative overflow", "a: -1e999", 1, "a", "not a finite number"),
    ("infinite", "a: .inf", 1, "a", "not a finite number"),
    ("not a number", "a: [1, .nan]", 1, "a.1", "not a finite number"),
    ("huge integer", "a: 9223372036854775808", 1, "a", "too large"),
    ("thousands of digits", "a: " + "9" * 5000, 1, "a", "too large"),
    ("no such day", "a: 2025-02-30", 1, "a", "2025-02-30 is not a date"),
    ("a time", "a: 2025-02-03T10:00:00", 1, "a", "is not a date"),
    ("alias", "a: &x [1]\nb: *x", 2, "b", "aliases"),
    ("tag", "a: !!python/object x", 1, "a", "tag"),
    ("unclosed list", "a: [1\n", 2, "", "not well formed"),
    ("tab", "a:\n\tb: 1", 2, "", "not well formed"),
    ("two documents", "a: 1\n---\nb: 2", 2, "", "another document"),
    ("key that is a list", "a:\n  ? [x]\n  : 1", 2, "a", "a key must be one word"),
    ("control character", "a: 1\nb: \x07", 2, "", "control character"),
    ("too deep", "[" * 3000, None, "", "nested too deeply"),
]


@pytest.mark.parametrize(
    ("text", "line", "key", "problem"),
    [e[1:] for e in YAML_ERRORS],
    ids=[e[0] for e in YAML_ERRORS],
)
def test_yaml_is_refused_with_its_line(text, line, key, problem):
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "f.yaml")
    error = caught.value
    assert (error.file, error.line, error.key) == ("f.yaml", line, key)
    assert problem in error.problem
    assert error.remedy


def test_message_has_file_line_key_problem_and_remedy():
    with pytest.raises(InputError) as caught:
        parse_yaml("a: 1\nb: 1e999", "f.yaml")
    assert str(caught.value) == (
        "f.yaml:2: b: 1e999 is not a finite number. Write an ordinary number."
    )


def test_lines_of_key_paths():
    doc = parse_yaml("a: 1\nb:\n  - x: 1\n    y: 2\n  - {x: 3}\n", "f.yaml")
    assert [doc.line("a"), doc.line("b"), doc.line("b", 0, "y"), doc.line("b", 1, "x")] == [
        1,
        2,
        4,
        5,
    ]
    assert doc.line("b", 0, "missing") == 3, "the nearest ancestor that is there"
    assert str(doc.error(("b", 1, "x"), "it is bad", "Do better")) == (
        "f.yaml:5: b.1.x: it is bad. Do better."
    )


FILES = [
    # name, bytes, line, fragment
    ("latin-1", "a: 1\nb: thuốc".encode("utf-16"), 1, "not UTF-8"),
    ("wrong byte on line 2", b"a: 1\nb: \xff\n", 2, "not UTF-8"),
    ("too large", b"#" * (MAX_BYTES + 1), None, "larger than 10 MB"),
]


@pytest.mark.parametrize(
    ("raw", "line", "problem"), [f[1:] for f in FILES], ids=[f[0] for f in FILES]
)
def test_files_that_cannot_be_read(tmp_path: Path, raw, line, problem):
    path = tmp_path / "f.yaml"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=problem) as caught:
        read_yaml(path)
    assert caught.value.line == line


def test_missing_file_and_folder(tmp_path: Path):
    with pytest.raises(InputError, match="there is no such file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="folder"):
        read_yaml(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_yaml("a\0b")


def test_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_yaml(path).value == {"a": 1, "b": 2}


CSV_ERRORS = [
    # name, text, line, key, fragment
    ("unknown column", "# notice\ncode,nane\n1,a\n", 2, "nane", "unknown column"),
    ("missing column", "code\n1\n", 1, "name", "missing"),
    ("column twice", "code,name,name\n1,a,b\n", 1, "name", "twice"),
    ("bad cell", "# x\n# y\ncode,name\n1,a\nx,b\n", 5, "code", "'x' cannot be used"),
    ("too few cells", "code,name\n1,a\n2\n", 3, "", "has 1 cells"),
    ("too many cells", "code,name\n1,a,b\n", 2, "", "has 3 cells"),
    ("open quote", 'code,name\n1,"a\n', 2, "", "not CSV"),
]


@pytest.mark.parametrize(
    ("text", "line", "key", "problem"), [e[1:] for e in CSV_ERRORS], ids=[e[0] for e in CSV_ERRORS]
)
def test_csv_is_refused_with_its_line(tmp_path: Path, text, line, key, problem):
    path = tmp_path / "f.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_csv(path, {"code": int, "name": str})
    assert (caught.value.line, caught.value.key) == (line, key)
    assert problem in caught.value.problem


def test_csv_rows(tmp_path: Path):
    path = tmp_path / "f.csv"
    path.write_text('# a notice\nname,code\n"An, Bình",7\n\nĐức,8\n', encoding="utf-8")
    assert read_csv(path, {"code": int, "name": str}) == [
        {"name": "An, Bình", "code": 7},
        {"name": "Đức", "code": 8},
    ]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def test_timeline_gives_the_value_that_holds():
    line = Timeline([(day("2020-01-01"), "a"), (day("2025-07-01"), "b")])
    assert [line.at(day(d)) for d in ("2020-01-01", "2025-06-30", "2025-07-01", "2030-01-01")] == [
        *("a", "a"),
        *("b", "b"),
    ]
    with pytest.raises(LookupError, match="no value before 2020-01-01"):
        line.at(day("2019-12-31"))


TIMELINE_ERRORS = [
    # name, periods (first, last), fragment
    ("overlap", [("2020-01-01", "2025-07-01"), ("2025-07-01", "2026-01-01")], "overlap from 2025"),
    ("gap", [("2020-01-01", "2025-06-29"), ("2025-07-01", "2026-01-01")], "no value between"),
    ("backwards", [("2020-01-01", "2019-01-01")], "before it begins"),
    ("none", [], "at least one"),
]


@pytest.mark.parametrize(
    ("periods", "problem"), [e[1:] for e in TIMELINE_ERRORS], ids=[e[0] for e in TIMELINE_ERRORS]
)
def test_timeline_refuses(periods, problem):
    with pytest.raises(ValueError, match=problem):
        Timeline.from_periods((day(a), day(b), i) for i, (a, b) in enumerate(periods))


def test_timeline_refuses_disorder():
    with pytest.raises(ValueError, match="two values begin"):
        Timeline([(day("2020-01-01"), 1), (day("2020-01-01"), 2)])
    with pytest.raises(ValueError, match="comes after"):
        Timeline([(day("2020-01-02"), 1), (day("2020-01-01"), 2)])


def test_did_you_mean():
    assert did_you_mean("facilites", ["facilities", "name"]) == "Did you mean 'facilities'?"
    assert did_you_mean("x", ["b", "a"]) == "Known here: a, b"
