"""What may be set about a server without touching its code; defaults have their reason beside."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Literal

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    validation: Literal["off", "structure"] = "structure"
    """How much a resource is looked at before it is stored."""

    handling: Literal["strict", "lenient"] = "strict"
    """Unknown search parameters without a `Prefer: handling=`: refused, or named in a warning."""

    zone: tzinfo = UTC
    """Where a date without a zone is meant."""

    max_body: int = 10 * MIB
    """Bytes of a request body; a patient's whole record as one transaction has 2-8 MB."""

    max_entries: int = 10_000
    """Entries of a batch or transaction; the write lock is held while one is stored."""

    page_size: int = 20
    """Entries of a page if the client does not say."""

    max_page_size: int = 1000
    """Entries of a page at most, whatever the client says."""

    open_pages: int = 10_000
    """Searches whose next page can be asked for; the ones untouched longest go first."""

    inline_body: int = 16 * 1024
    """A body up to this size is parsed at once (a fraction of a millisecond), a larger one in a
    worker thread, so that nobody else waits for it."""

    workers: int = 4
    """Threads for searches, bundles and large bodies, if no `pool` is given."""

    max_waiting: int = 256
    """Requests that may wait for such a thread before the next one is told to come back (503)."""

    pool: Executor | None = None
    """Threads to share with other servers of the same process."""
