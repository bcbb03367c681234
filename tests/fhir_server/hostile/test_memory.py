"""A hundred megabytes, and what unfolds to as much: the server's own memory stays where it was."""

import gzip
import socket
import subprocess
import sys
import zlib
from contextlib import suppress

import httpx2
import pytest

from tests.fhir_server.hostile.known import KNOWN
from tests.fhir_server.serving import JSON

pytestmark = [
    pytest.mark.slow,
    pytest.mark.spec("http.html#Status-Codes"),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]
MB = 1_000_000
LIMIT = 10 * 1024 * 1024  # what a server takes by default
SENT = {"content-type": JSON}


class Process:
    """A running server and what it has needed at most."""

    def __init__(self, process, port):
        self.process, self.port = process, port
        self.base = f"http://127.0.0.1:{port}"

    def peak(self) -> int:
        """Bytes of memory at most since the last look."""
        with open(f"/proc/{self.process.pid}/status") as status:
            kilobytes = next(line.split()[1] for line in status if line.startswith("VmHWM"))
        return int(kilobytes) * 1024

    def forget_peak(self) -> int:
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as marks:
            marks.write("5")
        return self.peak()


@pytest.fixture(scope="module")
def running():
    command = [sys.executable, "-m", "tests.fhir_server.hostile.served"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        yield Process(process, int(process.stdout.readline()))
        process.stdin.close()
        assert process.wait(20) == 0


def told(running, *parts):
    """The status of the answer to raw bytes, given as soon as the server gives it."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it hung up on us: fine
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionResetError):
            return connection.recv(65536)[:12]
    return b""


def head(*headers):
    lines = ["POST /Patient HTTP/1.1", "Host: x", f"Content-Type: {JSON}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def chunks(piece, times):
    for _ in range(times):
        yield b"%x\r\n" % len(piece) + piece + b"\r\n"


def declared():
    yield head(f"Content-Length: {100 * MB}")
    for _ in range(100):
        yield b" " * MB


def in_fact():
    yield head("Transfer-Encoding: chunked")
    yield from chunks(b" " * MB, 100)


def bomb(coding):
    """300 MB of blanks in 300 kB."""
    packer = zlib.compressobj(wbits={"gzip": 31, "deflate": 15}[coding])
    body = b"".join([*(packer.compress(b" " * MB) for _ in range(300)), packer.flush()])
    yield head(f"Content-Encoding: {coding}", f"Content-Length: {len(body)}")
    yield body


STREAMS = {
    "100 MB by the header": declared,
    "100 MB in fact": in_fact,
    "a bomb in gzip": lambda: bomb("gzip"),
    "a bomb in deflate": lambda: bomb("deflate"),
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_what_is_too_large_is_not_kept(running, stream):
    before = running.forget_peak()
    # Its answer may be lost where it hangs up while we are still talking.
    assert told(running, *stream()) in (b"HTTP/1.1 413", b"")
    assert running.peak() - before < 3 * LIMIT
    assert httpx2.get(f"{running.base}/Patient/known").status_code == 200


def filled(piece):
    """As many of them as a body may hold."""
    start, end = b'{"resourceType": "Patient", "name": [', b"]}"
    return start + b",".join([piece] * ((LIMIT - 60) // (len(piece) + 1))) + end


def in_xml(piece):
    """The same in XML."""
    start, end = b'<Patient xmlns="http://hl7.org/fhir">', b"<nam/></Patient>"
    return start + piece * ((LIMIT - 60) // len(piece)) + end


FULL = {
    "brackets without end": b"[" * LIMIT,
    "small objects": filled(b"{}"),
    "as many small objects as may be": filled(b"{}" + b" " * 19),
    "small lists": filled(b"[]"),
    "small names": filled(b'{"a":1}'),
    "numbers": filled(b"1.5"),
    "strings": filled(b'"ab"'),
    "one string": filled(b'"' + b"a" * (LIMIT // 2) + b'"'),
    "escapes": b'{"resourceType": "Patient", "a": "' + b"\\u00e9" * (LIMIT // 6 - 20) + b'"}',
    "blanks": b" " * LIMIT,
    "XML of small elements": in_xml(b"<name/>"),
    "XML of small values": in_xml(b'<active value="true"/>'),
    "XML of small names": in_xml(b'<name><family value="a"/></name>'),
    "XML of strange elements": in_xml(b"<a/>"),
    "XML of one value": in_xml(b'<birthDate value="' + b"2" * (LIMIT // 2) + b'"/>'),
    "XML that goes deep": in_xml(b"<contact>"),
    "small objects in gzip": gzip.compress(filled(b"{}")),
}


@pytest.mark.parametrize("name", FULL)
def test_a_full_body_of_the_worst_kind(running, name):
    before = running.forget_peak()
    headers = {**SENT, "content-encoding": "gzip"} if "gzip" in name else SENT
    if "XML" in name:
        headers = {"content-type": "application/fhir+xml", "accept": JSON}
    got = httpx2.post(f"{running.base}/Patient", content=FULL[name], headers=headers, timeout=60)
    assert 400 <= got.status_code < 500
    assert got.json()["resourceType"] == "OperationOutcome"
    assert running.peak() - before < 50 * LIMIT
    assert httpx2.get(f"{running.base}/Patient/known").json()["id"] == KNOWN["id"]
