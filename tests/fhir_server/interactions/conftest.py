"""Every interaction is asked over every kind of store."""

import uuid

import pytest

from tests.fhir_server.serving import serving
from tests.fhir_server.store.stores import KINDS, SERVER


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:{tmp_path}"


@pytest.fixture
def server(url):
    with serving(url) as running:
        yield running


@pytest.fixture
def audited(url):
    with serving(url, audited=True) as running:
        yield running


@pytest.fixture(scope="module", params=KINDS)
def anywhere(request, tmp_path_factory):
    """A server for a whole module, over PostgreSQL too where there is one; tests use ids of their
    own (`fresh`)."""
    folder = tmp_path_factory.mktemp("store")
    urls = {"memory": "memory:", "sqlite": f"sqlite:{folder}", "postgresql": SERVER}
    with serving(urls[request.param], f"t{uuid.uuid4().hex[:12]}", audited=True) as running:
        yield running


@pytest.fixture
def fresh() -> str:
    """An id, or a number of a record, that nothing else has."""
    return uuid.uuid4().hex
