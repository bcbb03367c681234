"""Over real sockets: whoever was told that a write is done sees it, on whatever connection.

Many write at once, so that commits are shared: nobody may be answered before the commit.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.fhir_server.serving import entry, on_a_socket, serving, transaction
from tests.fhir_server.store.stores import KINDS, SERVER

pytestmark = pytest.mark.spec("http.html#transactional-integrity")

CLIENTS = 8
ROUNDS = 3
SYSTEM = "urn:own-writes"


@pytest.fixture(params=KINDS)
def address(request, tmp_path):
    urls = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path}", "postgresql": SERVER}
    tenant = f"t{uuid.uuid4().hex[:12]}"
    with (
        serving(urls[request.param], tenant, audited=True) as server,
        on_a_socket(server.app) as address,
    ):
        yield f"{address}/"


def patient(mark, **more):
    identifier = [{"system": SYSTEM, "value": mark}]
    return {"resourceType": "Patient", "identifier": identifier, **more}


class Watcher:
    """Looks on a connection of its own, as another client would."""

    def __init__(self, client, mark):
        self.client, self.mark = client, mark

    def get(self, path, status=200):
        got = self.client.get(path)
        assert got.status_code == status, (path, got.text)
        return got.json()

    def sees(self, id_, version, **wanted):
        """A version, by read, search and all histories."""
        tree = self.get(f"Patient/{id_}")
        assert tree["meta"]["versionId"] == str(version)
        assert {name: tree.get(name) for name in wanted} == wanted
        found = self.get(f"Patient?identifier={SYSTEM}|{self.mark}&_id={id_}")
        assert [one["resource"] for one in found["entry"]] == [tree]
        self.lists(id_, version)

    def lists(self, id_, version):
        place = (id_, f'W/"{version}"')
        for path in (
            f"Patient/{id_}/_history",
            "Patient/_history?_count=500",
            "_history?_count=500",
        ):
            listed = [
                (one["fullUrl"].rpartition("/")[2], one["response"]["etag"])
                for one in self.get(path)["entry"]
            ]
            assert place in listed, path

    def misses(self, id_, version):
        """A deletion."""
        self.get(f"Patient/{id_}", 410)
        assert "entry" not in self.get(f"Patient?identifier={SYSTEM}|{self.mark}&_id={id_}")
        self.lists(id_, version)


def lived(address, mark):
    """One client's writes, each looked at from elsewhere as soon as it is answered."""
    clients = [httpx2.Client(base_url=address, timeout=60) for _ in range(2)]
    with clients[0] as own, clients[1] as other:
        watcher = Watcher(other, mark)
        made = own.post("Patient", json=patient(mark))
        assert made.status_code == 201, made.text
        id_ = made.json()["id"]
        watcher.sees(id_, 1)
        for number in range(ROUNDS):
            active = bool(number % 2)
            tree = patient(mark, id=id_, active=active)
            assert own.put(f"Patient/{id_}", json=tree).status_code == 200
            watcher.sees(id_, number + 2, active=active)
        assert own.delete(f"Patient/{id_}").status_code == 204
        watcher.misses(id_, ROUNDS + 2)
        again = transaction(
            entry("PUT", f"Patient/{id_}", patient(mark, id=id_)),
            entry("PUT", f"Patient/{id_}-b", patient(mark, id=f"{id_}-b")),
        )
        done = own.post("", json=again)
        assert done.status_code == 200, done.text
        watcher.sees(id_, ROUNDS + 3)
        watcher.sees(f"{id_}-b", 1)


def test_what_was_answered_is_there(address):
    with ThreadPoolExecutor(CLIENTS) as clients:
        work = [clients.submit(lived, address, f"client{number}") for number in range(CLIENTS)]
        for one in work:
            one.result(300)
