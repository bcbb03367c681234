"""Six hours of a small server, and short ways to read a history."""

from datetime import timedelta

from tests.fhir_server.serving import BASE, PATIENT

WHOLE = "b/3 a/3 -b/2 a/2 d/1 b/1 a/1"
PEOPLE = "b/3 a/3 -b/2 a/2 b/1 a/1"
DEVICE = {"resourceType": "Device", "id": "d", "status": "active"}


def played(server):
    """An hour each: a is created, b and the device are, a changes, b is deleted, a changes again,
    and b is there once more. The clock is at the last of these hours."""
    put(server, "a")
    later(server)
    put(server, "b")
    server.ask("PUT", "Device/d", DEVICE)
    later(server)
    put(server, "a", active=True)
    later(server)
    server.ask("DELETE", "Patient/b")
    later(server)
    put(server, "a", active=False)
    later(server)
    put(server, "b")


def put(server, id_, **more):
    server.ask("PUT", f"Patient/{id_}", {**PATIENT, "id": id_, **more})


def later(server):
    server.clock.advance(server.clock.now() + timedelta(hours=1))


def listed(bundle):
    """`a/3` is the third version of Patient/a, `-b/2` a deletion."""
    found = []
    for one in bundle.get("entry", []):
        id_ = one["fullUrl"].rpartition("/")[2]
        number = one["response"]["etag"].removeprefix('W/"').removesuffix('"')
        found.append(f"{'' if 'resource' in one else '-'}{id_}/{number}")
    return " ".join(found)


def links(bundle):
    return {link["relation"]: link["url"].removeprefix(f"{BASE}/") for link in bundle["link"]}


def walk(server, path):
    """The pages, following the links."""
    pages = []
    while path:
        got = server.ask("GET", path)
        assert got.status == 200, got.body
        pages.append(got.json)
        path = links(got.json).get("next")
    return pages
