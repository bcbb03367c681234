"""A server of files for a module; stores of each kind, empty."""

from contextlib import ExitStack

import pytest

from tests.fhir_server.imports.importing import file_server, importing
from tests.fhir_server.store.stores import KINDS, opened


@pytest.fixture(scope="module")
def files():
    with file_server() as server:
        yield server


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    with ExitStack() as stack:
        store = opened(request.param, tmp_path / "store")
        stack.callback(store.close)
        yield store


@pytest.fixture
def server(store, tmp_path, files):
    with importing(store, tmp_path / "imports", files) as server:
        yield server
