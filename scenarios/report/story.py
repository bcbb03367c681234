"""The plain-language paragraphs of a report: what was avoided, what was not, and why."""

from __future__ import annotations

from datetime import date
from typing import Any

from scenarios.report import numbers, sections, words
from scenarios.report.sections import Summary, value_of


def period(summary: Summary) -> str:
    """`6 Feb 2025 to 15 Nov 2025 (282 days)`; the last day counts."""
    span = summary["count_period"]
    return f"{day(span['from'])} to {day(span['to'])} ({numbers.count(span['days'])} days)"


def day(text: str) -> str:
    """An ISO date in words; anything else stays as it is."""
    try:
        when = date.fromisoformat(text[:10])
    except ValueError:
        return text
    return f"{when.day} {when:%b} {when.year}"


def opening(summary: Summary) -> str:
    """The headline told as a paragraph."""
    without = value_of(summary, "cross_facility_repeats_without_sharing")
    avoided = value_of(summary, "repeats_avoided")
    share = value_of(summary, "avoidable_share_avoided")
    without_share = value_of(summary, "repeats_avoided_share")
    one_in = (
        f", one in {numbers.count(round(1 / without_share, -len(str(int(1 / without_share))) + 2))}"
        if without_share is not None and 0 < without_share < 0.001
        else ""
    )
    part = f"; that is {numbers.percent(share)} of those that could be avoided" if share else ""
    return (
        f"From {period(summary)}, without sharing, residents would have had "
        f"{numbers.count(without)} tests performed although another facility held a result from "
        f"within the test's window. Sharing as described in this scenario avoided "
        f"{numbers.count(avoided)} of them{one_in}{part}."
    )


def avoided(summary: Summary) -> list[str]:
    """What was avoided, a sentence each; nothing avoided is said in so many words."""
    count = value_of(summary, "repeats_avoided") or 0.0
    if count <= 0:
        return ["Nothing was avoided: no shared result replaced a test."]
    measures = summary["measures"]
    sentences = [
        f"{numbers.count(count)} tests "
        f"(ui95 {numbers.interval(measures['repeats_avoided']['ui95'], 'tests')}), "
        f"{numbers.percent(value_of(summary, 'orders_avoided_share'))} of all orders."
    ]
    for name, lead in (
        ("cost_avoided_vnd", "Billed value, payer view:"),
        ("turnaround_saved_hours", "Waiting for results, hours:"),
        ("radiation_avoided_msv", "Effective dose, mSv:"),
    ):
        item = measures.get(name)
        if item and item["mean"] is not None:
            bounds = numbers.interval(item["ui95"], item["unit"])
            value = numbers.quantity(item["mean"], item["unit"])
            sentences.append(f"{lead} {value} (ui95 {bounds}).")
    return sentences


def not_avoided(summary: Summary) -> list[str]:
    """What was not avoided: needed repeats, lost ones, the two largest gates, and the harm."""
    needed = sections.class_count(summary, "with_sharing", "needed_performed")
    lost = sections.class_count(summary, "with_sharing", "lost")
    local = sections.class_count(summary, "with_sharing", "local_performed")
    table = summary["leaks"]
    sentences = [
        f"{numbers.count(needed)} repeats were clinically needed: no network should avoid them.",
        f"{numbers.count(local)} repeats were made inside one facility: sharing cannot touch them.",
        f"{numbers.count(lost)} avoidable repeats were lost at a closed gate.",
    ]
    worst = sorted(table, key=lambda gate: -table[gate]["lost"])[:2]
    named = [
        f"{words.gate_label(gate).lower()} ({numbers.count(table[gate]['lost'])})"
        for gate in worst
        if table[gate]["lost"] > 0
    ]
    if named:
        sentences.append("Most were lost first at: " + " and ".join(named) + ".")
    unsafe = value_of(summary, "unsafe_reuses") or 0.0
    sentences.append(
        f"Harm: {numbers.count(unsafe)} reuses were unsafe and are not counted as savings."
        if unsafe
        else "No reuse was unsafe."
    )
    return sentences


def hand_check(summary: Summary) -> dict[str, Any] | None:
    """S against avoidable × product of gate shares: a sum that a reader can redo."""
    check = summary["hand_check"]
    if check["product"] is None:
        return None
    shares = [check.get(f"pass_{gate}") for gate in words.GATES]
    return {
        "avoidable": numbers.count(check["avoidable"]),
        "shares": [numbers.percent(share) for share in shares if share is not None],
        "expected": numbers.count(check["product"]),
        "reused": numbers.count(check["shared_reused"]),
    }
