"""One file of an import, fetched into the folder of its job (https://hl7.org/fhir/uv/bulkdata/).

The whole file is there before its first line is stored: an import that goes on after a restart
reads the same lines again, whatever its source says by then.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx2

from fhir_server.imports.request import NDJSON

MAX_FILE: Final = 2 * 1024**3  # bytes, unpacked
SECONDS: Final = 30.0  # without a byte


class NotFetched(Exception):
    """Says in one line why."""


class Cancelled(Exception):
    """Ends the work on a job."""


def fetch(url: str, path: Path, cancelled: Callable[[], bool], *, limit: int = MAX_FILE) -> None:
    """Writes the file, if it is not there yet. NotFetched; Cancelled."""
    if path.exists():
        return
    part = path.with_suffix(".part")
    _quiet()
    headers = {"Accept": f"{NDJSON}, application/ndjson, */*;q=0.1"}
    try:
        # A redirect would lead away from what is trusted; proxies of the machine are not asked.
        with (
            httpx2.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url, headers=headers) as response,
            part.open("wb") as out,
        ):
            if response.status_code != 200:
                raise NotFetched(f"the source answers {response.status_code}")
            size = 0
            for piece in response.iter_bytes(64 * 1024):
                if cancelled():
                    raise Cancelled
                size += len(piece)
                if size > limit:
                    raise NotFetched(f"the file has more than {limit} bytes; cut it into several")
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
    except (httpx2.HTTPError, httpx2.InvalidURL) as err:
        raise NotFetched(f"the source cannot be read ({type(err).__name__})") from None
    part.replace(path)


def _quiet() -> None:
    """The library logs the whole address of every request, and one of a file may hold its key."""
    log = logging.getLogger("httpx2")
    if log.level == logging.NOTSET:  # whoever has set it means it
        log.setLevel(logging.WARNING)
