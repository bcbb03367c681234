"""Packed answers and packed bodies (https://hl7.org/fhir/R4/http.html#compression)."""

import gzip
import json
import tracemalloc
import zlib

import pytest

from fhir_server.compression import answer_coding
from fhir_server.options import Options
from tests.fhir_server.serving import PATIENT, serving

pytestmark = pytest.mark.spec("http.html#compression")
TEXT = json.dumps(PATIENT).encode()
MANY = {**PATIENT, "id": "many", "name": [{"family": f"Nguyễn {n}"} for n in range(200)]}
LIMIT = 100_000


def bare(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.fixture
def server():
    with serving(options=Options(max_body=LIMIT)) as running:
        running.ask("PUT", "Patient/few", {**PATIENT, "id": "few"})
        running.ask("PUT", "Patient/many", MANY)
        yield running


# ---- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("deflate, gzip", "gzip"),
        ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("br", ""),
        ("*", "gzip"),
        ("gzip;q=0, *", "deflate"),
        ("gzip;q=0", ""),
        ("identity, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity;q=0", ""),
        ("gzip;q=x", ""),
        ("gzip;q=-1", ""),
        (";;,,q=", ""),
    ],
)
def test_what_a_client_likes_best(accept, coding):
    assert answer_coding(accept) == coding


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("path", ["Patient/many", "Patient", "metadata", "Patient/many/_history"])
def test_large_answers_are_packed(server, path, coding):
    plain = server.ask("GET", path, accept_encoding="identity")
    got = server.ask("GET", path, accept_encoding=coding)  # the client unpacks
    assert got.headers["content-encoding"] == coding
    assert int(got.headers["content-length"]) < len(plain.body) / 3
    assert got.json["resourceType"] == plain.json["resourceType"]
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("path", ["Patient/few", "Patient/nobody", "Patient/many?_elements=id"])
def test_small_answers_are_not(server, path):
    got = server.ask("GET", path, accept_encoding="gzip")
    assert "content-encoding" not in got.headers
    assert int(got.headers["content-length"]) == len(got.body)


def test_a_version_that_is_known_stays_unsent(server):
    got = server.ask("GET", "Patient/many", accept_encoding="gzip", if_none_match='W/"1"')
    assert (got.status, got.body) == (304, b"")
    assert "content-encoding" not in got.headers


@pytest.mark.parametrize(
    ("media", "packed"), [("image/png", False), ("text/plain", True), ("application/x+xml", True)]
)
def test_content_of_its_own_kind(server, media, packed):
    made = server.ask("POST", "Binary", b"x" * 5000, content_type=media)
    path = f"Binary/{made.headers['location'].split('/')[-3]}"
    got = server.ask("GET", path, accept=media, accept_encoding="gzip")
    assert ("content-encoding" in got.headers) == packed
    assert got.body == b"x" * 5000


# ---- bodies ------------------------------------------------------------------------------------

PACKED = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip": ("x-gzip", gzip.compress(TEXT)),
    "in capitals": ("GZip", gzip.compress(TEXT)),
    "gzip in two parts": ("gzip", gzip.compress(TEXT[:20]) + gzip.compress(TEXT[20:])),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "deflate without a frame": ("deflate", bare(TEXT)),
    "identity": ("identity", TEXT),
}


@pytest.mark.parametrize("row", PACKED.values(), ids=PACKED)
def test_packed_bodies(server, row):
    coding, body = row
    assert server.ask("POST", "Patient", body, content_encoding=coding).status == 201


def test_a_packed_form_and_a_packed_picture(server):
    form = {"content_type": "application/x-www-form-urlencoded", "content_encoding": "gzip"}
    found = server.ask("POST", "Patient/_search", gzip.compress(b"_id=few"), **form)
    assert found.json["total"] == 1
    picture = {"content_type": "image/png", "content_encoding": "gzip"}
    made = server.ask("POST", "Binary", gzip.compress(b"\x89PNG"), **picture)
    path = f"Binary/{made.headers['location'].split('/')[-3]}"
    assert server.ask("GET", path, accept="image/png").body == b"\x89PNG"


BROKEN = {
    "not packed at all": ("gzip", TEXT, 400, "gzip"),
    "half of it": ("gzip", gzip.compress(TEXT)[:-9], 400, "middle"),
    "its check is wrong": ("gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8, 400, "broken"),
    "something behind it": ("gzip", gzip.compress(TEXT) + b"\0\0", 400, "broken"),
    "many empty ones": ("gzip", gzip.compress(b"") * 1000, 400, "behind"),
    "deflate with something behind it": ("deflate", zlib.compress(TEXT) + b"x", 400, "behind"),
    "deflate that is none": ("deflate", b"\xff" * 50, 400, "deflate"),
    "nothing": ("gzip", b"", 400, "empty"),
    "empty inside": ("gzip", gzip.compress(b""), 400, "empty"),
    "unknown": ("br", TEXT, 415, "gzip, deflate"),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(TEXT)), 415, "gzip, deflate"),
    "too large": ("gzip", gzip.compress(b" " * (LIMIT + 1)), 413, str(LIMIT)),
}


@pytest.mark.parametrize("row", BROKEN.values(), ids=BROKEN)
def test_refused(server, row):
    coding, body, status, words = row
    got = server.ask("POST", "Patient", body, content_encoding=coding)
    assert got.status == status, got.said
    assert words in got.said
    assert got.headers.get("accept-encoding") == ("gzip, deflate" if status == 415 else None)
    assert server.ask("GET", "Patient/few").status == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_takes_no_more_memory_than_the_limit(server, coding):
    hundred = b" " * 100_000_000
    bomb = gzip.compress(hundred, 9) if coding == "gzip" else zlib.compress(hundred, 9)
    del hundred
    tracemalloc.start()
    got = server.ask("POST", "Patient", bomb, content_encoding=coding)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (got.status, got.code) == (413, "too-long")
    assert got.headers["connection"] == "close"
    assert most < 10 * LIMIT
