"""Makes docs/reference/rulebook.md from the tables that specify the rules.

`python -m tests.rules.render` writes the page; a test compares it with the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from coordinator.rules.decision import PERMITTING, WORDS, Verdict
from coordinator.rules.gates import GATE_OF
from coordinator.rules.weights import DEFAULT_WEIGHTS
from tests.rules.chapters import CHAPTERS, Chapter
from tests.rules.stories import INTRO, STORIES, Story
from vietnam.regulations import Regulation, Span, load_regulations

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rulebook.md"
HEAD = """\
# The rulebook

<!-- Written by `python -m tests.rules.render`; change tests/rules/tables instead. -->

Whether two registrations are one person, whether consent permits, whether an earlier result may
stand in for a new order: these are pure functions in `coordinator/rules/`. The live service and
the simulation call the same ones. This page is made of the tables that test them, so it cannot
say anything that the code does not do.

A rule looks at small facts and gives a **code**. All rows that apply are kept as **reasons**, in
a fixed order; the first one decides. Codes in *italics* let the exchange go on. The words that
people read belong to the codes and stand [at the end](#codes-words-gates).
"""


def page() -> str:
    parts = [
        HEAD,
        *(_chapter(chapter) for chapter in CHAPTERS),
        _orders(),
        _weights(),
        _regulations(),
        _codes(),
    ]
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines) + "\n"


def _code(code: Verdict) -> str:
    return f"*{code.name}*" if code in PERMITTING else code.name


def _chapter(chapter: Chapter) -> str:
    rows = [
        (row.case, _differs(row.differs), ", ".join(map(_code, row.codes))) for row in chapter.rows
    ]
    table = _table(("case", "what differs", "reasons, the deciding one first"), rows)
    return f"## {chapter.title}\n\n{chapter.intro}\n\n{table}"


def _differs(text: str) -> str:
    return "nothing" if text == "-" else f"`{text}`"


def _orders() -> str:
    return f"## Orders and their earlier results\n\n{INTRO}\n\n" + "\n".join(map(_story, STORIES))


def _story(story: Story) -> str:
    lines = "\n".join(story.lines)
    return f"**{story.title[0].upper()}{story.title[1:]}.**\n\n```text\n{lines}\n```\n"


def _weights() -> str:
    rows = [
        (
            name,
            level.name.lower(),
            f"{weight.m[level]:g}",
            f"{weight.u[level]:.2g}",
            f"{weight.bits(level):+.1f}",
        )
        for name, weight in DEFAULT_WEIGHTS.fields.items()
        for level in sorted(weight.m, reverse=True)
    ]
    sources = [f"- {name}: {weight.source}." for name, weight in DEFAULT_WEIGHTS.fields.items()]
    return "\n".join(
        [
            "## Weights of the identity score\n",
            "m: chance of the level if the registrations are one person; u: if they are two; weight"
            " log2(m / u) in bits. A missing field weighs nothing.\n",
            _table(("field", "level", "m", "u", "bits"), rows),
            f"Match at {DEFAULT_WEIGHTS.match_at:g} bits, review at"
            f" {DEFAULT_WEIGHTS.review_at:g} bits. {DEFAULT_WEIGHTS.source}.\n",
            *sources,
            "",
        ]
    )


def _span(span: Span) -> str:
    return f"{span.central:g} ({span.low:g}–{span.high:g})"


def _regulations() -> str:
    sets = load_regulations()
    any_set = next(iter(sets.values()))
    tests = list(any_set.on_list)
    validity = [
        (test, _span(v.outpatient), _span(v.inpatient), v.source)
        for test, v in ((test, any_set.validity_days[test]) for test in tests)
    ]
    retest = [
        (
            test,
            f"{r.outpatient:g}",
            f"{r.inpatient:g}",
            "" if r.hard is None else f"{r.hard:g}",
            r.source,
        )
        for test, r in (any_set.retest_days | any_set.retest_other_days).items()
    ]
    listed = [
        (test, *("yes" if regulation.on_list[test] else "no" for regulation in sets.values()))
        for test in tests
    ]
    return "\n".join(
        [
            "## Regulation sets\n",
            *map(_regulation, sets.values()),
            "On the list of recognised services:\n",
            _table(("test", *sets), listed),
            "Validity in days, central (range), by the setting of the new order; the same under"
            " every set until an official list is known:\n",
            _table(("test", "outpatient", "inpatient", "source"), validity),
            "Minimum retest interval in days; 0 means never called a duplicate, hard is the shorter"
            " interval at which a laboratory blocks. For children nothing is called a duplicate:\n",
            _table(("test", "outpatient", "inpatient", "hard", "source"), retest),
            "Never reused: " + "; ".join(any_set.never_reuse.values()) + ".\n",
            "Only with the same method: " + ", ".join(sorted(any_set.method_dependent)) + ".\n",
        ]
    )


def _regulation(regulation: Regulation) -> str:
    since = regulation.in_force_from or "not in force"
    return (
        f"**`{regulation.key}`** – {regulation.title_en} ({regulation.title_vi}). In force from:"
        f" {since}. Rule: {regulation.recognition_rule}. Source: {regulation.source}."
        f" List: {regulation.list_source}.\n"
    )


def _codes() -> str:
    rows = [
        (
            str(int(code)),
            _code(code),
            GATE_OF[code].key if code in GATE_OF else "",
            WORDS[code].vi,
            WORDS[code].en,
        )
        for code in Verdict
    ]
    return "## Codes, words, gates\n\n" + _table(("", "code", "closes gate", "vi", "en"), rows)


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
