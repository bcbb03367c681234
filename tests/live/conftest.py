"""The network of `drive-coverage`, small: loaded once, running once, and copies of its folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from lienthong.server import Running
from tests.live import running


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a loaded network that does not run. Copy it (`copy_of`), never start it."""
    folder = tmp_path_factory.mktemp("seeded") / "net"
    with running.in_thread(folder):
        pass
    return folder


@pytest.fixture
def copy_of(seeded: Path, tmp_path: Path) -> Callable[[str], Path]:
    """The loaded network in a folder of one's own."""
    return lambda name: Path(shutil.copytree(seeded, tmp_path / name))


@pytest.fixture(scope="session")
def network(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running network for tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("network") / "net"
    shutil.copytree(seeded, folder)
    with running.in_thread(folder) as found:
        yield found


@pytest.fixture
def http(network: Running) -> Iterator[httpx2.Client]:
    """A client of the running network."""
    with httpx2.Client(base_url=network.start.url, timeout=30) as found:
        yield found


@pytest.fixture(scope="session")
def up_environment(pytestconfig: pytest.Config) -> dict[str, str]:
    """Environment of `lienthong up` as a process."""
    return running.environment(pytestconfig.cache.mkdir("compiled"))
