"""Resources of an import on their way into a store, with how far it has come in the same commit.

https://hl7.org/fhir/R4/http.html#update: each is an update under its id, or a create; whoever is
told of those is told of these, and each has its row in the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from fhir_server.audit import AuditSink, Entry
from fhir_server.call import OnWrite, Watcher
from fhir_server.clock import Clock, instant
from fhir_server.guard import Caller
from fhir_server.imports.lines import Line
from fhir_server.store.port import Store, Version, Writer
from fhir_server.subjects import patient_of_tree

KIND: Final = "import"


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """How far an import is: within which file, behind which line, and what came of it so far."""

    file: int = 0
    line: int = 0
    end: int = 0
    stored: int = 0
    wrong: int = 0
    errors: int = 0  # bytes of the file of errors


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Mark).decode


@dataclass(frozen=True, slots=True)
class Target:
    """Where resources go, and who is told."""

    store_for: Callable[[Caller], Store]
    clock: Clock
    audit: AuditSink | None = None
    on_write: OnWrite | None = None
    watcher: Watcher | None = None

    def mark(self, caller: Caller, job: str) -> Mark:
        """Where a job stands; at its beginning, if it has stored nothing yet."""
        store, last, after = self.store_for(caller), Mark(), 0
        while rows := store.rows(KIND, key=job, after=after):
            last, after = _decode(rows[-1].data), rows[-1].seq
        return last

    def put(self, caller: Caller, job: str, lines: Sequence[Line], mark: Mark) -> None:
        """All of these lines and the mark behind them, or nothing. FhirError: one is refused."""

        def work(writer: Writer) -> None:
            for line in lines:
                self._one(writer, caller, job, line)
            writer.append(KIND, job, _encode(mark), at=self.clock.now())

        self.store_for(caller).write(work).result()
        if self.watcher is not None:
            self.watcher.wake()

    def _one(self, writer: Writer, caller: Caller, job: str, line: Line) -> None:
        document = line.document
        if document is None:
            return
        version = writer.put(document, id_=line.id, method=line.method, at=self.clock.now())
        tree = {**document.tree, "id": line.id}
        if self.on_write is not None:
            self.on_write(writer, version, tree)
        if self.watcher is not None:
            self.watcher.changed(writer, version, tree, caller)
        if self.audit is not None:
            patient = patient_of_tree(version.type, version.id, tree)
            entry = self._entry(caller, job, version, patient)
            self.audit.append(writer, [entry], at=self.clock.now())

    def _entry(self, caller: Caller, job: str, version: Version, patient: str) -> Entry:
        return Entry(
            at=instant(self.clock.now()),
            interaction="create" if version.method == "POST" else "update",
            status=201 if version.version == 1 else 200,
            type=version.type,
            id=version.id,
            version=version.version,
            patient=patient,
            query="",
            caller=caller.id,
            name=caller.name,
            facility="",
            purpose=caller.purpose or "",
            request=f"$import {job}",
        )
