"""What `lienthong load` makes of files before anything is sent."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from lienthong.load_files import find
from lienthong.load_units import PARTS_AT_ONCE, Unusable, units
from tests.live.trees import LINES, TRANSACTION, bundle, patient, post, text

URN = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return packed.getvalue()


PUT_A, PUT_B, POST = "PUT Patient/a", "PUT Patient/b", "POST Patient"
SENT: list[tuple[str, str, bytes, list[tuple[str, str, list[str]]]]] = [
    ("a resource", "x.json", text(patient("a")), [("", "batch", [f": {PUT_A}"])]),
    ("a resource without id", "x.json", text(patient("")), [("", "batch", [f": {POST}"])]),
    ("a transaction", "x.json", TRANSACTION,
     [("", "transaction", [f"entry[0]: {POST}", f"entry[1]: {POST}"])]),
    ("a batch", "x.json", TRANSACTION.replace(b"transaction", b"batch"),
     [("", "batch", [f"entry[0]: {POST}", f"entry[1]: {POST}"])]),
    ("a collection", "x.json",
     text(bundle("collection", {"resource": patient("a")}, {"fullUrl": "http://x/Patient/b",
                                                            "resource": patient("b")})),
     [("entry[0] to entry[1]", "batch", [f"entry[0]: {PUT_A}", f"entry[1]: {PUT_B}"])]),
    ("a document whose parts refer to each other by urn", "x.json",
     text(bundle("document", {"fullUrl": URN, "resource": patient("")},
                 {"resource": patient("b", link=[{"other": {"reference": URN}}])})),
     [("", "transaction", [f"entry[0]: {POST}", f"entry[1]: {PUT_B}"])]),
    ("a searchset with the server's remarks", "x.json",
     text(bundle("searchset", {"resource": patient("a"), "search": {"mode": "match"}},
                 {"resource": {"resourceType": "OperationOutcome"},
                  "search": {"mode": "outcome"}}, {"fullUrl": "http://x/Patient/c"})),
     [("entry[0] to entry[0]", "batch", [f"entry[0]: {PUT_A}"])]),
    ("lines", "x.ndjson", LINES,
     [("line 1 to line 3", "batch", [f"line 1: {PUT_A}", f"line 2: {PUT_B}", f"line 3: {POST}"])]),
    ("lines with a gap and a mark at the start", "x.ndjson",
     b"\xef\xbb\xbf" + text(patient("a")) + b"\r\n\r\n" + text(patient("b")) + b"\n",
     [("line 1 to line 3", "batch", [f"line 1: {PUT_A}", f"line 3: {PUT_B}"])]),
    ("a bundle between lines", "x.ndjson", text(patient("a")) + b"\n" + TRANSACTION,
     [("line 1 to line 1", "batch", [f"line 1: {PUT_A}"]),
      ("line 2", "transaction", [f"entry[0]: {POST}", f"entry[1]: {POST}"])]),
    ("gzip", "x.ndjson.gz", gzip.compress(text(patient("a"))),
     [("line 1 to line 1", "batch", [f"line 1: {PUT_A}"])]),
    ("bzip2 in capitals", "X.JSON.BZ2", bz2.compress(text(patient("a"))),
     [("", "batch", [f": {PUT_A}"])]),
    ("a zip, in name order", "x.zip",
     zipped(b__2_json=text(patient("b")), b__1_json_gz=gzip.compress(text(patient("a"))),
            readme_txt=b"no"),
     [("", "batch", [f": {PUT_A}"]), ("", "batch", [f": {PUT_B}"])]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "expected"), [row[1:] for row in SENT], ids=[row[0] for row in SENT]
)
def test_what_is_sent_of_a_file(
    tmp_path: Path, name: str, content: bytes, expected: list[tuple[str, str, list[str]]]
) -> None:
    (tmp_path / name).write_bytes(content)
    found = []
    for source in find(tmp_path / name):
        for unit in units(source):
            sent = json.loads(unit.body(unit.parts))
            assert unit.atomic == (sent["type"] == "transaction")
            requests = [f"{e['request']['method']} {e['request']['url']}" for e in sent["entry"]]
            labels = [part.label for part in unit.parts]
            pairs = zip(labels, requests, strict=True)
            found.append((unit.place, sent["type"], [": ".join(pair) for pair in pairs]))
    assert found == expected


def test_a_bundle_and_the_resources_of_others_go_as_the_bytes_they_are(tmp_path: Path) -> None:
    odd = b'{ "resourceType" : "Patient",\n "id":"a", "x": 7.50, "y": "\\u00e9\xc3\xa9" }'
    whole = b'{"type":"batch", "entry":[{"resource":' + odd + b'}], "resourceType":"Bundle"}'
    (tmp_path / "1.json").write_bytes(whole)
    (tmp_path / "2.json").write_bytes(odd)
    first, second = (next(units(source)) for source in find(tmp_path))
    assert first.body(first.parts) == whole
    assert odd in second.body(second.parts)


def test_folders_are_read_in_name_order_without_what_is_hidden(tmp_path: Path) -> None:
    names = ["b.json", "0-z.ndjson.gz", "a/2.json", "a/1.json", ".git/x.json", "README.md", "z.xml"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"{}")
    found = [source.path.relative_to(tmp_path).as_posix() for source in find(tmp_path)]
    assert found == ["0-z.ndjson.gz", "a/1.json", "a/2.json", "b.json"]


def test_lines_are_read_in_portions_and_never_all_at_once(tmp_path: Path) -> None:
    line = text(patient("a", name=[{"text": "x" * 1000}])) + b"\n"
    count = 20_000
    (tmp_path / "x.ndjson.gz").write_bytes(gzip.compress(line * count, 1))
    tracemalloc.start()
    parts = sum(len(unit.parts) for source in find(tmp_path) for unit in units(source))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert parts == count
    assert peak < len(line) * PARTS_AT_ONCE * 20 < len(line) * count / 5


UNUSABLE = [
    ("broken JSON", "x.json", b'{"resourceType":\n "Patient",}', "line 2, column 1"),
    ("no FHIR", "x.json", b'{"name": "lienthong"}', "no resourceType; is this FHIR?"),
    ("an array", "x.json", b"[1]", "an array, not a JSON object"),
    ("a history", "x.json", text(bundle("history", post(patient()))), "of type history is not"),
    ("an empty bundle", "x.json", text(bundle("batch")), "the Bundle has no entry"),
    ("a bundle out of shape", "x.json", text(bundle("batch") | {"entry": [5]}), "out of shape"),
    ("one entry is no FHIR", "x.json",
     text(bundle("collection", {"fullUrl": URN, "resource": patient()}, {"resource": {"a": 1}})),
     "entry[1]: there is no resourceType"),
    ("not the gzip it says", "x.json.gz", b"plain", "the file cannot be read (Not a gzipped file"),
    ("half of a gzip", "x.json.gz", gzip.compress(TRANSACTION)[:-9], "the file cannot be read"),
    ("half of a bzip2", "x.ndjson.bz2", bz2.compress(TRANSACTION)[:-9], "the file cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "words"), [row[1:] for row in UNUSABLE], ids=[row[0] for row in UNUSABLE]
)
def test_a_file_that_cannot_be_sent_says_why(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unusable, match=re.escape(words)):
        list(units(find(tmp_path)[0]))
