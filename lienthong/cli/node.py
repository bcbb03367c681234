"""`lienthong node`: one empty FHIR R4 server, for developers."""

from __future__ import annotations

import re
import sys
import threading
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lienthong.cli.exits import bad_input
from lienthong.cli.options import Debug, Quiet

if TYPE_CHECKING:
    import datetime as dt
    import socket

    from lienthong.node import NodeStart

BRIEF = "Start one empty FHIR R4 server."
EPILOG = """Example:  lienthong node --port 8080

Others:  lienthong node --memory --port 0   lienthong node --workers 2 --validation profile

Then:  curl http://127.0.0.1:8080/fhir/metadata   lienthong load FILES --to http://127.0.0.1:8080/fhir"""
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Level(StrEnum):
    """How much a resource is looked at before it is stored."""

    off = "off"
    structure = "structure"
    full = "full"
    profile = "profile"


class Switch(StrEnum):
    """On or off."""

    on = "on"
    off = "off"


Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where it keeps its file. [default: runs/node]"),
]
Database = Annotated[
    str | None,
    typer.Option(metavar="URL", help="PostgreSQL instead of a file: postgresql+psycopg://..."),
]
Memory = Annotated[bool, typer.Option("--memory", help="Keep nothing.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
PublicUrl = Annotated[str | None, typer.Option(metavar="URL", help="The address that links show.")]
WorkersCount = Annotated[
    int, typer.Option(min=1, max=64, help="Processes that serve the same store.")
]
Validation = Annotated[
    Level, typer.Option(help="How much a resource is looked at before it is stored.")
]
Audit = Annotated[Switch, typer.Option(help="Whether every access is written down.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Where its clock stands. [default: the wall's]"),
]
Load = Annotated[
    list[Path] | None,
    typer.Option("--load", metavar="PATH", help="FHIR files to load first; may be repeated."),
]


def node(
    data: Data = None,
    database: Database = None,
    memory: Memory = False,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    public_url: PublicUrl = None,
    workers: WorkersCount = 1,
    validation: Validation = Level.structure,
    audit: Audit = Switch.on,
    as_of: AsOf = None,
    load: Load = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Start one FHIR R4 server with nothing in it; its base is http://HOST:PORT/fhir.

    All of REST, search, operations, bulk export and subscriptions; no authorisation. What it is
    given it keeps in a file (--data) or in PostgreSQL (--database). Ctrl-C ends it.
    """
    _check(database, memory, workers, public_url)
    from lienthong.live.folder_lock import FolderLock
    from lienthong.load_files import find
    from lienthong.node import NodeStart
    from lienthong.server import bind
    from lienthong.settings import load_settings

    for path in load or ():
        find(path)
    start = NodeStart(
        folder=data or load_settings().data_dir / "node",
        database=database,
        memory=memory,
        host=host,
        port=port,
        public_url=public_url,
        workers=workers,
        validation=validation.value,
        audit=audit is Switch.on,
        as_of=None if as_of in (None, "now") else _moment(str(as_of)),
    )
    lock = None if memory else FolderLock(start.folder)
    try:
        if lock is not None:
            _prepare(start, lock)
        listening = bind(host, port)
        with listening:
            start = replace(start, port=listening.getsockname()[1])
            _serve(start, listening, load or [], quiet)
    finally:
        if lock is not None:
            lock.free()


def _serve(start: NodeStart, listening: socket.socket, paths: list[Path], quiet: bool) -> None:
    import structlog

    from lienthong.node import serve
    from lienthong.node_workers import Workers

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

    def ready() -> None:
        if paths:  # by HTTP like everybody else, so that it is the server's own work
            arguments = (start, paths, quiet)
            threading.Thread(target=_load, args=arguments, name="loading", daemon=True).start()
        elif not quiet:
            _say(start)

    if start.host not in LOOPBACK:
        words = "other machines can reach it, and there is no authorisation"
        print(f"lienthong: --host {start.host}: {words}", file=sys.stderr)
    if start.workers > 1:
        Workers(start, listening, ready).run()
    else:
        serve(start, listening, ready)


def _say(start: NodeStart, loaded: str = "") -> None:
    kept = "memory" if start.memory else "PostgreSQL" if start.database else start.folder
    many = f", {start.workers} workers" if start.workers > 1 else ""
    typer.echo(f"ready: {start.base}  ({kept}{many}{loaded}; Ctrl-C ends it)")


def _load(start: NodeStart, paths: list[Path], quiet: bool) -> None:
    """Tells what did not arrive; the server goes on."""
    import tempfile

    from lienthong.load import Unreachable, load
    from vietnam.datafiles import InputError

    own = replace(start, public_url=None).base
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) if start.memory else start.folder
        try:
            loaded = load(paths, own, manifest=folder / "loaded.jsonl", on_failure=_fails)
        except (InputError, Unreachable, OSError) as error:
            print(f"lienthong: --load: {error}", file=sys.stderr)
            return
    if not quiet:
        _say(start, f", {loaded.resources:,} resources loaded")


def _fails(failure: object) -> None:
    print(f"lienthong: {failure}", file=sys.stderr)


def _prepare(start: NodeStart, lock: object) -> None:
    """The folder is ours, and the store can be opened. InputError: not so."""
    from lienthong.live.folder_lock import FolderLock
    from vietnam.datafiles import InputError

    assert isinstance(lock, FolderLock)
    try:
        start.folder.mkdir(parents=True, exist_ok=True)
        lock.take()
    except OSError as error:
        problem = f"the folder cannot be used ({error.strerror or error})"
        remedy = "Name another folder with --data, or change its permissions"
        raise InputError(str(start.folder), None, "", problem, remedy) from None
    try:
        start.open_store().close()  # before any worker does, so that it is made once
    except InputError as error:
        if start.database is None:
            raise
        address = re.sub(r"//[^/@]*@", "//***@", error.file)  # a password is nobody's business
        raise InputError("--database", None, address, error.problem, error.remedy) from None


def _moment(text: str) -> dt.datetime:
    """A day (its midnight) or a moment, in UTC unless it says otherwise."""
    import datetime as dt

    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise bad_input(
            "--as-of", "", f"{text[:60]!r} is no date", "Write e.g. 2025-11-15"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _check(database: str | None, memory: bool, workers: int, public_url: str | None) -> None:
    if memory and database:
        raise bad_input("--memory", "", "keeps nothing, and --database does", "Leave one out")
    if memory and workers > 1:
        remedy = "Leave --memory out: the default is a file"
        raise bad_input("--workers", "", "processes cannot share what is only in memory", remedy)
    if database is not None and not database.startswith("postgresql"):
        shown = re.sub(r"//[^/@]*@", "//***@", database)[:80]
        remedy = "Write postgresql+psycopg://USER@HOST/DATABASE; files are the default"
        raise bad_input("--database", "", f"{shown!r} is no address of PostgreSQL", remedy)
    if public_url is not None and not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", public_url):
        remedy = "Write e.g. https://fhir.example.org"
        raise bad_input("--public-url", "", f"{public_url[:80]!r} is no address", remedy)
