"""One request on its way through the server, and the server it goes through.

An interaction is given a `Call` and nothing else: whose it is, what it asks, the store that this
caller sees, and how to write (https://hl7.org/fhir/R4/http.html).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from starlette.requests import Request

from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.audit import AuditSink, Entry
from fhir_server.audit_notes import Notes
from fhir_server.briefly import Brief
from fhir_server.capabilities import Capabilities
from fhir_server.clock import Clock, instant
from fhir_server.guard import Caller, Guard
from fhir_server.negotiation import DEFAULT, Format, Prefer, prefer
from fhir_server.operations import Registry
from fhir_server.options import Options
from fhir_server.page_tokens import Pages
from fhir_server.routing import Interaction, Table
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Document, Reader, Store, Version, Writer

T = TypeVar("T")
OnWrite = Callable[[Writer, Version, Tree], None]
Search = Callable[..., SearchRequest]

ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")

# Of what goes into an audit row: longer is no type of R4, and no query of anybody who means it.
_LONGEST_TYPE: Final = 64
_LONGEST_QUERY: Final = 16 * 1024


class Watcher(Protocol):
    """Is told of every change, in its transaction, and woken after the commit."""

    def changed(self, writer: Writer, version: Version, tree: Tree, caller: Caller) -> None: ...

    def wake(self) -> None: ...


@dataclass(slots=True)
class Engine:
    """What all requests of a server share."""

    store_for: Callable[[Caller], Store]
    capabilities: Capabilities
    guard: Guard
    operations: Registry
    audit: AuditSink | None
    notes: Notes | None
    clock: Clock
    base_url: Callable[[Request], str] | str
    on_write: OnWrite | None
    watcher: Watcher | None
    options: Options
    table: Table
    pages: Pages
    pool: Executor
    brief: Brief
    waiting: int = 0
    statements: dict[str, bytes] = field(default_factory=dict)
    """CapabilityStatements by the address that they name."""

    def base(self, request: Request) -> str:
        """This server's address as clients see it, without a slash at the end."""
        url = self.base_url if isinstance(self.base_url, str) else self.base_url(request)
        return url.rstrip("/")

    async def in_pool(self, work: Callable[..., T], *args: Any) -> T:
        """Blocking work in a worker thread. FhirError 503: too many wait already."""
        if self.waiting >= self.options.max_waiting:
            raise FhirError(
                Kind.UNAVAILABLE,
                f"{self.waiting} requests wait for their turn already; repeat this one later",
            )
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.pool, work, *args)
        finally:
            self.waiting -= 1


@dataclass(frozen=True, slots=True)
class Fact:
    """What was done to one resource, for its audit row."""

    interaction: str
    status: int
    type: str = ""
    id: str = ""
    version: int = 0
    patient: str = ""
    query: str = ""


@dataclass(slots=True)
class Call:
    """One request, or one entry of a bundle. Names of `headers` are in lower case."""

    engine: Engine
    interaction: Interaction
    method: str
    base: str
    caller: Caller
    reader: Reader  # what this caller sees; inside a transaction its writer
    store: Store
    headers: Mapping[str, str]
    query: list[tuple[str, str]] = field(default_factory=list)  # without those of every request
    type: str = ""
    id: str = ""
    version: str = ""
    operation: str = ""
    compartment: str = ""
    body: bytes = b""
    document: Document | None = None  # an entry's resource, parsed with its bundle
    from_xml: bool = False  # then places in the body mean nothing to the client
    format: Format = DEFAULT
    request_id: str = ""
    facility: str = ""
    query_text: str = ""  # as given, for the audit trail only
    patient: str = ""
    audited: bool = False  # its rows are in the commit of what it wrote
    nested: bool = False  # an entry of a bundle

    @property
    def prefer(self) -> Prefer:
        return prefer(self.headers.get("prefer", ""))

    @property
    def lenient(self) -> bool:
        return (self.prefer.handling or self.engine.options.handling) == "lenient"

    def require_id(self) -> str:
        """The id of the path. FhirError 400: no resource can have it."""
        if not ID.fullmatch(self.id):
            raise FhirError(
                Kind.BAD_PARAMETER,
                f"{self.id[:80]!r} cannot be the id of a resource; "
                "an id has 1 to 64 letters, digits, '-' or '.'",
            )
        return self.id

    def require_known(self, *names: str) -> None:
        """FhirError 400 for a query parameter that this interaction does not know."""
        if self.lenient:
            return
        for name, _ in self.query:
            if name not in names:
                also = f", {', '.join(names)}" if names else ""
                raise FhirError(
                    Kind.UNKNOWN_PARAMETER,
                    f"{self.interaction.code} has no parameter {name[:80]!r}; "
                    f"supported: _format, _pretty{also}",
                )

    async def in_pool(self, work: Callable[..., T], *args: Any) -> T:
        return await self.engine.in_pool(work, *args)

    # ---- writing -------------------------------------------------------------------------------

    async def write(
        self, work: Callable[[Writer], T], facts: Callable[[T], Sequence[Fact]] | None = None
    ) -> T:
        """Runs work in one write transaction, together with the audit rows of what it did.

        `facts` says what that was; without it the call itself counts as done.
        """
        audit, clock = self.engine.audit, self.engine.clock

        def audited(writer: Writer) -> T:
            done = work(writer)
            if audit is not None:
                found = facts(done) if facts else [self.fact(200)]
                audit.append(writer, [self.entry(fact) for fact in found], at=clock.now())
            return done

        done = await asyncio.wrap_future(self.store.write(audited))
        self.audited = True
        if self.engine.watcher is not None:
            self.engine.watcher.wake()
        return done

    def changed(self, writer: Writer, version: Version, tree: Tree) -> None:
        """Tells whoever wants to know of a write, inside it; an empty tree: it was deleted."""
        if self.engine.on_write is not None:
            self.engine.on_write(writer, version, tree)
        if self.engine.watcher is not None:
            self.engine.watcher.changed(writer, version, tree, self.caller)

    def fact(self, status: int) -> Fact:
        """This call as one fact."""
        version = int(self.version) if self.version.isdecimal() and len(self.version) < 10 else 0
        id_ = self.id if ID.fullmatch(self.id) else ""
        query = self.query_text
        return Fact(self.interaction.code, status, self.type, id_, version, self.patient, query)

    def entry(self, fact: Fact) -> Entry:
        """A fact with who, when and why."""
        return Entry(
            at=instant(self.engine.clock.now()),
            interaction=fact.interaction,
            status=fact.status,
            type=fact.type[:_LONGEST_TYPE],
            id=fact.id,
            version=fact.version,
            patient=fact.patient,
            query=fact.query[:_LONGEST_QUERY],
            caller=self.caller.id,
            name=self.caller.name,
            facility=self.facility,
            purpose=self.caller.purpose or "",
            request=self.request_id,
        )

    async def note(self, status: int) -> None:
        """Appends the call's audit row, unless a write has taken it along; waits for the commit."""
        notes = self.engine.notes
        if notes is None or self.audited or not self.interaction.audited:
            return
        await notes.add(self.entry(self.fact(status)))
        self.audited = True
