"""`validate`: the resources of files, one after another, against FHIR R4 and profiles.

JSON, NDJSON and XML (https://hl7.org/fhir/R4/validation.html); nothing is fetched from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhir_profiles import json_text
from fhir_profiles.json_text import JsonTrouble, Tree
from fhir_profiles.outcomes import Issue
from fhir_profiles.validation.full import Level
from fhir_profiles.validation.full import validate as validated
from fhir_profiles.validation.session import Catalogue
from lienthong.load_files import UNPACKING, Source, find, opened

MAX_DOCUMENT: Final = 256_000_000  # bytes of one document, unpacked
_BY_URL: Final = ("Questionnaire", "StructureDefinition")
_NAMED: Final = tuple(f'"{name}"'.encode() for name in _BY_URL)
_BAD: Final = frozenset({"fatal", "error"})


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a validation stands, for `lienthong.cli.progress`."""

    stage: str
    done: int
    total: int
    estimate: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """One resource: where it stands, what it is, and what was found. `line` 0: the whole file."""

    file: str
    line: int
    resource: str
    issues: tuple[Issue, ...]

    @property
    def failed(self) -> bool:
        return any(issue.severity in _BAD for issue in self.issues)


@dataclass(slots=True)
class Files:
    """Which files; profiles and Questionnaires in them are read when somebody names one."""

    sources: Sequence[Source]
    _forms: dict[str, Tree] | None = field(default=None, init=False)

    def fetch(self, url: str) -> Tree | None:
        if self._forms is None:
            self._forms = {}
            for source in self.sources:
                for _, body in bodies(source):
                    self._keep(body)
        return self._forms.get(url)

    def _keep(self, body: bytes | JsonTrouble) -> None:
        if isinstance(body, JsonTrouble) or not any(kind in body for kind in _NAMED):
            return
        try:
            tree = json_text.parse(body)
        except JsonTrouble:
            return
        url = tree.get("url")
        if tree.get("resourceType") in _BY_URL and isinstance(url, str):
            assert self._forms is not None
            self._forms[url] = tree
            self._forms[f"{url}|{tree.get('version', '')}"] = tree


def found_files(paths: Sequence[Path]) -> list[Source]:
    """The files behind paths, XML ones too. InputError: nothing there that could be read."""
    found: list[Source] = []
    for path in paths:
        if path.suffix.lower() == ".xml" and path.is_file():
            found.append(Source(path))
            continue
        inside = sorted(path.rglob("*.xml")) if path.is_dir() else []
        if not inside or any(path.rglob("*json*")):
            found += find(path)
        found += [Source(file) for file in inside]
    return found


def check(
    paths: Sequence[Path],
    *,
    profiles: Sequence[str] = (),
    level: Level = "full",
    terminology: Catalogue | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[Checked]:
    """Every resource of the files, in their order. InputError: a path with nothing to read."""
    sources = found_files(paths)
    files = Files(sources)
    for number, source in enumerate(sources):
        for line, body in bodies(source):
            yield _checked(source, line, body, files, profiles, level, terminology)
        if progress is not None:
            progress(Progress("files", number + 1, len(sources)))


def _checked(
    source: Source,
    line: int,
    body: bytes | JsonTrouble,
    files: Files,
    profiles: Sequence[str],
    level: Level,
    terminology: Catalogue | None,
) -> Checked:
    is_xml = source.path.suffix.lower() == ".xml"
    try:
        if isinstance(body, JsonTrouble):
            raise body
        tree = json_text.parse(_as_json(body) if is_xml else body)
    except JsonTrouble as err:
        place = (err.path, (line or 1) + err.line - 1, err.column)
        issue = Issue("fatal", "structure", err.problem, *place)
        return Checked(source.name, line, "", (issue,))
    issues = validated(
        tree,
        body=None if is_xml else body,
        profiles=profiles,
        level=level,
        terminology=terminology,
        fetch=files.fetch,
    )
    if line > 1:
        issues = [_moved(issue, line - 1) for issue in issues]
    name = f"{tree.get('resourceType', '')}/{tree.get('id', '')}".rstrip("/")
    return Checked(source.name, line, name, tuple(issues))


def _as_json(body: bytes) -> bytes:
    """JsonTrouble: it is no resource in XML."""
    from fhir_profiles.xml_reading import XmlTrouble, to_json

    try:
        return to_json(body)
    except XmlTrouble as err:
        raise JsonTrouble(err.problem, err.line, err.column, err.path) from None


def _moved(issue: Issue, lines: int) -> Issue:
    """A place in one line of a file, as a place in the file."""
    line = issue.line + lines if issue.line is not None else None
    return Issue(
        issue.severity, issue.code, issue.diagnostics, issue.expression, line, issue.column
    )


def bodies(source: Source) -> Iterator[tuple[int, bytes | JsonTrouble]]:
    """The resources of a file, each with its line (0: it is the file), or why it cannot be read."""
    try:
        with opened(source) as stream:
            if source.in_lines:
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        yield number, line
                return
            body = stream.read(MAX_DOCUMENT + 1)
    except UNPACKING as err:
        yield 0, JsonTrouble(f"the file cannot be read ({err})")
        return
    if len(body) > MAX_DOCUMENT:
        yield 0, JsonTrouble(f"the file is larger than {MAX_DOCUMENT} bytes; split it")
    else:
        yield 0, body
