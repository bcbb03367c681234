"""Makes .venv from requirements.lock and nothing else; a no-op when that has been done already.

One stamp inside .venv is named after everything that the environment depends on: the lock, the
project's metadata, the version of Python, this file, and the place (scripts in .venv name it).
A marker stands there while libraries are being installed; a later run that finds it knows that the
earlier one was interrupted, and starts from nothing.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
INSTALLING = VENV / ".installing"


def stamp() -> Path:
    """The file whose presence says: nothing to do."""
    content = hashlib.sha256()
    for source in (LOCK, ROOT / "pyproject.toml", Path(__file__)):
        content.update(source.read_bytes())
    content.update(repr((sys.version_info[:3], sys.platform, str(ROOT))).encode())
    return VENV / f".ready-{content.hexdigest()[:16]}"


def venv_is_usable() -> bool:
    """Whether .venv is whole, has pip, and is of the Python that runs this."""
    if INSTALLING.exists() or not VENV_PYTHON.exists():
        return False
    question = "import sys, pip; print(*sys.version_info[:3])"
    answer = subprocess.run(
        [VENV_PYTHON, "-c", question], capture_output=True, text=True, check=False
    )
    return answer.stdout.split() == [str(part) for part in sys.version_info[:3]]


def new_venv() -> None:
    """An empty environment, or one line about what keeps us from making it."""
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(
            f"setup: this Python {version} comes without venv/ensurepip; install them "
            f"(Debian, Ubuntu: apt-get install python{version}-venv) and run the command again"
        )
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir()
    INSTALLING.touch()
    say("1/3 a new environment in .venv")
    run([sys.executable, "-m", "venv", VENV], "the environment could not be made")


def install() -> None:
    """The libraries by hash, then this project in place, so that edits count at once."""
    pip = [VENV_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Byte-compiling everything would take longer than installing it; Python does it as it imports.
    pip += ["--no-compile"]
    say("2/3 the libraries of requirements.lock (about 200 MB to fetch, once)")
    run(
        [*pip, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", LOCK],
        "the libraries could not be installed; is the package index reachable?",
    )
    say("3/3 lienthong itself")
    run(
        [*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT],
        "the project could not be installed",
    )


def run(command: list[object], trouble: str) -> None:
    """Runs a step; its own words stay visible above our one line if it fails."""
    if subprocess.run([str(part) for part in command], check=False).returncode:
        sys.exit(f"setup: {trouble} Run the command again: it starts from nothing.")


def say(what: str) -> None:
    print(f"setup: {what}", flush=True)


@contextmanager
def alone() -> Iterator[None]:
    """Two commands started at once must not install into each other; the lock dies with us."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main() -> None:
    ready = stamp()
    if ready.exists():
        return
    with alone():
        if ready.exists():
            return
        if not venv_is_usable():
            new_venv()
        INSTALLING.touch()
        for old in VENV.glob(".ready-*"):
            old.unlink()
        install()
        ready.touch()
        INSTALLING.unlink()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
