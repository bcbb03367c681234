"""Says whether requirements.lock still satisfies pyproject.toml, without asking any index.

Looks at every requirement of the project, of its test and dev extras and of its build system; at
the hashes of every pin; and that no address of a package index has slipped in.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?P<rest>[^\n]*(?:\n[ \t]+[^\n]*)*)", re.M)
LOCKED_EXTRAS = ("test", "dev")


def required(project: dict) -> Iterator[Requirement]:
    """Every requirement that the lock has to cover."""
    texts = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in LOCKED_EXTRAS:
        texts += project["project"]["optional-dependencies"][extra]
    for text in texts:
        requirement = Requirement(text)
        if requirement.name != project["project"]["name"]:
            yield requirement


def complaints(project: dict, lock: str) -> list[str]:
    """What is wrong with the lock, one sentence each."""
    found = []
    pins = {}
    for pin in PIN.finditer(lock):
        pins[canonicalize_name(pin["name"])] = Version(pin["version"])
        if "--hash=sha256:" not in pin["rest"]:
            found.append(f"{pin['name']} is pinned without a hash")
    for requirement in required(project):
        version = pins.get(canonicalize_name(requirement.name))
        if version is None:
            found.append(f"{requirement} is not in the lock")
        elif version not in requirement.specifier:
            found.append(f"{requirement} is asked for, the lock has {version}")
    if "://" in lock or "--index-url" in lock or "--find-links" in lock:
        found.append("the lock names an address")
    return found


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = complaints(project, lock)
    for complaint in found:
        print(f"requirements.lock: {complaint}; make lock repairs it")
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main())
