"""Links between pages: they survive a restart, say nothing, and cannot be made up."""

import base64
import zlib
from datetime import timedelta
from urllib.parse import quote

import pytest

from fhir_server.page_tokens import KEY, QUERY, Pages
from tests.fhir_server.serving import PATIENT, serving

pytestmark = pytest.mark.spec("http.html#paging")
BASE = "http://test/fhir/"
FORM = "application/x-www-form-urlencoded"


def links(answer):
    assert answer.status == 200, answer.said
    return {link["relation"]: link["url"].removeprefix(BASE) for link in answer.json["link"]}


def ids(answer):
    return [entry["resource"]["id"] for entry in answer.json.get("entry", [])]


@pytest.fixture
def nine(server):
    for number in range(9):
        server.ask("PUT", f"Patient/p{number}", {**PATIENT, "id": f"p{number}"})
    return server


def test_forwards_backwards_and_to_the_start(nine):
    first = nine.ask("GET", "Patient?_count=2&_sort=-_id")
    assert list(links(first)) == ["self", "next"]
    second = nine.ask("GET", links(first)["next"])
    third = nine.ask("GET", links(second)["next"])
    assert (ids(second), ids(third)) == (["p6", "p5"], ["p4", "p3"])
    assert list(links(third)) == ["self", "first", "previous", "next"]
    back = nine.ask("GET", links(third)["previous"])
    assert (ids(back), links(back)) == (ids(second), links(second))
    assert ids(nine.ask("GET", links(back)["previous"])) == ids(first)
    start = nine.ask("GET", links(third)["first"])
    assert (ids(start), links(start)["next"]) == (ids(first), links(first)["next"])
    assert links(third)["self"] == links(second)["next"]


def test_ten_pages_back(url):
    with serving(url) as server:
        for _ in range(14):
            server.make(PATIENT)
        answer = server.ask("GET", "Patient?_count=1")
        while "next" in links(answer):
            answer = server.ask("GET", links(answer)["next"])
        steps = 0
        while "previous" in links(answer):
            answer = server.ask("GET", links(answer)["previous"])
            steps += 1
        assert steps == 10
        assert "first" in links(answer)


def test_a_restart(nine):
    """Another process has the same store and nothing else."""
    following = links(nine.ask("GET", "Patient?_count=5&_sort=_id"))["next"]
    nine.app._endpoint.engine.pages = Pages()
    assert ids(nine.ask("GET", following)) == ["p5", "p6", "p7", "p8"]


def test_each_store_has_one_key(nine):
    for count in (1, 2, 3):
        nine.ask("GET", f"Patient?_count={count}")
    (row,) = nine.store.rows(KEY)
    assert len(row.data) == 32


def test_a_link_says_nothing(nine):
    """Neither in clear, nor packed, nor with the key stream of another token."""
    urls = [
        links(nine.ask("GET", f"Patient?_count=1&name={quote(name)}"))["next"]
        for name in ("nguyễn", "nguyen", "ng")
    ]
    raw = [base64.urlsafe_b64decode(url.partition("=")[2] + "==") for url in urls]
    for one in raw:
        assert b"nguy" not in one
        for start in range(len(one)):
            with pytest.raises(zlib.error):
                zlib.decompress(one[start:])
    alike = [
        bytes(a ^ b for a, b in zip(raw[0][16:], other[16:], strict=False)) for other in raw[1:]
    ]
    assert all(sum(byte == 0 for byte in one) < len(one) / 4 for one in alike)


def changes(token):
    yield "cut", token[:-3]
    yield "nothing", ""
    yield "longer", token + "AAAA"
    yield "made up", "A" * 40
    yield "no base64", "!" * 40
    yield "other letters", "é" * 40
    yield "huge", "A" * 60_000
    for place in (0, 20, 30, len(token) // 2, len(token) - 2):
        other = "B" if token[place] != "B" else "C"
        yield f"letter {place}", token[:place] + other + token[place + 1 :]


def test_a_token_that_was_not_made_here(nine):
    address, _, token = links(nine.ask("GET", "Patient?_count=1"))["next"].partition("=")
    assert nine.ask("GET", f"{address}={token}").status == 200
    for name, changed in changes(token):
        got = nine.ask("GET", f"{address}={quote(changed)}")
        assert (got.status, got.code) == (404, "not-found"), name


def test_of_another_store(url, tmp_path):
    with serving() as one, serving() as other:
        for server in (one, other):
            server.make(PATIENT)
            server.make(PATIENT)
        following = links(one.ask("GET", "Patient?_count=1"))["next"]
        other.ask("GET", "Patient?_count=1")
        assert other.ask("GET", following).status == 404


@pytest.mark.parametrize("values", [300, 500])
def test_a_query_too_long_for_an_address(nine, values):
    """It is kept once, as a row; the address stays short."""
    long = ",".join(f"urn:x|{n * 104729}" for n in range(values))
    form = f"_count=2&identifier:not={quote(long)}&_sort=_id"
    first = nine.ask("POST", "Patient/_search", form, content_type=FORM)
    following = links(first)["next"]
    assert len(BASE + following) < 2000
    second = nine.ask("GET", following)
    assert ids(second) == ["p2", "p3"]
    assert ids(nine.ask("GET", links(second)["next"])) == ["p4", "p5"]
    assert ids(nine.ask("GET", links(second)["previous"])) == ["p0", "p1"]
    assert len(nine.store.rows(QUERY)) == 1


def test_about_now_is_the_moment_of_the_first_page(nine):
    """`ap` widens with the distance to now: all pages of a search have the same now."""
    for number in range(4):
        nine.ask(
            "PUT", f"Patient/p{number}", {**PATIENT, "id": f"p{number}", "birthDate": "2026-03-12"}
        )
    query = "Patient?birthdate=ap2026-03-11&_count=2"
    first = nine.ask("GET", query)
    assert (ids(first), first.json["total"]) == (["p0", "p1"], 4)
    nine.clock.advance(nine.clock.now() + timedelta(days=9, hours=12))
    assert ids(nine.ask("GET", links(first)["next"])) == ["p2", "p3"]
    assert ids(nine.ask("GET", query)) == []


def test_lenient_stays_lenient(nine):
    first = nine.ask("GET", "Patient?nam=x&_count=2", prefer="handling=lenient")
    second = nine.ask("GET", links(first)["next"])
    modes = [entry["search"]["mode"] for entry in second.json["entry"]]
    assert modes == ["match", "match", "outcome"]
