"""`find(query)`: ids found among the RESOURCES of a test module, in every kind of store."""

import pytest

from tests.fhir_server.store.stores import KINDS, ids, opened, put


@pytest.fixture(scope="module", params=KINDS)
def store(request, tmp_path_factory):
    store = opened(request.param, tmp_path_factory.mktemp("store"))
    put(store, *request.module.RESOURCES)
    yield store
    store.close()


@pytest.fixture
def find(store):
    return lambda query: ids(store, query)
