"""The folder of a network: its note, its stores, what waits in them, its audit trails.

Nothing is changed and nothing is made. Counts only; no row is shown.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from fhir_profiles.outcomes import FhirError
from fhir_server.audit import KIND, verify_chain
from fhir_server.store.migrations.running import REVISIONS
from fhir_server.store.open import open_store
from fhir_server.store.port import Row, Store
from fhir_server.store.tables import APPLICATION_ID, HEAD
from hospitals.outbox import OUTBOX
from hospitals.publisher import DEAD
from lienthong.doctor.findings import Finding, broken, ok, warning
from lienthong.live.folder_lock import holder
from lienthong.live.plan import LivePlan, Place
from lienthong.live.seeding import COORDINATOR, ZONE
from lienthong.server import note_of
from lienthong.wiring import VERSION
from scenarios.scenario import load_scenario
from vietnam.datafiles import InputError

PAGE: Final = 1000
PATIENCE: Final = 2.0  # seconds that somebody else may write
COPY: Final = "Restore the file from a copy, or start in a new folder"


def network_folder(folder: Path) -> Iterator[Finding]:
    """Everything about one folder."""
    process = holder(folder)
    if process:
        yield ok("served", f"by process {process}")
    expected, findings = _note(folder)
    yield from findings
    paths = sorted((folder / "stores").glob("*.db"))
    missing = expected - {path.stem for path in paths}
    for code in sorted(missing):
        words = f"{code}.db is missing; its node would start empty"
        yield broken(f"store {code}", words, COPY)
    yield from _stores(paths)


# ---- the note ------------------------------------------------------------------------------------
def _note(folder: Path) -> tuple[frozenset[str], list[Finding]]:
    """The nodes that have to be there, and what there is to say about network.json."""
    try:
        note = note_of(Place(folder))
    except InputError as error:
        words = f"{error.problem}; `lienthong up` does not start here"
        return frozenset(), [broken("network.json", words, COPY)]
    if not note:
        remedy = "`lienthong up --data DIR` loads it anew"
        return frozenset(), [warning("network.json", "no network was loaded to its end", remedy)]
    found = [
        ok("network.json", f"{note['scenario']}, seed {note['seed']}, care time {note['now']}")
    ]
    if note["version"] != VERSION:
        words = f"version {note['version']} loaded it, this is {VERSION}"
        found.append(warning("version", words, "If something is odd, load it anew in a new folder"))
    try:
        live = LivePlan(load_scenario(str(note["scenario"])), int(note["seed"]))
    except (InputError, ValueError):
        words = f"{note['scenario']} is not in the library, so nothing can be compared"
        remedy = "Start it with the file from which it was loaded"
        return frozenset(), [*found, warning("scenario", words, remedy)]
    if live.hash != note["hash"]:
        words = f"{note['scenario']} was {note['hash']} when it was loaded and is {live.hash} today"
        remedy = "Start it with the same --set, or load it anew in a new folder"
        return frozenset(), [*found, warning("scenario", words, remedy)]
    codes = {COORDINATOR, *(facility.code for facility in live.groups)}
    return frozenset(codes), found


# ---- stores --------------------------------------------------------------------------------------
def _stores(paths: list[Path]) -> Iterator[Finding]:
    waiting: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    sound = size = audited = 0
    for path in paths:
        problem = file_problem(path)
        if problem is None:
            try:
                store = open_store(f"sqlite:{path.parent}", path.stem, zone=ZONE)
                try:
                    problem, rows = _contents(path.stem, store, waiting, dead)
                finally:
                    store.close()
                audited += rows
            except (InputError, FhirError) as error:
                words = error.problem if isinstance(error, InputError) else error.diagnostics
                problem = broken(f"store {path.stem}", words, COPY)
        if problem is not None:
            yield problem
        else:
            sound, size = sound + 1, size + path.stat().st_size
    if paths:
        yield ok("stores", f"{sound} of {len(paths)} sound, {size / 1e6:.0f} MB")
        yield ok("audit trails", f"{audited} rows follow from each other")
    yield from _outboxes(waiting, dead)


def file_problem(path: Path) -> Finding | None:
    """What keeps an SQLite file from being a store of ours; None: nothing."""
    what = f"store {path.stem}"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as file:
            if file.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                return broken(what, f"{path.name} is no store of this program", "Move it away")
            said = file.execute("PRAGMA quick_check(1)").fetchone()[0]
            if said.startswith("NULL value"):
                # SQLite 3.40 says so of sound tables WITHOUT ROWID; the slower look does not.
                said = file.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if said != "ok":
                return broken(what, f"damaged: {said.splitlines()[0]}", COPY)
            (revision,) = file.execute("SELECT version_num FROM alembic_version").fetchone()
            return _revision_problem(what, revision) or _lock_problem(what, file)
    except sqlite3.Error as error:
        return broken(what, f"{path.name} is damaged or no SQLite file ({error})", COPY)


def _revision_problem(what: str, revision: str) -> Finding | None:
    if revision not in REVISIONS:
        words = f"a newer program wrote it (tables {revision}, this one knows {HEAD})"
        return broken(what, words, "Use that program, or another folder")
    if revision != HEAD:
        words = f"tables {revision}, today {HEAD}"
        return warning(what, words, "The next start of the network brings them up to date")
    return None


def _lock_problem(what: str, file: sqlite3.Connection) -> Finding | None:
    """A network that runs writes for a moment; somebody who does not let go is in its way."""
    file.isolation_level = None
    file.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")
    try:
        file.execute("BEGIN IMMEDIATE")
        file.execute("ROLLBACK")
    except sqlite3.OperationalError:
        words = f"another process has locked it for more than {PATIENCE:g} s"
        return broken(what, words, "End that process (`fuser FILE` names it)")
    return None


def _contents(
    code: str, store: Store, waiting: Counter[str], dead: Counter[str]
) -> tuple[Finding | None, int]:
    """Whether its audit trail is whole, and how long; what waits is counted."""
    for kind, counts in ((OUTBOX, waiting), (DEAD, dead)):
        counts[code] += sum(len(page) for page in _pages(store, kind, unsettled=True))
    last, count = None, 0
    for page in _pages(store, KIND):
        at = verify_chain(page, after=last)
        if at is not None:
            words = f"row {at} of its audit trail does not follow from its predecessor"
            remedy = "Keep the file as evidence: somebody changed it. `lienthong reset` goes back"
            return broken(f"audit {code}", words, remedy), count
        last, count = page[-1], count + len(page)
    return None, count


def _pages(store: Store, kind: str, *, unsettled: bool = False) -> Iterator[list[Row]]:
    after = 0
    while page := store.rows(kind, after=after, limit=PAGE, unsettled=unsettled):
        yield page
        after = page[-1].seq


def _outboxes(waiting: Counter[str], dead: Counter[str]) -> Iterator[Finding]:
    if waiting.total():
        words = f"notes to the coordinator: {waiting.total()} of them wait ({_where(waiting)})"
        yield warning(
            "outbox", words, "They go out while the network runs, once their day has come"
        )
    if dead.total():
        words = f"notes to the coordinator: {dead.total()} of them were given up ({_where(dead)})"
        yield warning("outbox", words, "Mend report or Patient and PUT it again: it is told anew")


def _where(counts: Counter[str]) -> str:
    found = [f"{code} {count}" for code, count in counts.most_common(5) if count]
    return ", ".join(found)
