"""The outbox of a hospital: what has to be told, written in the transaction that made it so.

A row of kind "pointer" names a resource; the publisher looks what it says by then. So nothing is
told that was rolled back, and nothing that was committed is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fhir_server.store.port import Version, Writer
from hospitals.pointers import STATUSES, facility_of

OUTBOX: Final = "pointer"
REPORT: Final = "DiagnosticReport"


class Outbox:
    """`group` is the record group; `since`: from when on its facilities publish, None at once.

    A facility that is not in `since` never publishes.
    """

    def __init__(self, group: str, since: Mapping[str, datetime] | None = None) -> None:
        self.group, self._since = group, since
        # How many rows were written, and the last one; perhaps it is not committed yet. The count
        # is there because a restored store gives the same number again.
        self.promised = (0, 0)

    def begins(self, facility: str) -> datetime | None:
        """When what waits of this facility may go out; None: at once."""
        return None if self._since is None else self._since.get(facility)

    def publishes(self, facility: str) -> bool:
        return self._since is None or facility in self._since

    def on_write(self, writer: Writer, version: Version, tree: Mapping[str, Any]) -> None:
        """Called by the engine within its write."""
        if version.type == REPORT:
            self._note_report(writer, version, tree)
        elif version.type == "Patient" and version.version > 1:
            # A new registration goes out with its first result; one that changed goes by itself.
            self._append(writer, version, self.group)

    def _note_report(self, writer: Writer, version: Version, tree: Mapping[str, Any]) -> None:
        if version.deleted:
            before = writer.vread(REPORT, version.id, version.version - 1)
            self._append(writer, version, self.group) if before else None
            return
        facility = facility_of(tree, self.group)
        if tree.get("status") in STATUSES and self.publishes(facility):
            self._append(writer, version, facility)

    def _append(self, writer: Writer, version: Version, facility: str) -> None:
        key = f"{version.type}/{version.id}"
        self.promise(writer.append(OUTBOX, key, facility.encode(), at=version.updated))

    def promise(self, seq: int) -> None:
        """A row was written; only the thread of the writer calls this."""
        self.promised = (self.promised[0] + 1, seq)
