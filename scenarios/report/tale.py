"""One order told step by step in both worlds, from its row in the ledger (model.md section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scenarios.report import words

# Which rows are worth telling, by the class they have in the sharing world.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "avoided": ("shared_reused",),
    "lost": ("lost",),
    "needed": ("needed_performed",),
    "unsafe": ("unsafe_missed_change", "unsafe_wrong_person"),
}
_ENDINGS: Final[dict[str, str]] = {
    "serial": "performed: a later order of the same kind within one stay.",
    "first": "performed: no earlier result within the test's window.",
    "local_reused": "not performed: the facility noticed the result in its own record.",
    "local_performed": "performed: a repeat inside one facility, which sharing cannot touch.",
    "paper_reused": "not performed: the patient carried the result on paper or film.",
    "needed_performed": "performed: a repeat across facilities that was clinically needed.",
    "performed_repeat": "performed again: an avoidable repeat across facilities.",
    "shared_reused": "not performed: the shared result was seen and used.",
    "unsafe_missed_change": "NOT performed although it was needed: a change may be missed.",
    "unsafe_wrong_person": "NOT performed: another person's result was used.",
}


def kind_of(order_class: str) -> str | None:
    """`avoided`, `lost`, `needed` or `unsafe`; None for orders with nothing to tell."""
    plain = order_class.split(".", 1)[0]
    return next((kind for kind, names in KINDS.items() if plain in names), None)


def tell(row: Mapping[str, Any]) -> list[str]:
    """The lines of one story.

    `row`: `order`, `person`, `visit`, `when` (text), `test`, `facility`, `tier`, `needed`,
    `class_without`, `class_with`, `gate` (number, 0 none), `prior_facility` and
    `prior_age_minutes` (None without an earlier result), `failed` (closed gate numbers, None if
    the ledger does not say), `reasons` (closed gate number -> words; may be left out).
    """
    lines = [f"Order {row['order']} (person {row['person']}, visit {row['visit']})"]
    lines.append(f"  {row['when']}: {row['test']} ordered at {row['facility']} ({row['tier']}).")
    if row["prior_facility"] is None:
        lines.append("  No earlier result within the test's window.")
    else:
        age = duration(row["prior_age_minutes"])
        lines.append(f"  An earlier result lies at {row['prior_facility']}; it is {age} old.")
        lines.append(
            "  Doing it again is clinically needed."
            if row["needed"]
            else "  Doing it again is not clinically needed."
        )
    lines.append("  Without sharing")
    lines.append(f"    {ending(row['class_without'])}")
    lines.append("  With sharing")
    lines += [f"    {line}" for line in _gates(row)]
    lines.append(f"    {ending(row['class_with'])}")
    return lines


def ending(order_class: str) -> str:
    """How an order of that class ends, in a sentence."""
    if not order_class.startswith("lost"):
        return _ENDINGS.get(order_class, order_class)
    number = int(order_class.rpartition(".")[2])
    gate = list(words.GATES.values())[number - 1]
    return f"performed again: lost at gate {number}, {gate.en.lower()} ({gate.vi})."


def _gates(row: Mapping[str, Any]) -> list[str]:
    if row["prior_facility"] is None or row["class_with"] in ("local_reused", "paper_reused"):
        return []
    if row["failed"] is None:
        return []
    lines = []
    for number, term in enumerate(words.GATES.values(), 1):
        closed = number in row["failed"]
        mark = "closed" if closed else "open"
        first = "   <- lost here" if number == row["gate"] else ""
        lines.append(f"{number:>2} {term.en:<28}{mark}{first}")
        lines += [f"     because: {why}" for why in (row.get("reasons") or {}).get(str(number), ())]
    return lines


def duration(minutes: float | None) -> str:
    """A span in the unit that people would say."""
    if minutes is None:
        return "an unknown time"
    if minutes < 120:
        return f"{minutes:.0f} minutes"
    if minutes < 2 * 1440:
        return f"{minutes / 60:.0f} hours"
    return f"{minutes / 1440:.0f} days"
