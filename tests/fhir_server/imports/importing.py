"""A real server of files, a FHIR server that imports them, and ways to ask it."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fhir_server.audit import AuditSink
from fhir_server.clock import SteppedClock
from fhir_server.imports.operations import imports
from fhir_server.imports.request import NDJSON
from fhir_server.options import Options
from tests.fhir_server.serving import FINE, NOON, serving

ASYNC = {"prefer": "respond-async"}


def patient(id_="", **more):
    return {"resourceType": "Patient", **({"id": id_} if id_ else {}), **more}


def lines(*trees):
    return "".join(
        f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in trees
    ).encode()


class _Files(BaseHTTPRequestHandler):
    def do_GET(self):
        status, body, headers = self.server.files.get(self.path, (404, b"", {}))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.server.asked.append(self.path)

    def log_message(self, *args):
        pass


@contextmanager
def file_server():
    """A server of files; `files.files[path]` is status, body and headers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    server.files, server.asked = {}, []
    server.at = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def served(files, body, status=200, **headers):
    path = f"/bulk/{uuid.uuid4().hex}.ndjson"
    files.files[path] = status, body, {k.replace("_", "-"): v for k, v in headers.items()}
    return files.at + path


@contextmanager
def importing(store, folder, files, **more):
    clock = more.pop("clock", None) or SteppedClock(NOON)
    capabilities = more.pop("capabilities", FINE)
    sources = more.pop("sources", [f"{files.at}/bulk/"])
    audit = AuditSink(store, observer="test")
    bulk = imports(
        folder, lambda caller: store, clock, capabilities, more.pop("options", Options()),
        sources=sources, audit=audit, **more,
    )  # fmt: skip
    with serving(
        "memory:",
        operations=bulk.operations(),
        store_for=lambda _: lambda caller: store,
        capabilities=capabilities,
    ) as server:
        server.held, server.bulk = store, bulk
        yield server
        bulk.jobs.close()


def manifest(*inputs, format_=NDJSON, **more):
    parts = [{"name": "inputFormat", "valueCode": format_}] if format_ else []
    parts += [{"name": name, "valueUri": value} for name, value in more.items()]
    parts += [
        {
            "name": "input",
            "part": [{"name": "type", "valueCode": type_}, {"name": "url", "valueUrl": url}],
        }
        for type_, url in inputs
    ]
    return {"resourceType": "Parameters", "parameter": parts}


def below(address):
    return address.removeprefix("http://test/fhir/")


def started(server, *inputs, **more):
    said = server.ask("POST", "$import", manifest(*inputs), **ASYNC, **more)
    assert said.status == 202, said.body
    return below(said.headers["content-location"])


def finished(server, where):
    """The answer of the status address once it is no longer 202."""
    for _ in range(5000):
        said = server.ask("GET", where)
        if said.status != 202:
            return said
        assert said.headers["x-progress"]
        assert said.headers["retry-after"] == "1"
    raise AssertionError("the import never ends")


def imported(server, *inputs):
    said = finished(server, started(server, *inputs))
    assert said.status == 200, said.body
    return said.json


def errors(server, listed):
    """What is said about each line that is wrong."""
    got = server.ask("GET", below(listed["url"]))
    assert got.headers["content-type"].startswith(NDJSON)
    found = [json.loads(line) for line in got.body.splitlines()]
    assert len(found) == listed["count"]
    return [one["issue"][0]["diagnostics"] for one in found]
