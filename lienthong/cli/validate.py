"""`lienthong validate`: FHIR files against R4 and profiles."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lienthong.cli.exits import ExitCode
from lienthong.cli.options import Debug, Quiet

if TYPE_CHECKING:
    from fhir_profiles.outcomes import Issue
    from lienthong.validating import Checked

BRIEF = "Validate FHIR R4 files, and say what to do."
EPILOG = (
    "Example:  lienthong validate exports/ --profile http://hl7.org/fhir/StructureDefinition/bp"
)


class Depth(StrEnum):
    """How much is checked."""

    structure = "structure"
    full = "full"
    profile = "profile"


class Format(StrEnum):
    """How findings are written."""

    text = "text"
    json = "json"


Paths = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Files (.json .ndjson .xml .gz .bz2 .zip) or folders."),
]
Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", metavar="URL", help="A profile to check against; may be repeated."),
]
LevelOf = Annotated[
    Depth,
    typer.Option(
        "--level",
        help="structure: names, types, values; full: also invariants, codes, references, known"
        " profiles; profile: also every declared profile must be known.",
    ),
]
FormatOf = Annotated[Format, typer.Option("--format", help="One line a finding, or JSON.")]

_SHOWN: Final = {"fatal": "error", "error": "error", "warning": "warning"}


def validate(
    paths: Paths,
    profile: Profiles = None,
    level: LevelOf = Depth.full,
    format_: FormatOf = Format.text,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Validate resources against FHIR R4: names, types, values, invariants, codes, profiles.

    Folders are read in name order; each line of NDJSON is a resource. Nothing is fetched: what
    cannot be checked here (a code system, a profile) is said. The exit code is 1 if a resource
    has an error; warnings and information change nothing.
    """
    from lienthong import validating
    from lienthong.cli.progress import watching

    counts = _Counts()
    written: list[dict[str, Any]] = []
    with watching("validate", quiet=quiet) as tick:
        for one in validating.check(
            paths, profiles=profile or (), level=level.value, progress=tick
        ):
            counts.add(one)
            if format_ is Format.json:
                written.append(_tree(one))
            else:
                for issue in one.issues:
                    typer.echo(_line(one, issue))
    typer.echo(_json(written) if format_ is Format.json else counts.summary())
    if counts.failed:
        raise typer.Exit(ExitCode.FAILED)


class _Counts:
    """How many files and resources there were, and what was found."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.resources = self.failed = self.errors = self.warnings = 0

    def add(self, one: Checked) -> None:
        self.files.add(one.file)
        self.resources += 1
        self.failed += one.failed
        shown = [_SHOWN.get(issue.severity) for issue in one.issues]
        self.errors += shown.count("error")
        self.warnings += shown.count("warning")

    def summary(self) -> str:
        words = f"{self.resources:,} resources of {len(self.files):,} files: "
        verdict = f"{self.failed:,} not valid" if self.failed else "all valid"
        return f"{words}{verdict} ({self.errors:,} errors, {self.warnings:,} warnings)"


def _line(one: Checked, issue: Issue) -> str:
    """`file:line:column: severity: Patient.name[0]: what is wrong (code)`."""
    place = one.file
    if issue.line is not None:
        place += f":{issue.line}:{issue.column}"
    elif one.line:
        place += f":{one.line}"
    where = f"{issue.expression}: " if issue.expression else ""
    severity = _SHOWN.get(issue.severity, "information")
    return f"{place}: {severity}: {where}{issue.diagnostics} [{issue.code}]"


def _tree(one: Checked) -> dict[str, Any]:
    from fhir_profiles.outcomes import outcome

    return {
        "file": one.file,
        "line": one.line or None,
        "resource": one.resource,
        "valid": not one.failed,
        "outcome": outcome(one.issues),
    }


def _json(written: list[dict[str, Any]]) -> str:
    import orjson

    return orjson.dumps(written, option=orjson.OPT_INDENT_2).decode()
