"""`load`: FHIR files into a server, each content once, however often it is called.

Files go one after the other in name order, since later ones may refer to earlier ones. Each answer
is remembered at once (`load_manifest`); what was answered with success is not sent again.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Issue, Kind, read_outcome
from fhir_server.client import FhirClient, refusal
from lienthong.load_files import Source, find
from lienthong.load_manifest import EVERYTHING, Manifest, place_for
from lienthong.load_units import Part, Unit, Unusable, units
from vietnam.datafiles import InputError

DEADLINE: Final = 300.0  # seconds for one request; a large transaction on a slow disk takes some
GRACE: Final = 3.0  # seconds that an interrupted load waits for the answer that is on its way
RETURN_NOTHING: Final = {"Prefer": "return=minimal"}
_ENTRY = re.compile(r"(?:Bundle\.)?entry\[(\d+)\]\.?(?:resource\.)?")


@dataclass(frozen=True, slots=True)
class Failure:
    """One resource, or one file, that did not arrive."""

    file: str
    place: str  # "entry[12]", "line 7", "" for the file as a whole
    type: str
    reason: str

    def __str__(self) -> str:
        what = f" ({self.type})" if self.type else ""
        return (
            f"{self.file}: {self.place}{what}: {self.reason}"
            if self.place
            else (f"{self.file}: {self.reason}")
        )


@dataclass(slots=True)
class Loaded:
    """What a load did. `resources` arrived, `failed` did not, `unchanged` files were not sent."""

    files: int = 0
    unchanged: int = 0
    resources: int = 0
    failed: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a load stands, for `lienthong.cli.progress`."""

    stage: str
    done: int
    total: int
    estimate: str = ""


class Unreachable(Exception):
    """The server cannot be reached, so that going on makes no sense."""


def load(
    paths: Sequence[Path],
    to: str,
    *,
    manifest: Path | None = None,
    again: bool = False,
    progress: Callable[[Progress], None] | None = None,
    on_failure: Callable[[Failure], None] | None = None,
) -> Loaded:
    """Sends the files behind `paths` to the FHIR server at `to`.

    Without `manifest` it is kept beside each path; `again` sends what it holds once more.
    InputError before anything is sent: a path, address or manifest that cannot be used.
    Unreachable: nobody answers at `to`, or no FHIR server; what arrived before is remembered.
    """
    to = check_address(to)
    found = [(path, find(path)) for path in paths]
    with ExitStack() as stack:
        manifests: dict[Path, Manifest] = {}
        work: list[tuple[Source, Manifest]] = []
        for path, sources in found:
            file = manifest or place_for(path, to)
            if file not in manifests:
                manifests[file] = Manifest(file, to, again=again)
                stack.callback(manifests[file].close)
            work += [(source, manifests[file]) for source in sources]
        loader = _Loader(to, len(work), progress, on_failure)
        return asyncio.run(loader.run(work))


def check_address(to: str) -> str:
    """The base without a slash at its end. InputError: it is no http address of a FHIR server."""
    to = to.rstrip("/")
    try:
        parts = urlsplit(to)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        usable = usable and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        usable = False
    if not usable:
        example = "Write the base of a FHIR server, as http://localhost:8000/fhir"
        raise InputError("--to", None, "", f"{to!r} is no address that could be used", example)
    return to


class _Loader:
    def __init__(
        self,
        to: str,
        total: int,
        progress: Callable[[Progress], None] | None,
        on_failure: Callable[[Failure], None] | None,
    ) -> None:
        self.to, self.total = to, total
        self.loaded = Loaded()
        self._progress, self._on_failure = progress, on_failure
        self._begun = time.monotonic()
        self._greeted = False

    async def run(self, work: Sequence[tuple[Source, Manifest]]) -> Loaded:
        async with httpx2.AsyncClient(trust_env=False) as http:
            client = FhirClient(self.to, http)
            self._tell()
            for source, manifest in work:
                await self._file(client, source, manifest)
                self.loaded.files += 1
                self._tell()
        self.loaded.seconds = time.monotonic() - self._begun
        return self.loaded

    async def _file(self, client: FhirClient, source: Source, manifest: Manifest) -> None:
        sent = False
        try:
            for unit in units(source):
                parts = _left(unit, manifest)
                if not parts:
                    continue
                sent = True
                await self._greet(client)
                sending = asyncio.ensure_future(self._unit(client, source, unit, parts, manifest))
                try:
                    await asyncio.shield(sending)
                except asyncio.CancelledError:
                    await asyncio.wait([sending], timeout=GRACE)
                    raise
                self._tell()
        except Unusable as err:
            sent = True
            self._fail(source, "", "", str(err))
        self.loaded.unchanged += not sent

    async def _unit(
        self,
        client: FhirClient,
        source: Source,
        unit: Unit,
        parts: Sequence[Part],
        manifest: Manifest,
    ) -> None:
        """One request, its answer in the manifest, its failures told."""
        usable = [part for part in parts if not part.problem]
        failed = {part.label: part.problem for part in parts if part.problem}
        if usable:
            failed |= await self._exchange(client, unit, usable)
        lost = len(parts) if EVERYTHING in failed or (unit.atomic and failed) else len(failed)
        manifest.record(unit.digest, source.name, unit.place, len(parts) - lost, failed)
        self.loaded.resources += len(parts) - lost
        self.loaded.failed += lost
        types = {part.label: part.type for part in parts}
        for label, reason in failed.items():
            place = label or (unit.place if len(unit.parts) > 1 else "")
            self._tell_failure(Failure(source.name, place, types.get(label, ""), reason))

    async def _exchange(
        self, client: FhirClient, unit: Unit, parts: Sequence[Part]
    ) -> dict[str, str]:
        """Sends the parts; the reasons of those that failed, by label."""
        try:
            reply = await client.raw(
                "POST", body=unit.body(parts), headers=RETURN_NOTHING, deadline=DEADLINE
            )
            if reply.status >= 300:
                raise refusal(reply, self.to)
            answers = json_text.parse(reply.body).get("entry", [])
        except FhirError as err:
            # With a cause it comes from the transport; without, the server itself said 503.
            if err.kind is Kind.UNAVAILABLE and err.__cause__ is not None:
                raise self._unreachable(err.diagnostics) from None
            return _reasons(err.issues, parts)
        except json_text.JsonTrouble as err:
            return {EVERYTHING: f"the answer is not FHIR JSON ({err})"}
        if not isinstance(answers, list) or len(answers) != len(parts):
            return {EVERYTHING: f"the answer has not one entry for each of {len(parts)} resources"}
        pairs = zip(parts, answers, strict=True)
        return {part.label: said for part, answer in pairs if (said := _said(answer))}

    async def _greet(self, client: FhirClient) -> None:
        """Before the first request: is there a FHIR server at all?"""
        if not self._greeted:
            try:
                await client.capabilities(deadline=30)
            except FhirError as err:
                raise self._unreachable(err.diagnostics) from None
            self._greeted = True

    def _unreachable(self, diagnostics: str) -> Unreachable:
        left = self.total - self.loaded.files
        return Unreachable(
            f"{diagnostics}. {left} of {self.total} files are left; start the server and give"
            " the same command again: it goes on from there"
        )

    # ---- told ----------------------------------------------------------------------------------
    def _fail(self, source: Source, place: str, type_: str, reason: str) -> None:
        self.loaded.failed += 1
        self._tell_failure(Failure(source.name, place, type_, reason))

    def _tell_failure(self, failure: Failure) -> None:
        self.loaded.failures.append(failure)
        if self._on_failure is not None:
            self._on_failure(failure)

    def _tell(self) -> None:
        if self._progress is not None:
            seconds = max(time.monotonic() - self._begun, 1e-3)
            count = self.loaded.resources
            words = f"{count:,} resources, {count / seconds:,.0f} a second" if count else ""
            self._progress(Progress("files", self.loaded.files, self.total, words))


def _left(unit: Unit, manifest: Manifest) -> Sequence[Part]:
    """The parts that have not arrived yet; of an atomic unit all or none."""
    failed = manifest.failed(unit.digest)
    if failed is None or EVERYTHING in failed or (unit.atomic and failed):
        return unit.parts
    return [part for part in unit.parts if part.label in failed]


def _reasons(issues: Sequence[Issue], parts: Sequence[Part]) -> dict[str, str]:
    """Why a whole bundle was refused: for the entries that are named, else for everything."""
    reasons: dict[str, str] = {}
    for issue in issues:
        if issue.severity not in ("fatal", "error"):
            continue
        found = _ENTRY.match(issue.expression)
        inside = found is not None and int(found[1]) < len(parts)
        label = parts[int(found[1])].label if found is not None and inside else EVERYTHING
        path = issue.expression[found.end() :] if found is not None else issue.expression
        words = f"{path}: {issue.diagnostics}" if path else issue.diagnostics
        reasons[label] = f"{reasons[label]}; {words}" if label in reasons else words
    return reasons or {EVERYTHING: "the server gave no reason"}


def _said(answer: Any) -> str:
    """Why an entry of a batch failed; "" if it did not."""
    response = answer.get("response") if isinstance(answer, dict) else None
    status = str(response.get("status", "")) if isinstance(response, dict) else ""
    if status.startswith("2"):
        return ""
    issues = read_outcome(response.get("outcome")) if isinstance(response, Mapping) else ()
    return "; ".join(_words(issues)) or f"the server answered {status or 'nothing'}"


def _words(issues: Sequence[Issue]) -> Iterator[str]:
    for issue in issues:
        if issue.severity in ("fatal", "error"):
            path = _ENTRY.sub("", issue.expression)
            yield f"{path}: {issue.diagnostics}" if path else issue.diagnostics
