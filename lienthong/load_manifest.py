"""What was loaded before: JSON lines beside the data, one for each answer of the server.

    {"load": 1, "to": "http://..."}
    {"sha256": ..., "source": ..., "place": "line 1 to line 100", "sent": 99,
     "failed": {"line 7": "why"}}                                     (in one line)

A line is written in one piece as soon as the answer is there; one that was cut off (power, full
disk) is dropped when the file is opened again. What was read last about a digest holds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from vietnam.datafiles import InputError

FORMAT: Final = 1
EVERYTHING: Final = ""  # the label of a failure that is no single part's


def place_for(path: Path, to: str) -> Path:
    """The manifest of a file or folder for one server, when nobody names another file."""
    folder = path if path.is_dir() else path.parent
    return folder / f".lienthong-load-{hashlib.sha256(to.encode()).hexdigest()[:12]}.jsonl"


class Manifest:
    """Digests and what became of them; open until `close`."""

    def __init__(self, file: Path, to: str, *, again: bool = False) -> None:
        """InputError: the file is of another server, is no manifest, or cannot be written."""
        self.file = file
        self._failed: dict[str, Mapping[str, str]] = {}
        try:
            self._handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as err:
            raise InputError(
                str(file),
                None,
                "",
                f"the list of what was loaded cannot be written ({err.strerror})",
                "Name a file that can be with --manifest",
            ) from None
        try:
            self._read(to, again)
        except BaseException:
            self.close()
            raise

    def _read(self, to: str, again: bool) -> None:
        text = self.file.read_bytes()
        whole = text.rfind(b"\n") + 1
        if whole != len(text):
            os.truncate(self.file, whole)
        for number, line in enumerate(text[:whole].splitlines(), 1):
            record = self._record(line, number)
            if number == 1:
                self._check(record, to)
            elif not again:
                self._failed[record["sha256"]] = record["failed"]
        if not whole:
            self._append({"load": FORMAT, "to": to})

    def _record(self, line: bytes, number: int) -> dict[str, Any]:
        keys = {"load", "to"} if number == 1 else {"sha256", "failed"}
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            record = None
        if not isinstance(record, dict) or not keys <= set(record):
            raise InputError(
                str(self.file),
                number,
                "",
                "this is no list of what was loaded",
                "Name another file with --manifest, or delete this one",
            )
        return record

    def _check(self, record: Mapping[str, Any], to: str) -> None:
        if record["load"] != FORMAT or record["to"] != to:
            raise InputError(
                str(self.file),
                1,
                "",
                f"this is the list of what was loaded to {record['to']}",
                "Name another file with --manifest",
            )

    def failed(self, digest: str) -> Mapping[str, str] | None:
        """What failed of this content last time, by label; None: it was never answered."""
        return self._failed.get(digest)

    def record(
        self, digest: str, source: str, place: str, sent: int, failed: Mapping[str, str]
    ) -> None:
        """Remembers one answer; on disk when this returns."""
        self._failed[digest] = dict(failed)
        self._append(
            {"sha256": digest, "source": source, "place": place, "sent": sent, "failed": failed}
        )

    def _append(self, record: Mapping[str, Any]) -> None:
        os.write(self._handle, orjson.dumps(record) + b"\n")
        os.fsync(self._handle)

    def close(self) -> None:
        os.close(self._handle)
