"""Folders, linter roots and shipped packages are one list; entry points stay light."""

import ast
import configparser
import subprocess
import sys

import pytest

from tests.walls.tree import PACKAGES, ROOT, files, modules, parsed, relative

# lienthong/__init__.py is the public Python API; every other package speaks through its modules.
SPEAKING_PACKAGES = {"lienthong/__init__.py"}
REFUSED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "shared"}
REFUSED_NAMES |= {"manager", "managers", "tools", "stuff"}
NOT_SHIPPED = {"tests", "benchmarks"}

HEAVY = ("sqlalchemy", "fastapi", "fhir", "numba")
# entry point -> what importing it in a fresh interpreter must not bring along
LIGHT = [
    ("coordinator.rules.reuse", (*HEAVY, "numpy", "pyarrow", "networkx")),
    ("lienthong.cli.main", (*HEAVY, "pyarrow", "networkx", "simpy")),
    ("lienthong", (*HEAVY, "pyarrow", "networkx", "simpy")),
]


def test_folders_are_linter_roots_are_shipped_packages():
    linter = configparser.ConfigParser()
    linter.read(ROOT / ".importlinter")
    roots = linter["importlinter"]["root_packages"].split()
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_SHIPPED
    assert folders == set(roots) == set(PACKAGES)


def test_every_folder_of_modules_is_a_package():
    loose = {relative(path.parent) for path in modules(*PACKAGES, "tests")}
    loose -= {relative(path.parent) for path in files("__init__.py", under=(*PACKAGES, "tests"))}
    assert loose == set()


def test_package_entry_points_hold_a_docstring_only():
    wordy = []
    for path in files("__init__.py", under=PACKAGES):
        body = parsed(path).body
        docstring = bool(body) and isinstance(body[0], ast.Expr)
        if relative(path) not in SPEAKING_PACKAGES and (len(body) != 1 or not docstring):
            wordy.append(relative(path))
    assert wordy == []


def test_every_module_says_in_its_first_line_what_it_is():
    silent = [relative(path) for path in modules() if not ast.get_docstring(parsed(path))]
    assert silent == []


def test_module_names_say_what_is_inside():
    places = [relative(path) for path in modules(*PACKAGES, "tests", "benchmarks")]
    vague = [place for place in places if REFUSED_NAMES & set(place.removesuffix(".py").split("/"))]
    assert vague == []


@pytest.mark.parametrize(("entry", "heavy"), LIGHT, ids=[entry for entry, _ in LIGHT])
def test_entry_points_are_light(entry, heavy):
    question = f"import sys, {entry}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", question], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [name for name in heavy if name in done.stdout.split()] == []
