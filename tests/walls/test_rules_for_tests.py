"""The rules that tests/conftest.py lays on every test are able to stop one."""

import os
import shutil
import socket
import subprocess
import sys

import pytest

from tests.walls.tree import ROOT

SKIPPING = """
import pytest

@pytest.mark.skipif(True, reason="needs a browser")
def test_by_mark(): ...

def test_inside():
    pytest.importorskip("no_such_library")

@pytest.mark.xfail(strict=True, reason="known")
def test_expected_to_fail():
    assert False

def test_plain(): ...
"""
SKIPPING_ALL = """
import pytest
pytest.importorskip("no_such_library")
"""


@pytest.mark.parametrize(
    ("ci", "code", "outcome"),
    [
        ("true", 1, "1 failed, 1 passed, 1 xfailed, 2 errors"),
        ("", 0, "1 passed, 3 skipped, 1 xfailed"),
    ],
    ids=["in CI", "on a laptop"],
)
def test_a_skip_is_a_failure_in_ci_only(tmp_path, ci, code, outcome):
    shutil.copyfile(ROOT / "tests/conftest.py", tmp_path / "conftest.py")
    (tmp_path / "test_it.py").write_text(SKIPPING, "utf-8")
    (tmp_path / "test_all.py").write_text(SKIPPING_ALL, "utf-8")
    pytest_alone = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest_alone, "-c", os.devnull, "--continue-on-collection-errors", "."],
        cwd=tmp_path,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in done.stdout, done.stdout
    assert done.returncode == code


def test_a_test_that_reaches_for_another_machine_fails():
    # An address that documentation is allowed to name and nobody has (RFC 5737).
    with socket.socket() as reaching, pytest.raises(AssertionError, match="stay on loopback"):
        reaching.connect(("192.0.2.1", 80))


def test_loopback_is_open():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()
