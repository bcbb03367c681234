"""Core dependencies are those that the packages import; the lock covers them."""

import ast
import importlib.util
import re
import sys
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.walls.tree import PACKAGES, PROJECT, ROOT, modules, parsed

# Declared, not imported by name: what brings each in.
USED_BY_OTHERS = {
    "uvloop": "uvicorn takes it as the loop where it is installed",
    "httptools": "uvicorn takes it as the parser where it is installed",
    "websockets": "uvicorn takes it for websockets where it is installed",
}
# Part of a declared library's own interface, imported by name.
COMES_WITH = {"markupsafe": "jinja2", "click": "typer", "starlette": "fastapi"}
# Declared before the room that imports it exists: name -> that file. A line leaves when it arrives.
WAITING_FOR: dict[str, str] = {}


def declared() -> set[str]:
    requirements = map(Requirement, PROJECT["project"]["dependencies"])
    return {canonicalize_name(requirement.name) for requirement in requirements}


def imported() -> set[str]:
    """Distributions whose modules the seven packages import, at any depth of the code."""
    names = set()
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    tops = {name.partition(".")[0] for name in names} - set(PACKAGES) - set(sys.stdlib_module_names)
    owners = packages_distributions()
    return {canonicalize_name(_owner(top, names, owners)) for top in tops}


def _owner(top: str, names: set[str], owners: dict[str, list[str]]) -> str:
    """fhir and ruamel are shared names: fhir.resources, ruamel.yaml are the distributions."""
    known = owners.get(top, [top])
    dotted = {".".join(name.split(".")[:2]) for name in names if name.startswith(f"{top}.")}
    return next((name for name in known if name.replace("-", ".") in dotted), known[0])


def test_what_is_imported_is_declared():
    companions = {name for name, owner in COMES_WITH.items() if owner in declared()}
    assert imported() - declared() - companions == set()


def test_what_is_declared_is_used():
    assert declared() - imported() - set(USED_BY_OTHERS) - set(WAITING_FOR) == set()


def test_nobody_waits_for_a_room_that_exists():
    assert [name for name, room in WAITING_FOR.items() if (ROOT / room).exists()] == []
    assert set(WAITING_FOR) & imported() == set()


def lock_complaints(project: dict, lock: str) -> list[str]:
    """The complaints of .ci/lock_satisfies.py, which is a script and not a module."""
    spec = importlib.util.spec_from_file_location("lock_satisfies", ROOT / ".ci/lock_satisfies.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.complaints(project, lock)


def test_the_lock_satisfies_the_project():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    assert lock_complaints(PROJECT, lock) == []


def test_an_unsatisfying_lock_is_noticed():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    older = re.sub(r"(?m)^simpy==\S+", "simpy==3.0", lock)
    assert lock_complaints(PROJECT, older) == ["simpy>=4.1 is asked for, the lock has 3.0"]
    without = re.sub(r"(?m)^simpy==.*\n(?: .*\n)*", "", lock)
    assert lock_complaints(PROJECT, without) == ["simpy>=4.1 is not in the lock"]
    bare = re.sub(r"(?m)^(simpy==\S+) \\\n(?: .*\n)*", r"\1\n", lock)
    assert lock_complaints(PROJECT, bare) == ["simpy is pinned without a hash"]
    addressed = f"--index-url=somewhere\n{lock}"
    assert lock_complaints(PROJECT, addressed) == ["the lock names an address"]
