"""One store of each kind, empty."""

import pytest

from tests.fhir_server.store.stores import KINDS, opened


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    store = opened(request.param, tmp_path)
    yield store
    store.close()
