"""Operations beyond the plain interactions (https://hl7.org/fhir/R4/operations.html).

A server is given its operations as data; `interactions/operation.py` finds the one that is meant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Final, Literal, Protocol, TypeVar

from fhir_profiles.json_text import Tree
from fhir_server.answers import Answer
from fhir_server.clock import Clock
from fhir_server.guard import Caller
from fhir_server.store.port import Document, Store, Version, Writer

T = TypeVar("T")
Level = Literal["system", "type", "instance"]


class Write(Protocol):
    """Runs work in one write transaction, with the audit row of the call in the same commit."""

    async def __call__(self, work: Callable[[Writer], T]) -> T: ...


class InPool(Protocol):
    """Runs blocking work in a worker thread: searches and whatever takes more than a moment."""

    async def __call__(self, work: Callable[..., T], *args: Any) -> T: ...


@dataclass(frozen=True, slots=True)
class OperationCall:
    """What the handler of an operation is given. `type` and `id` are empty above their level."""

    caller: Caller
    store: Store
    type: str
    id: str
    query: Sequence[tuple[str, str]]
    document: Document | None  # the body, if one was sent; read, not validated
    headers: Mapping[str, str]  # names in lower case
    base: str  # this server's address, without a slash at the end
    clock: Clock
    zone: tzinfo
    write: Write
    in_pool: InPool
    method: str = "POST"
    changed: Callable[[Writer, Version, Tree], None] | None = None  # whoever wants to know
    body: bytes = b""  # as it came, where the operation reads it itself

    def put(self, writer: Writer, document: Document, id_: str, method: str) -> Version:
        """Stores a new version and tells whoever wants to know, as every interaction does."""
        version = writer.put(document, id_=id_, method=method, at=self.clock.now())
        if self.changed is not None:
            self.changed(writer, version, {**document.tree, "id": id_})
        return version

    def parameters(self, name: str) -> list[Any]:
        """Values of an input: from the query (text), else from a Parameters body."""
        given: list[Any] = [value for key, value in self.query if key == name]
        if not given and self.document and self.document.tree["resourceType"] == "Parameters":
            listed = self.document.tree.get("parameter")
            given = [
                parameter_value(part)
                for part in (listed if isinstance(listed, list) else [])
                if isinstance(part, dict) and part.get("name") == name
            ]
        return given

    def parameter(self, name: str, default: Any = None) -> Any:
        """The first value of an input."""
        return next(iter(self.parameters(name)), default)


def parameter_value(part: Tree) -> Any:
    """What one `parameter` holds: its value[x], resource, or parts; None if it holds nothing."""
    for key, value in part.items():
        if key.startswith("value") or key in ("resource", "part"):
            return value
    return None


@dataclass(frozen=True, slots=True)
class Operation:
    """`on` is a resource type, "" for the system level, "*" for every type."""

    name: str  # "$match"
    on: str
    level: Level
    handler: Callable[[OperationCall], Awaitable[Answer]]
    definition: str  # canonical url of its OperationDefinition
    methods: Collection[str] = ("POST",)
    affects_state: bool = False
    reads_body: bool = False  # its body may be no resource: it is given as it came
    media: str = ""  # what it answers in, if that is no resource: as good as FHIR in Accept

    def __post_init__(self) -> None:
        problem = ""
        if not self.name.startswith("$"):
            problem = "its name starts with $"
        elif (self.on == "") != (self.level == "system"):
            problem = "an operation on the system, and only such a one, is on no type"
        elif self.affects_state and "GET" in self.methods:
            problem = "what affects state is not called by GET"
        if problem:
            raise ValueError(f"operation {self.name!r} on {self.on!r}: {problem}")


@dataclass(frozen=True, slots=True)
class Registry:
    """The operations of a server. ValueError: two answer to the same name at one place."""

    operations: Sequence[Operation] = ()
    _by_place: dict[tuple[str, str, str], Operation] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for operation in self.operations:
            place = operation.name, operation.on, operation.level
            if place in self._by_place:
                raise ValueError(f"{operation.name} on {operation.on!r} is there twice")
            self._by_place[place] = operation

    def find(self, name: str, type_: str, level: Level) -> Operation | None:
        return self._by_place.get((name, type_, level)) or self._by_place.get((name, "*", level))

    def named(self, name: str) -> list[Operation]:
        """All of that name, wherever they are: for an answer that says where to look."""
        return [operation for operation in self.operations if operation.name == name]

    def answers_in_other_than_fhir(self, name: str) -> bool:
        return any(operation.media for operation in self.named(name))

    def on(self, type_: str) -> list[Operation]:
        return [operation for operation in self.operations if operation.on == type_]


NO_OPERATIONS: Final = Registry()
