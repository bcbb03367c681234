"""Every interaction is asked over every kind of store."""

import pytest

from tests.fhir_server.serving import serving


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
