"""What may be set about a server without touching its code; defaults have their reason beside."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Literal

MIB = 1024 * 1024
Validation = Literal["off", "structure", "full", "profile"]


@dataclass(frozen=True, slots=True)
class Options:
    validation: Validation = "structure"
    """How much a resource is looked at before it is stored. `structure` takes 50 µs for an
    Observation; `full` (also invariants, bindings, profiles) 150 µs; `profile` also refuses a
    resource that claims a profile not known here."""

    handling: Literal["strict", "lenient"] = "strict"
    """Unknown search parameters without a `Prefer: handling=`: refused, or named in a warning."""

    zone: tzinfo = UTC
    """Where a date without a zone is meant."""

    max_body: int = 10 * MIB
    """Bytes of a request body; a patient's whole record as one transaction has 2-8 MB."""

    compress_above: int = 1400
    """Bytes from which an answer is packed for a client that likes it: what fits into one packet of
    the network arrives no sooner for being smaller."""

    cors_origins: Collection[str] = ("*",)
    """Origins (`https://app.example`) whose pages may use this server from a browser; `*` is any,
    none switches it off. Any, because apps that are being developed come from anywhere and no
    cookie is ever looked at: a page acts with the token that it has, like everybody else. A server
    of real data without a guard is open to every page of every browser that reaches it: name the
    origins then."""

    delete_multiple: int = 1
    """Resources that one conditional delete may delete; more of them is 412. One, because a
    condition that means more than its writer thinks is the usual way to lose data."""

    max_entries: int = 10_000
    """Entries of a batch or transaction; the write lock is held while one is stored."""

    page_size: int = 20
    """Entries of a page if the client does not say."""

    max_page_size: int = 1000
    """Entries of a page at most, whatever the client says."""

    inline_body: int = 16 * 1024
    """A body up to this size is parsed at once (a fraction of a millisecond), a larger one in a
    worker thread, so that nobody else waits for it."""

    workers: int = 2
    """Threads for searches, bundles and large bodies, if no `pool` is given. Python runs one at a
    time: four took a quarter more CPU a search than two; the second lets short ones pass long."""

    max_waiting: int = 256
    """Requests that may wait for such a thread before the next one is told to come back (503)."""

    pool: Executor | None = None
    """Threads to share with other servers of the same process."""
