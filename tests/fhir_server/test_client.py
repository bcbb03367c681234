"""The client against a real ASGI application and real sockets: whatever comes back has a name."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fhir_profiles.outcomes import FhirError, Issue, Kind, outcome
from fhir_server.client import FhirClient, Written

BASE = "http://node/fhir"
HTML = b"<html><body><h1>Bad gateway</h1></body></html>"
OUTCOME = json.dumps(
    outcome(
        [
            Issue("information", "informational", "looked at it"),
            Issue("error", "value", "birthDate 31/12/1990 is no date", "Patient.birthDate", 3, 7),
        ]
    )
).encode()

Call = Callable[[FhirClient], Awaitable[Any]]


class Node:
    """An application that gives one answer and remembers what it was asked."""

    def __init__(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.answers = [(body, status, headers)]
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        everything = Route("/{path:path}", self._answer, methods=["GET", "POST", "PUT", "DELETE"])
        self.app = Starlette(routes=[everything])

    async def _answer(self, request: Request) -> Response:
        url = str(request.url)
        self.asked.append((request.method, url, dict(request.headers), await request.body()))
        body, status, headers = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return Response(body, status, {name.replace("_", "-"): v for name, v in headers.items()})


def call(node: Node, action: Call, **options: Any) -> Any:
    async def main() -> Any:
        transport = httpx2.ASGITransport(node.app)
        async with httpx2.AsyncClient(transport=transport) as http:
            return await action(FhirClient(BASE, http, **options))

    return asyncio.run(main())


def refused(node: Node, action: Call, **options: Any) -> FhirError:
    with pytest.raises(FhirError) as caught:
        call(node, action, **options)
    return caught.value


def read(client: FhirClient) -> Awaitable[Any]:
    return client.read("Patient", "p-1", deadline=5)


# ---- what is asked and what is given back ------------------------------------------------------


def test_read_gives_the_tree_and_numbers_keep_their_digits() -> None:
    node = Node(b'{"resourceType":"Patient","id":"p-1","x":7.50}')
    tree = call(node, read, headers={"X-Requester": "99001"})
    assert tree["x"] == Decimal("7.50")
    assert str(tree["x"]) == "7.50"
    method, url, headers, body = node.asked[0]
    assert (method, url, body) == ("GET", f"{BASE}/Patient/p-1", b"")
    assert headers["accept"] == "application/fhir+json"
    assert headers["x-requester"] == "99001"


PATIENT = {"resourceType": "Patient", "id": "p-1", "name": [{"text": "Nguyễn Văn An"}]}
WRITES = [
    (
        "create",
        lambda c: c.create(PATIENT, deadline=5),
        Node(b"", 201, location=f"{BASE}/Patient/77/_history/1", etag='W/"1"'),
        Written("Patient", "77", "1", True, None),
        ("POST", f"{BASE}/Patient", {}),
    ),
    (
        "conditional create that found one",
        lambda c: c.create(PATIENT, if_none_exist="identifier=s|1", deadline=5),
        Node(b'{"resourceType":"Patient","id":"9"}', 200, etag='W/"4"'),
        Written("Patient", "9", "4", False, {"resourceType": "Patient", "id": "9"}),
        ("POST", f"{BASE}/Patient", {"if-none-exist": "identifier=s|1"}),
    ),
    (
        "update with a version",
        lambda c: c.update(PATIENT, if_match="3", deadline=5),
        Node(b"", 200, location="Patient/p-1/_history/4"),
        Written("Patient", "p-1", "4", False, None),
        ("PUT", f"{BASE}/Patient/p-1", {"if-match": 'W/"3"'}),
    ),
    (
        "update that created, an OperationOutcome as body",
        lambda c: c.update(json.dumps(PATIENT).encode(), deadline=5),
        Node(OUTCOME, 201, location=f"{BASE}/Patient/p-1/_history/1"),
        Written("Patient", "p-1", "1", True, None),
        ("PUT", f"{BASE}/Patient/p-1", {}),
    ),
]


@pytest.mark.parametrize(
    ("action", "node", "written", "asked"), [r[1:] for r in WRITES], ids=[r[0] for r in WRITES]
)
def test_writes(action: Call, node: Node, written: Written, asked: tuple[str, str, dict]) -> None:
    assert call(node, action) == written
    method, url, headers, body = node.asked[0]
    assert (method, url) == asked[:2]
    assert headers["content-type"] == "application/fhir+json"
    conditions = {n: v for n, v in headers.items() if n.startswith("if-")}
    assert conditions == asked[2]
    assert json.loads(body) == PATIENT


def test_delete_transaction_operation_capabilities() -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction-response"}
    node = Node(json.dumps(bundle).encode())
    call(node, lambda c: c.delete("Patient", "p-1", deadline=5))
    assert call(node, lambda c: c.transaction({"resourceType": "Bundle"}, deadline=5)) == bundle
    call(node, lambda c: c.operation("$match", PATIENT, type_="Patient", deadline=5))
    call(node, lambda c: c.operation("$x", type_="Patient", id_="1", params=[("a", "b|c")],
                                     deadline=5))  # fmt: skip
    call(node, lambda c: c.operation("$x", deadline=5))
    assert [(method, url) for method, url, _, _ in node.asked] == [
        ("DELETE", f"{BASE}/Patient/p-1"),
        ("POST", BASE),
        ("POST", f"{BASE}/Patient/$match"),
        ("GET", f"{BASE}/Patient/1/$x?a=b%7Cc"),
        ("GET", f"{BASE}/$x"),
    ]
    assert refused(node, lambda c: c.capabilities(deadline=5)).kind is Kind.BAD_GATEWAY


# ---- pages -------------------------------------------------------------------------------------


def page(*ids: str, **members: Any) -> bytes:
    entries = [{"resource": {"resourceType": "Patient", "id": id_}} for id_ in ids]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries, **members}
    return json.dumps(bundle).encode()


def to(url: str) -> list[dict[str, str]]:
    return [{"relation": "self", "url": "elsewhere"}, {"relation": "next", "url": url}]


async def all_pages(client: FhirClient) -> list[list[str]]:
    return [
        [match["id"] for match in page.matches]
        async for page in client.pages("Patient", [("name", "an")], deadline=5)
    ]


def test_pages_are_followed_to_the_end() -> None:
    node = Node()
    nexts = [to(f"{BASE}/Patient?_cursor=b"), to(f"{BASE}?_page=c"), to("Patient?_cursor=d"), []]
    node.answers = [(page(str(i), link=link), 200, {}) for i, link in enumerate(nexts)]
    assert call(node, all_pages) == [["0"], ["1"], ["2"], ["3"]]
    assert [url.removeprefix(BASE) for _, url, _, _ in node.asked] == [
        "/Patient?name=an",
        "/Patient?_cursor=b",
        "?_page=c",
        "/Patient?_cursor=d",
    ]


def test_pages_are_followed_on_demand_only() -> None:
    node = Node(page("1", link=to(f"{BASE}/Patient?_cursor=b"), total=9))
    found = call(node, lambda c: c.search("Patient", deadline=5))
    assert (found.total, len(node.asked)) == (9, 1)


def test_matches_includes_and_outcomes_are_told_apart() -> None:
    entries = [
        {"resource": {"resourceType": "Patient", "id": "1"}, "search": {"mode": "match"}},
        {"resource": {"resourceType": "Organization", "id": "2"}, "search": {"mode": "include"}},
        {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
        {"fullUrl": "nothing in it"},
    ]
    found = call(Node(page(entry=entries)), lambda c: c.search("Patient", deadline=5))
    kinds = [found.matches, found.included, found.outcomes]
    assert [[tree["resourceType"] for tree in kind] for kind in kinds] == [
        ["Patient"],
        ["Organization"],
        ["OperationOutcome"],
    ]


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("http://other/fhir/Patient?_cursor=b", "leads to http://other; not followed"),
        ("http://node/fhirother/Patient", "leads to http://node; not followed"),
        ("../admin/reset", "leads to http://node; not followed"),
        (f"{BASE}/Patient?_cursor=same", "round in a circle"),
    ],
)
def test_a_next_link_that_leads_astray_is_not_followed(link: str, words: str) -> None:
    error = refused(Node(page("1", link=to(link))), all_pages)
    assert error.kind is Kind.BAD_GATEWAY
    assert words in error.diagnostics


# ---- what may go wrong -------------------------------------------------------------------------

ANSWERS = [
    ("an outcome", OUTCOME, 422, {}, Kind.INVALID_RESOURCE, "birthDate 31/12/1990 is no date"),
    ("deleted", OUTCOME, 410, {}, Kind.DELETED, "birthDate"),
    ("too busy", b"", 503, {}, Kind.UNAVAILABLE, "HTTP 503 without an OperationOutcome"),
    ("an HTML error page", HTML, 502, {"content_type": "text/html"}, Kind.BAD_GATEWAY,
     "HTTP 502 without an OperationOutcome (text/html)"),
    ("HTML instead of FHIR", HTML, 200, {"content_type": "text/html"}, Kind.BAD_GATEWAY,
     "HTTP 200 with text/html, which is not FHIR JSON: line 1, column 1"),
    ("half of the JSON", b'{"resourceType":"Pat', 200, {}, Kind.BAD_GATEWAY, "not FHIR JSON"),
    ("an empty body", b"", 200, {}, Kind.BAD_GATEWAY, "the body is empty"),
    ("no resource", b"{}", 200, {}, Kind.BAD_GATEWAY, "answered no resource, not Patient"),
    ("another resource", b'{"resourceType":"Group"}', 200, {}, Kind.BAD_GATEWAY,
     "answered Group, not Patient"),
    ("a redirect", b"", 302, {"location": "http://other/"}, Kind.BAD_GATEWAY,
     "HTTP 302 (a redirect); not followed"),
    ("a status nobody knows", b"", 418, {}, Kind.INVALID_REQUEST, "HTTP 418"),
    ("not the gzip it says", b"plain", 200, {"content_encoding": "gzip"}, Kind.BAD_GATEWAY,
     "cannot be unpacked"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "headers", "kind", "words"),
    [row[1:] for row in ANSWERS],
    ids=[row[0] for row in ANSWERS],
)
def test_a_bad_answer_has_a_name(
    body: bytes, status: int, headers: dict[str, str], kind: Kind, words: str
) -> None:
    node = Node(body, status, **headers)
    error = refused(node, read)
    assert error.kind is kind
    assert words in error.diagnostics
    assert error.diagnostics.startswith(f"{BASE}: ")
    assert len(node.asked) == 1


def test_the_issues_of_an_outcome_arrive_with_their_places() -> None:
    error = refused(Node(OUTCOME, 422), read)
    assert [issue.severity for issue in error.issues] == ["information", "error"]
    worst = error.issues[1]
    assert (worst.expression, worst.line, worst.column) == ("Patient.birthDate", 3, 7)
    assert error.expression == "Patient.birthDate"


def test_raw_gives_an_error_status_as_it_came() -> None:
    reply = call(Node(b"no", 409, x_trace="1"), lambda c: c.raw("GET", "Patient", deadline=5))
    assert (reply.status, reply.headers["x-trace"], reply.body) == (409, "1", b"no")


BUNDLES = [
    ({"type": "collection"}, "a Bundle of type collection"),
    ({"entry": 5}, "out of shape"),
    ({"entry": [{"resource": "x"}]}, "out of shape"),
    ({"link": [None]}, "out of shape"),
]


@pytest.mark.parametrize(("members", "words"), BUNDLES)
def test_a_search_answer_that_is_none(members: dict[str, Any], words: str) -> None:
    error = refused(Node(page(**members)), lambda c: c.search("Patient", deadline=5))
    assert error.kind is Kind.BAD_GATEWAY
    assert words in error.diagnostics


@pytest.mark.parametrize(("type_", "id_"), [("Patient", "../x"), ("Patient", ".."), ("../x", "1")])
def test_names_that_lead_out_of_their_place_are_not_sent(type_: str, id_: str) -> None:
    node = Node(b"{}")
    error = refused(node, lambda c: c.read(type_, id_, deadline=5))
    assert error.kind is Kind.INVALID_REQUEST
    assert node.asked == []


def test_an_answer_may_not_be_too_large() -> None:
    node = Node(page("x" * 3000))
    error = refused(node, lambda c: c.search("Patient", deadline=5), max_answer=2000)
    assert (error.kind, error.status) == (Kind.BAD_GATEWAY, 502)
    assert "larger than 0.002 MB" in error.diagnostics


def test_a_write_that_does_not_say_where_it_went() -> None:
    error = refused(Node(b"", 201), lambda c: c.create(PATIENT, deadline=5))
    assert "did not say which id the Patient has" in error.diagnostics


# ---- real sockets ------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 1000\r\n\r\n"
SOCKETS = [
    ("never answers", None, Kind.GATEWAY_TIME_OUT, "no complete answer within 0.2 s"),
    ("never ends its answer", HEAD + b"{", Kind.GATEWAY_TIME_OUT, "no complete answer"),
    ("hangs up at once", b"", Kind.BAD_GATEWAY, "connection broke"),
    ("hangs up in between", HEAD + b"{#", Kind.BAD_GATEWAY, "connection broke"),
    ("speaks no HTTP", b"SSH-2.0-OpenSSH_9.9\r\n#", Kind.BAD_GATEWAY, "connection broke"),
]


async def _asked_over_a_socket(said: bytes | None, deadline: float) -> FhirError:
    """A server that says `said` and hangs up after a `#`, or holds the line."""
    calls = 0
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write((said or b"").removesuffix(b"#"))
        if said is None or (said and not said.endswith(b"#")):
            await done.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx2.AsyncClient(trust_env=False) as http:
        with pytest.raises(FhirError) as caught:
            await FhirClient(f"http://127.0.0.1:{port}", http).read(
                "Patient", "1", deadline=deadline
            )
        done.set()
    assert calls == 1, "sent once, never again"
    return caught.value


@pytest.mark.parametrize(
    ("said", "kind", "words"), [r[1:] for r in SOCKETS], ids=[r[0] for r in SOCKETS]
)
def test_a_server_that(said: bytes | None, kind: Kind, words: str) -> None:
    deadline = 0.2 if kind is Kind.GATEWAY_TIME_OUT else 20
    error = asyncio.run(_asked_over_a_socket(said, deadline))
    assert error.kind is kind
    assert words in error.diagnostics


def test_nobody_listens() -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with httpx2.AsyncClient(trust_env=False) as http:
            await FhirClient(f"http://127.0.0.1:{port}", http).read("Patient", "1", deadline=20)

    with pytest.raises(FhirError, match="cannot be reached") as caught:
        asyncio.run(main())
    assert caught.value.kind is Kind.UNAVAILABLE


@pytest.mark.parametrize("base", ["ftp://node/fhir", "node/fhir", "http://node:x/fhir"])
def test_an_address_that_is_none(base: str) -> None:
    async def main() -> None:
        async with httpx2.AsyncClient(trust_env=False) as http:
            await FhirClient(base, http).read("Patient", "1", deadline=20)

    with pytest.raises(FhirError, match="is no address") as caught:
        asyncio.run(main())
    assert caught.value.kind is Kind.INVALID_REQUEST


def test_being_cancelled_is_not_taken_for_a_time_out() -> None:
    async def main() -> None:
        node = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            node.set()
            await asyncio.Event().wait()

        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as http:
            asking = asyncio.create_task(FhirClient(BASE, http).read("Patient", "1", deadline=60))
            await node.wait()
            asking.cancel()
            await asking

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("level", "logged"),
    [(logging.NOTSET, False), (logging.INFO, True)],
    ids=["silent", "asked for"],
)
def test_addresses_are_not_logged(caplog, level, logged):
    """The library's line has the query in it, and so the person; whoever sets a level wants it."""
    library = logging.getLogger("httpx2")
    before = library.level
    library.setLevel(level)
    logging.getLogger().setLevel(logging.INFO)
    try:
        searchset = json.dumps({"resourceType": "Bundle", "type": "searchset"}).encode()
        query = [("identifier", "urn:cccd|079080001234")]
        call(Node(searchset), lambda client: client.search("Patient", query, deadline=9))
        assert ("079080001234" in caplog.text) == logged
    finally:
        library.setLevel(before)
        logging.getLogger().setLevel(logging.WARNING)
