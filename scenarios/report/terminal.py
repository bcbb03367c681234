"""The printed summary and the printed scenario: tables that also read well in a file or a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scenarios.report import numbers, sections, story, words

if TYPE_CHECKING:
    from scenarios.report.sections import Summary
    from scenarios.scenario import Scenario

# Without a terminal there is no width to ask for; wide enough that no row of numbers breaks.
PIPED_WIDTH: Final = 110


def console(stream: IO[str]) -> Console:
    """A console on `stream`: colours on a terminal, plain text anywhere else."""
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def table(title: str, columns: Iterable[str], right: int) -> Table:
    """A table whose columns from number `right` on hold figures and stand to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        if index < right:
            made.add_column(column, overflow="fold")
        else:
            made.add_column(column, justify="right", no_wrap=True)
    return made


def print_summary(summary: Summary, stream: IO[str]) -> None:
    """Headline, measures (ui95 before ci95), leaks: what `lienthong run` says at its end."""
    out = console(stream)
    head = sections.headline(summary)
    out.print()
    out.print(Text(summary["title"] or summary["scenario"], style="bold"))
    out.print(Text(story.period(summary), style="dim"))
    out.print()
    out.print(
        Text.assemble(
            (head["avoided"], "bold green"),
            " of 100 repeats across facilities avoided ",
            f"(ui95 {head['ui95']}; ci95 {head['ci95']}), {head['reachable']} reachable today.",
        )
    )
    out.print(sections.scale_words(summary))
    out.print(_measures(summary))
    out.print(_leaks(summary))
    for sentence in story.not_avoided(summary):
        out.print(Text("· " + sentence))


def _measures(summary: Summary) -> Table:
    made = table("Measures", ("Measure", "Mean", "ui95", "ci95", "Unit"), 1)
    for row in sections.measures(summary):
        made.add_row(row["label"], row["mean"], row["ui95"], row["ci95"], row["unit"])
    return made


def _leaks(summary: Summary) -> Table:
    columns = ("Gate", "Lost first here", "Lost only here", "Gained if perfect")
    made = table("Where the benefit leaks away (orders)", columns, 1)
    for row in sections.leaks(summary)["rows"]:
        figures = (row[column]["text"] for column in ("lost", "sole", "if_perfect"))
        made.add_row(f"{row['number']:>2} {row['label']}", *figures)
    return made


def print_comparison(
    names: Sequence[str], rows: Sequence[Any], notes: Sequence[str], stream: IO[str]
) -> None:
    """Runs side by side: mean and ui95 of each, then what changed against the first."""
    out = console(stream)
    made = table("Runs side by side (mean, then ui95)", ("Measure", *names), 1)
    for row in rows:
        cells = [
            f"{numbers.quantity(mean, row.unit)}\n{numbers.interval(ui95, row.unit)}"
            for mean, ui95 in zip(row.means, row.ui95, strict=True)
        ]
        made.add_row(words.measure(row.measure).en, *cells)
    out.print(made)
    changed = table(f"Against {names[0]} (difference of means)", ("Measure", *names[1:]), 1)
    for row in rows:
        cells = [numbers.signed(change, row.unit) for change in row.changes]
        changed.add_row(words.measure(row.measure).en, *cells)
    out.print(changed)
    for note in notes:
        out.print(Text(f"Note: {note}."))


def print_scenario(scenario: Scenario, stream: IO[str]) -> None:
    """A scenario as it would run; parameters it changes itself are marked with *."""
    out = console(stream)
    out.print(Text(f"{scenario.name}: {scenario.title}", style="bold"))
    out.print(" ".join(scenario.why.split()))
    out.print()
    for name, value in scenario.model_dump(mode="json").items():
        if name in ("name", "title", "why", "parameters"):
            continue
        if isinstance(value, list):
            value = "; ".join(", ".join(str(v) for v in row.values()) for row in value)
        out.print(Text(f"{name:<20} {value}"))
    out.print()
    out.print(Text("Parameters: value, range, unit, source (* changed here)", style="bold"))
    for p in scenario.resolved.values():
        low_high = f"{numbers.plain(p.low)} {numbers.DASH} {numbers.plain(p.high)}"
        bounds = "fixed" if p.distribution == "fixed" else low_high
        mark = "*" if p.name in scenario.parameters else " "
        head = f"{mark} {p.name:<36}{numbers.plain(p.value):>10}  {bounds:<20} {p.unit}"
        out.print(Text(head.rstrip()))
        out.print(Padding(Text(p.source, style="dim"), (0, 0, 0, 6), expand=False))
