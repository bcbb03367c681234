"""Bad HTTP on real sockets, with both parsers that the server may run on."""

import asyncio
import socket
import threading
import zlib
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn

from tests.fhir_server.hostile.known import KNOWN
from tests.fhir_server.serving import JSON, serving

pytestmark = pytest.mark.spec("http.html#Status-Codes")
MILLION = 1_000_000


@contextmanager
def on_a_socket(app, parser):
    config = uvicorn.Config(
        app, port=0, http=parser, log_level="critical", lifespan="off", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            thread.join(0.005)
            assert thread.is_alive()
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module", params=["h11", "httptools"])
def port(request):
    with serving(audited=True) as server:
        server.ask("PUT", "Patient/known", KNOWN)
        with on_a_socket(server.app, request.param) as listening:
            yield listening


def spoken(port, sent, seconds=0.5):
    """Everything that comes back; b"" where the server hangs up or waits for more."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            connection.sendall(sent)
            while more := connection.recv(65536):
                answer += more
        except (TimeoutError, ConnectionError):
            pass
    return answer


def get(*lines, target=b"/Patient/known", version=b"HTTP/1.1"):
    return b"\r\n".join([b"GET " + target + b" " + version, *lines, b"Connection: close", b"", b""])


def post(*lines, body=b"", target=b"/Patient"):
    media = b"Content-Type: " + JSON.encode()
    head = [b"POST " + target + b" HTTP/1.1", b"Host: x", media, *lines, b"Connection: close"]
    return b"\r\n".join([*head, b"", body])


HOST = b"Host: x"
CHUNKED = b"Transfer-Encoding: chunked"

# What is sent -> statuses that it may have; 0: hung up or still waited for, without an answer.
ROWS = {
    "1,000 headers": (get(HOST, *[b"X-%d: a" % n for n in range(1000)]), {200, 400, 431}),
    "one header 1,000 times": (get(HOST, *[b"If-Match: a"] * 1000), {200, 400, 431}),
    "100,000 headers": (get(HOST, *[b"A: a"] * 100_000), {200, 400, 431, 0}),
    "a header of a million": (get(HOST, b"If-Match: " + b"a" * MILLION), {200, 400, 431, 0}),
    "a header's name of a million": (get(HOST, b"a" * MILLION + b": x"), {200, 400, 431, 0}),
    "a huge If-None-Match": (get(HOST, b'If-None-Match: W/"1' + b"0" * 9000 + b'"'), {200}),
    "no Host": (get(), {200, 400}),
    "two Hosts": (get(HOST, b"Host: y"), {200, 400}),
    "a Host of nonsense": (get(b"Host: \xff/\\@:99999999"), {200, 400}),
    "a header without a colon": (get(HOST, b"nonsense"), {400}),
    "a blank in a header's name": (get(HOST, b"If Match: a"), {400}),
    "a folded header": (get(HOST, b"X-A: a\r\n b"), {200, 400}),
    "a bare CR in a header": (get(HOST, b"X-Request-Id: a\rSet-Cookie: b"), {400}),
    "a bare LF in a header": (get(HOST, b"X-Request-Id: a\nX-B: b"), {200, 400}),
    "U+0000 in a header": (get(HOST, b"X-Request-Id: a\x00b"), {400}),
    "CR LF in a query": (get(HOST, target=b"/Patient?name=%0d%0aSet-Cookie:%20a"), {200}),
    "CR LF in a path": (get(HOST, target=b"/Patient/a%0d%0aLocation:%20b"), {400}),
    "blanks in the address": (get(HOST, target=b"/Patient?name=a b"), {400}),
    "bytes in the address": (get(HOST, target=b"/Patient?name=\xff\xfe"), {400}),
    "an address of a million": (get(HOST, target=b"/Patient/" + b"a" * MILLION), {400, 414, 0}),
    "a query of a million": (get(HOST, target=b"/Patient?a=" + b"a" * MILLION), {400, 414, 0}),
    "a whole address": (get(HOST, target=b"http://x/Patient/known"), {200, 400, 404}),
    "no address": (get(HOST, target=b"*"), {400, 404}),
    "dots": (get(HOST, target=b"/../../etc/passwd"), {404}),
    "HTTP/0.9": (b"GET /Patient/known\r\n\r\n", {200, 400, 0}),
    "HTTP/9.9": (get(HOST, version=b"HTTP/9.9"), {200, 400, 505}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 404, 0}),
    "TLS": (bytes.fromhex("1603010200010001fc0303") + b"\x00" * 500, {400, 0}),
    "nothing but zeros": (b"\x00" * 10_000, {400, 0}),
    "nothing but line ends": (b"\r\n" * 10_000, {400, 0}),
    "a method of a million": (b"A" * MILLION + b" / HTTP/1.1\r\n\r\n", {400, 405, 0}),
    "a negative length": (post(b"Content-Length: -1", body=b"{}"), {400}),
    "a length that is no number": (post(b"Content-Length: 1e3", body=b"{}"), {400}),
    "a length without end": (post(b"Content-Length: " + b"9" * 5000, body=b"{}"), {400, 413}),
    "two lengths": (post(b"Content-Length: 2", b"Content-Length: 3", body=b"{}"), {400}),
    "a length too long": (post(b"Content-Length: 99999", body=b"{}"), {0}),
    "a length too short": (post(b"Content-Length: 2", body=b"{}GET / HTTP/1.1\r\n\r\n"), {400}),
    "a length and chunks": (post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), {400}),
    "chunks that are none": (post(CHUNKED, body=b"zz\r\n{}\r\n0\r\n\r\n"), {400}),
    "a negative chunk": (post(CHUNKED, body=b"-2\r\n{}\r\n0\r\n\r\n"), {400}),
    "a chunk without end": (post(CHUNKED, body=b"f" * 17 + b"\r\n{}"), {400, 0}),
    "a chunk shorter than said": (post(CHUNKED, body=b"9\r\n{}\r\n0\r\n\r\n"), {400, 0}),
    "chunks with long names": (post(CHUNKED, body=b"2;" + b"a" * MILLION + b"\r\n{}"), {400, 0}),
    "chunks of one byte": (post(CHUNKED, body=b"1\r\n[\r\n" * 20_000 + b"0\r\n\r\n"), {400}),
    "chunks in gzip that break": (
        post(CHUNKED, b"Content-Encoding: gzip", body=b"3\r\n\x1f\x8b\x08\r\n2\r\nxx\r\n0\r\n\r\n"),
        {400},
    ),
    "a coding of the way": (
        post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
        {400, 501},
    ),
    "nobody says goodbye": (post(b"Content-Length: 10", body=b"{"), {0}),
    "half a head": (b"GET /Patient/known HTTP/1.1\r\nHost: x\r\n", {0}),
    "two at once": (get(HOST) * 2, {200}),
    "an upgrade": (get(HOST, b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"), {200, 400, 404}),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_bad_http(port, row):
    sent, statuses = row
    answer = spoken(port, sent)
    status = int(answer[9:12]) if answer else 0
    assert status in statuses, answer[:300]
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"set-cookie" not in head
    got = httpx2.get(f"http://127.0.0.1:{port}/Patient/known")
    assert (got.status_code, got.json()["meta"]["versionId"]) == (200, "1")


def test_who_asks_for_leave_to_send_too_much(port):
    """Expect: 100-continue is answered before a byte of the body was sent."""
    answer = spoken(port, post(b"Content-Length: 99999999", b"Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_hundred_who_never_finish(port):
    """They hold a socket each, and nobody else up."""
    waiting = []
    try:
        for _ in range(100):
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            waiting.append(connection)
            connection.sendall(post(b"Content-Length: 100", body=b"{"))
        got = httpx2.get(f"http://127.0.0.1:{port}/Patient/known", timeout=5)
        assert got.status_code == 200
    finally:
        for connection in waiting:
            connection.close()


def test_a_packed_body_byte_by_byte(port):
    body = zlib.compress(b'{"resourceType": "Patient"}')
    chunks = b"".join(b"1\r\n%b\r\n" % body[at : at + 1] for at in range(len(body)))
    sent = post(CHUNKED, b"Content-Encoding: deflate", body=chunks + b"0\r\n\r\n")
    assert spoken(port, sent).startswith(b"HTTP/1.1 201")
