"""`lienthong load`: that it sends once, and what is said when something does not arrive."""

from __future__ import annotations

import gzip
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner, Result

from fhir_profiles.outcomes import Issue, outcome
from lienthong.cli.main import app
from lienthong.load import check_address, load
from lienthong.load_manifest import Manifest, place_for
from lienthong.load_units import PARTS_AT_ONCE
from tests.live.serving import serving
from tests.live.trees import LINES, TRANSACTION, Json, bundle, patient, post, text
from vietnam.datafiles import InputError

ROOT = Path(__file__).resolve().parents[2]


# ---- a server that answers what it is told to --------------------------------------------------


class Server:
    """Takes bundles as a FHIR server would; refuses resources with a member `wrong`."""

    def __init__(self) -> None:
        self.to = ""
        self.bodies: list[bytes] = []
        self.whole: Callable[[int], Response | None] = lambda number: None
        self.mended = False
        self.metadata: Json = {"resourceType": "CapabilityStatement"}
        self.greeted = 0

    def make(self, address: str) -> Starlette:
        del address
        metadata = Route("/fhir/metadata", self._metadata)
        return Starlette(routes=[metadata, Route("/fhir", self._bundle, methods=["POST"])])

    async def _metadata(self, request: Request) -> Response:
        del request
        self.greeted += 1
        return JSONResponse(self.metadata)

    async def _bundle(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        if (answer := self.whole(len(self.bodies))) is not None:
            return answer
        tree = json.loads(self.bodies[-1])
        wrong = [i for i, entry in enumerate(tree["entry"]) if self._refused(entry)]
        if wrong and tree["type"] == "transaction":
            issues = [
                Issue("error", "value", "no such date", f"Bundle.entry[{i}].resource.wrong")
                for i in wrong
            ]
            return JSONResponse(outcome(issues), 422)
        return JSONResponse(
            {"resourceType": "Bundle", "type": "x-response", "entry": self._answers(tree, wrong)}
        )

    def _refused(self, entry: Json) -> bool:
        return "wrong" in entry["resource"] and not self.mended

    @staticmethod
    def _answers(tree: Json, wrong: list[int]) -> list[Json]:
        said = outcome([Issue("error", "value", "no such date", "Patient.wrong")])
        return [
            {"response": {"status": "422", "outcome": said} if i in wrong else {"status": "201"}}
            for i in range(len(tree["entry"]))
        ]

    def sent(self) -> list[list[str]]:
        """Ids of the resources of each request."""
        trees = [json.loads(body) for body in self.bodies]
        return [[entry["resource"].get("id", "-") for entry in tree["entry"]] for tree in trees]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with serving(server.make) as address:
        server.to = f"{address}/fhir"
        yield server


@pytest.fixture
def call(tmp_path: Path, server: Any) -> Callable[..., Result]:
    """The command over the folder `data`, in this process."""
    (tmp_path / "data").mkdir()
    runner = CliRunner()
    return lambda *more: runner.invoke(
        app, ["load", str(tmp_path / "data"), "--to", server.to, *more]
    )


# ---- bad input: nothing is sent ----------------------------------------------------------------

BAD = [
    ("no such path", ["nowhere", "--to", "URL"], "nowhere: there is no such file or folder"),
    ("not FHIR", ["notes.txt", "--to", "URL"], "notes.txt: this is no FHIR JSON. What is read: "),
    ("an empty folder", ["empty", "--to", "URL"], "empty: there is no FHIR JSON in it"),
    ("no zip", ["x.zip", "--to", "URL"], "x.zip: the zip cannot be read (File is not a zip file)"),
    ("no address", ["a.json", "--to", "localhost"], "--to: 'localhost' is no address"),
    ("no port", ["a.json", "--to", "http://x:port/fhir"], "is no address that could be used"),
    ("a search", ["a.json", "--to", "http://x/fhir?a=b"], "Write the base of a FHIR server, as"),
    ("a password", ["a.json", "--to", "http://u:p@x/fhir"], "is no address that could be used"),
    ("no place for the manifest", ["a.json", "--to", "URL", "--manifest", "no/m.jsonl"],
     "no/m.jsonl: the list of what was loaded cannot be written (No such file or directory)"),
    ("no manifest", ["a.json", "--to", "URL", "--manifest", "a.json"],
     "a.json:1: this is no list of what was loaded"),
    ("no path", ["--to", "URL"], "Missing argument 'PATH...'"),
    ("nowhere to", ["a.json"], "Missing option '--to'"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "words"), [r[1:] for r in BAD], ids=[r[0] for r in BAD])
def test_bad_input_ends_with_2_before_anything_is_sent(
    tmp_path: Path, server: Any, monkeypatch: pytest.MonkeyPatch, args: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    for name in ("a.json", "notes.txt", "x.zip"):
        Path(name).write_bytes(text(patient()) + b"\n")
    result = CliRunner().invoke(app, ["load", *(server.to if a == "URL" else a for a in args)])
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert (result.stdout, server.bodies, server.greeted) == ("", [], 0)


def test_an_address_is_one_with_and_without_a_slash_at_its_end() -> None:
    assert check_address("https://x/fhir//") == check_address("https://x/fhir") == "https://x/fhir"


# ---- the manifest ------------------------------------------------------------------------------


def test_a_second_load_sends_nothing(tmp_path: Path, server: Any, call: Any) -> None:
    (tmp_path / "data/1.json").write_bytes(TRANSACTION)
    (tmp_path / "data/2.ndjson").write_bytes(LINES)
    first = call()
    assert first.exit_code == 0, first.output
    assert re.fullmatch(
        r"5 resources of 2 files loaded in [\d.]+ s \([\d,]+ a second\)\n", first.stdout
    )
    assert re.search(r"load: files 2 of 2", first.stderr)
    assert len(server.bodies) == 2
    again = call("--quiet")
    assert again.stdout.endswith("; 2 files had arrived before\n")
    assert (again.exit_code, again.stderr, len(server.bodies)) == (0, "", 2)
    assert server.greeted == 1, "nobody is asked if there is nothing to send"
    assert [path.name for path in (tmp_path / "data").glob(".*")] == [
        place_for(tmp_path / "data", server.to).name
    ]


def test_again_sends_everything_and_other_content_is_sent_in_any_case(
    tmp_path: Path, server: Any, call: Any
) -> None:
    file = tmp_path / "data/1.ndjson"
    file.write_bytes(text(*(patient(str(i)) for i in range(2 * PARTS_AT_ONCE))))
    call()
    call("--again")
    assert [len(ids) for ids in server.sent()] == [PARTS_AT_ONCE] * 4
    with file.open("ab") as stream:
        stream.write(b"\n" + text(patient("new")))
    call()
    assert server.sent()[4:] == [["new"]]


def test_a_moved_file_is_the_same_content(tmp_path: Path, server: Any, call: Any) -> None:
    (tmp_path / "data/1.json").write_bytes(TRANSACTION)
    call()
    (tmp_path / "data/1.json").unlink()
    (tmp_path / "data/2.json.gz").write_bytes(gzip.compress(TRANSACTION))
    assert "1 files had arrived before" in call().stdout
    assert len(server.bodies) == 1


def test_another_server_has_another_manifest(tmp_path: Path, server: Any) -> None:
    file, manifest = tmp_path / "1.json", tmp_path / "m.jsonl"
    file.write_bytes(TRANSACTION)
    load([file], server.to, manifest=manifest)
    with pytest.raises(InputError, match=re.escape(f"what was loaded to {server.to}")):
        load([file], "http://127.0.0.1:9/fhir", manifest=manifest)
    assert place_for(file, "http://a/fhir") != place_for(file, "http://b/fhir")
    assert place_for(file, "http://a/fhir") == place_for(tmp_path, "http://a/fhir")


@pytest.mark.parametrize("cut", [b'{"sha256":"ab', b'{"sha256": "ab", "failed": {}}', b"\x00\x00"])
def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path, cut: bytes) -> None:
    file = tmp_path / "m.jsonl"
    manifest = Manifest(file, "http://x/fhir")
    manifest.record("d1", "a.json", "", 1, {})
    manifest.close()
    whole = file.read_bytes()
    file.write_bytes(whole + cut)
    manifest = Manifest(file, "http://x/fhir")
    assert (manifest.failed("d1"), manifest.failed("ab")) == ({}, None)
    assert file.read_bytes() == whole
    manifest.record("d1", "a.json", "", 0, {"line 1": "why"})
    manifest.close()
    manifest = Manifest(file, "http://x/fhir")
    assert manifest.failed("d1") == {"line 1": "why"}
    manifest.close()


# ---- failures ----------------------------------------------------------------------------------


def test_a_refused_transaction_names_its_entry_and_the_next_file_goes_on(
    tmp_path: Path, server: Any, call: Any
) -> None:
    bad = bundle("transaction", post(patient("a")), post(patient("b", wrong=1)))
    (tmp_path / "data/1.json").write_bytes(text(bad))
    (tmp_path / "data/2.json").write_bytes(TRANSACTION)
    result = call("--quiet")
    assert result.exit_code == 1
    assert result.stderr == (
        f"lienthong: {tmp_path}/data/1.json: entry[1] (Patient): wrong: no such date\n"
    )
    assert "2 resources of 2 files loaded" in result.stdout
    assert result.stdout.endswith("; 2 resources failed\n")
    server.mended = True
    assert call().exit_code == 0
    assert server.sent() == [["a", "b"], ["a", "b"], ["a", "b"]]


def test_of_a_batch_only_what_failed_is_sent_again(tmp_path: Path, server: Any, call: Any) -> None:
    mixed = bundle("batch", post(patient("a")), post(patient("b", wrong=1)), post(patient("c")))
    (tmp_path / "data/1.json").write_bytes(text(mixed))
    lines = text(patient("d")) + b'\n{"no": "FHIR"}\n' + text(patient("e", wrong=1)) + b"\n{\n"
    (tmp_path / "data/2.ndjson").write_bytes(lines)
    result = call("--quiet")
    assert result.exit_code == 1
    where = f"lienthong: {tmp_path}/data"
    assert result.stderr.splitlines() == [
        f"{where}/1.json: entry[1] (Patient): Patient.wrong: no such date",
        f"{where}/2.ndjson: line 2: there is no resourceType; is this FHIR?",
        f"{where}/2.ndjson: line 4: line 1, column 2: expected a member name in double quotes,"
        " the body ends here; is there a comma too many?",
        f"{where}/2.ndjson: line 3 (Patient): Patient.wrong: no such date",
    ]
    server.mended = True
    again = call("--json", "--quiet")
    told = json.loads(again.stdout)
    assert (told["resources"], told["failed"], len(told["failures"])) == (2, 2, 2)
    assert server.sent() == [["a", "b", "c"], ["d", "e"], ["b"], ["e"]]


def test_many_failures_of_a_file_are_not_all_told(tmp_path: Path, server: Any, call: Any) -> None:
    lines = (patient(str(i), wrong=1) for i in range(30))
    (tmp_path / "data/1.ndjson").write_bytes(text(*lines))
    told = call("--quiet").stderr.splitlines()
    assert len(told) == 21
    assert told[-1].endswith("1.ndjson: more failures; the manifest holds them all")
    manifest = place_for(tmp_path / "data", server.to).read_text()
    assert len(json.loads(manifest.splitlines()[-1])["failed"]) == 30


ANSWERS = [
    ("busy", Response(status_code=503), "HTTP 503 without an OperationOutcome"),
    ("a page of somebody else", Response("<html>", 502, media_type="text/html"), "(text/html; "),
    ("no JSON", Response("<html>", 200), "the answer is not FHIR JSON"),
    ("another shape", JSONResponse({"entry": []}), "not one entry for each of 2 resources"),
    ("no reason", JSONResponse({"resourceType": "OperationOutcome"}, 400), "HTTP 400 without"),
    ("an outcome without a place", JSONResponse(outcome([Issue("error", "x", "too late")]), 409),
     "too late"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), [r[1:] for r in ANSWERS], ids=[r[0] for r in ANSWERS])
def test_an_answer_that_is_of_no_use_fails_the_file(
    tmp_path: Path, server: Any, call: Any, answer: Response, words: str
) -> None:
    (tmp_path / "data/1.json").write_bytes(TRANSACTION)
    (tmp_path / "data/2.json").write_bytes(text(patient("c")))
    server.whole = lambda number: answer if number == 1 else None
    result = call("--quiet")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"lienthong: {tmp_path}/data/1.json: ")
    assert words in result.stderr
    assert "1 resources of 2 files" in result.stdout
    assert call().exit_code == 0
    assert server.sent() == [["a", "b"], ["c"], ["a", "b"]]


def test_what_is_no_fhir_server_is_sent_nothing(tmp_path: Path, server: Any, call: Any) -> None:
    (tmp_path / "data/1.json").write_bytes(TRANSACTION)
    server.metadata = {"hello": "world"}
    result = call("--quiet")
    assert (result.exit_code, result.stdout, server.bodies) == (1, "", [])
    assert "answered no resource, not CapabilityStatement. 1 of 1 files are left" in result.stderr


def test_a_server_that_goes_away_stops_the_load_and_the_same_command_goes_on(
    tmp_path: Path,
) -> None:
    for name in "123":
        (tmp_path / f"{name}.json").write_bytes(text(patient(name)))
    server = Server()
    with serving(server.make) as address:
        to = f"{address}/fhir"
        args = ["load", str(tmp_path), "--to", to, "--quiet"]
        load([tmp_path / "1.json"], to)
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 1
    assert "cannot be reached" in result.stderr
    assert "2 of 3 files are left; start the server and give the same command" in result.stderr
    assert server.sent() == [["1"]]


# ---- interrupted -------------------------------------------------------------------------------


def test_ctrl_c_keeps_the_answer_on_its_way_and_the_same_command_sends_the_rest(
    tmp_path: Path, server: Any
) -> None:
    for name in "123":
        (tmp_path / f"{name}.json").write_bytes(text(bundle("transaction", post(patient(name)))))
    asked, interrupted = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        if number == 2:
            asked.set()
            interrupted.wait(60)

    server.whole = hold
    command = [sys.executable, "-m", "lienthong", "load", tmp_path, "--to", server.to, "--quiet"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert asked.wait(60)
        process.send_signal(signal.SIGINT)
        interrupted.set()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert server.sent() == [["1"], ["2"]]
    manifest = place_for(tmp_path, server.to).read_bytes()
    assert manifest.endswith(b"\n")
    assert [json.loads(line).get("sent") for line in manifest.splitlines()] == [None, 1, 1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "1 resources of 1 files loaded" in done.stdout
    assert server.sent()[2:] == [["3"]]
