"""Lines of a file as resources that may be stored, or what is wrong with them.

http://ndjson.org and https://hl7.org/fhir/R4/json.html: one resource a line, each checked like the
body of an update.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final
from uuid import uuid4

from fhir_profiles import json_text
from fhir_profiles.json_text import JsonTrouble
from fhir_profiles.outcomes import FhirError, Kind, unreadable
from fhir_server.bodies import require_id, require_type, require_valid, usable_id
from fhir_server.options import Validation
from fhir_server.store.port import Document

_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """`end` is where the next one begins; a resource, or an error, or neither (a blank line)."""

    number: int
    end: int
    document: Document | None = None
    id: str = ""
    method: str = "PUT"
    error: FhirError | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What lines are read as: of this type, checked so far, so long."""

    type: str
    validation: Validation
    longest: int

    def lines(self, file: BinaryIO, number: int, start: int) -> Iterator[Line]:
        """The lines from one that begins at `start`, after `number` others."""
        file.seek(start)
        while text := file.readline(self.longest + 1):
            number += 1
            if len(text) > self.longest and not text.endswith(b"\n"):
                _skip(file)
                problem = f"the line has more than {self.longest} bytes"
                yield Line(number, file.tell(), error=FhirError(Kind.TOO_LARGE, problem))
            else:
                yield self._line(number, file.tell(), text.strip())

    def _line(self, number: int, end: int, text: bytes) -> Line:
        if not text:
            return Line(number, end)
        try:
            document = Document(json_text.parse(text), text)
            require_type(document.tree, self.type)
            require_valid(document, self.validation, places=False)
            id_ = usable_id(document.tree)
            if "id" in document.tree:
                require_id(document.tree, id_)  # one that cannot be an address
            if not id_:
                return Line(number, end, document, str(uuid4()), "POST")
            return Line(number, end, document, id_)
        except JsonTrouble as err:
            return Line(number, end, error=unreadable(err))
        except FhirError as err:
            return Line(number, end, error=err)


def _skip(file: BinaryIO) -> None:
    while (piece := file.readline(_PIECE)) and not piece.endswith(b"\n"):
        pass
