"""The numbers of a summary, arranged for the page: one function a section, no markup but pictures.

Names are those of model.md sections 6 (gates) and 8 (classes, measures).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scenarios.report import figures, numbers, words

Summary = Mapping[str, Any]

BREAKDOWNS: Final = (
    ("by_test", "By test", "Theo xét nghiệm", "Test"),
    ("by_tier", "By tier of facility", "Theo tuyến", "Tier"),
    ("by_province", "By home province", "Theo tỉnh", "Province"),
    ("by_month", "By month", "Theo tháng", "Month"),
    ("by_facility", "Facilities with most repeats", "Cơ sở có nhiều lần lặp lại nhất", "Facility"),
)
FACILITIES_SHOWN: Final = 20
FLOWS_SHOWN: Final = 15
FEW: Final = 100  # simulated tests behind the headline; fewer are said aloud
# Shown together on one picture, from what sharing cannot touch to what it touches.
STACK: Final = (
    ("first", "c-first"),
    ("serial", "c-serial"),
    ("local_performed", "c-local"),
    ("local_reused", "c-own"),
    ("paper_reused", "c-paper"),
    ("needed_performed", "c-needed"),
    ("performed_repeat", "c-lost"),
    ("lost", "c-lost"),
    ("shared_reused", "c-good"),
    ("unsafe_missed_change", "c-bad"),
    ("unsafe_wrong_person", "c-bad"),
)


def value_of(summary: Summary, name: str) -> float | None:
    """Mean of a measure, None where it is missing or undefined."""
    mean = summary["measures"].get(name, {}).get("mean")
    return None if mean is None else float(mean)


def headline(summary: Summary) -> dict[str, Any]:
    """The sentence on top: of 100 repeats, how many were avoided and how many reachable."""
    share = summary["measures"]["repeats_avoided_share"]
    reach = value_of(summary, "reach")
    ui95, ci95 = share.get("ui95"), share.get("ci95")
    return {
        "avoided": numbers.percent_digits(share["mean"]),
        "reachable": numbers.percent_digits(reach),
        "ui95": of_hundred(ui95),
        "ci95": of_hundred(ci95),
        "figure": figures.whisker(
            "Share of repeats across facilities that was avoided", share["mean"], ui95, ci95, reach
        ),
    }


def of_hundred(bounds: list[float] | None) -> str:
    """Bounds of a share as `low to high` out of 100."""
    if bounds is None or not numbers.known(bounds):
        return "not computed"
    low, high = (numbers.percent_digits(bound) for bound in bounds)
    return f"{low} to {high}"


def scale_words(summary: Summary) -> str:
    """At which scale it was simulated and what the counts stand for."""
    persons, population = numbers.count(summary["persons"]), numbers.count(summary["population"])
    if summary["scale"] >= 1:
        return f"All {population} residents were simulated, one by one."
    return (
        f"Simulated at scale {summary['scale']:g}: {persons} of {population} residents, whole "
        f"lives at a time, in each of {summary['replications']} replications; every count here is "
        f"scaled to the full population, facilities and queues are not.{_thin(summary)}"
    )


def _thin(summary: Summary) -> str:
    """A warning where the headline stands on few simulated tests, or on none."""
    simulated = summary["replications"] * summary["persons"] / max(summary["population"], 1)
    avoided = value_of(summary, "repeats_avoided") or 0.0
    repeats = value_of(summary, "cross_facility_repeats_without_sharing") or 0.0
    seen = round(repeats * simulated)
    if avoided == 0 and seen:
        # rule of three: nothing in n trials leaves 3 / n possible at 95 %
        return (
            f" None of the {numbers.count(seen)} simulated repeats was avoided; chance alone could "
            f"hide up to {numbers.percent_digits(min(3 / seen, 1.0))} of 100 at this scale."
        )
    behind = avoided * simulated
    if avoided <= 0 or behind >= FEW:
        return ""
    return (
        f" The {numbers.count(avoided)} avoided tests stand on only {numbers.count(round(behind))} "
        "simulated ones: a larger --scale gives a firmer number."
    )


def measures(summary: Summary) -> list[dict[str, str]]:
    """Rows of the measures table in the order of model.md, unknown ones last."""
    given = summary["measures"]
    order = [name for name in words.MEASURES if name in given]
    order += [name for name in given if name not in words.MEASURES]
    rows = []
    for name in order:
        item, term = given[name], words.measure(name)
        unit = item["unit"]
        rows.append(
            {
                "name": name,
                "label": term.en,
                "vi": term.vi,
                "meaning": term.meaning,
                "mean": numbers.quantity(item["mean"], unit),
                "ui95": numbers.interval(item.get("ui95"), unit),
                "ci95": numbers.interval(item.get("ci95"), unit),
                "unit": unit.replace("share", "%", 1) if unit.startswith("share") else unit,
            }
        )
    return rows


def leaks(summary: Summary) -> dict[str, Any]:
    """The twelve gates in their order, three columns, and the waterfall they make."""
    table = summary["leaks"]
    order = [gate for gate in words.GATES if gate in table]
    order += [gate for gate in table if gate not in words.GATES]
    top = {
        column: max((table[gate][column] or 0 for gate in order), default=0) or 1
        for column in ("lost", "sole", "if_perfect")
    }
    avoidable = value_of(summary, "avoidable") or 0.0
    rows, bars = [], [_bar("Avoidable repeats", 0, avoidable, "c-total")]
    left = avoidable
    for number, gate in enumerate(order, 1):
        item = table[gate]
        term = words.GATES.get(gate)
        label = f"{number} · {words.gate_label(gate)}"
        left -= item["lost"]
        bars.append(_bar(label, max(left, 0), item["lost"], "c-lost"))
        rows.append(
            {
                "number": number,
                "gate": gate,
                "label": words.gate_label(gate),
                "vi": term.vi if term else "",
                "meaning": term.meaning if term else "",
                **{
                    column: {
                        "text": numbers.count(item[column]),
                        "bar": 100 * max(item[column] or 0, 0) / top[column],
                    }
                    for column in top
                },
            }
        )
    reused = class_count(summary, "with_sharing", "shared_reused")
    bars.append(_bar("Reused safely", 0, reused, "c-good"))
    worst = max(order, key=lambda gate: table[gate]["lost"], default="")
    lever = max(order, key=lambda gate: table[gate]["if_perfect"] or 0, default="")
    return {
        "rows": rows,
        "figure": figures.waterfall("Where the benefit leaks away, gate by gate", bars),
        "worst": words.gate_label(worst),
        "worst_share": numbers.percent(table[worst]["lost"] / avoidable) if avoidable else None,
        "lever": words.gate_label(lever) if lever and table[lever]["if_perfect"] else None,
        "lever_gain": numbers.count(table[lever]["if_perfect"]) if lever else None,
    }


def _bar(label: str, start: float, length: float, kind: str) -> figures.Bar:
    return figures.Bar(label, start, length, kind, numbers.count(length))


def class_count(summary: Summary, world: str, name: str) -> float:
    """Orders of one class; `lost` adds up all gates."""
    classes = summary["classes"][world]
    if name == "lost":
        return float(sum(n for key, n in classes.items() if key.startswith("lost")))
    return float(classes.get(name, 0))


def classes(summary: Summary) -> dict[str, Any]:
    """Every order in exactly one class, in both worlds (model.md section 8)."""
    worlds = (("without_sharing", "No sharing"), ("with_sharing", "This scenario"))
    stack = [
        (
            label,
            [
                figures.Part(words.CLASSES[name].en, class_count(summary, world, name), kind)
                for name, kind in STACK
            ],
        )
        for world, label in worlds
    ]
    total = {world: sum(summary["classes"][world].values()) or 1 for world, _ in worlds}
    rows = []
    for name, kind in STACK:
        counts = {world: class_count(summary, world, name) for world, _ in worlds}
        rows.append(
            {
                "label": words.CLASSES[name].en,
                "vi": words.CLASSES[name].vi,
                "meaning": words.CLASSES[name].meaning,
                "kind": kind,
                **{world: numbers.count(n) for world, n in counts.items()},
                **{f"{w}_share": numbers.percent(n / total[w]) for w, n in counts.items()},
            }
        )
    totals = {world: numbers.count(sum(summary["classes"][world].values())) for world, _ in worlds}
    figure = figures.stacked("What became of every order, in both worlds", stack)
    return {"rows": rows, "figure": figure, "totals": totals}


def breakdown(summary: Summary, key: str) -> dict[str, Any]:
    """One of the by_* tables; the longest bar stands for the most avoided in this table."""
    items = list(summary[key].items())
    if key == "by_facility":
        items.sort(key=lambda item: -item[1]["cross_facility_repeats"])
    elif key != "by_month":
        items.sort(key=lambda item: -item[1]["orders"])
    hidden = max(len(items) - FACILITIES_SHOWN, 0) if key == "by_facility" else 0
    items = items[: len(items) - hidden]
    top = max((abs(row["repeats_avoided"]) for _, row in items), default=0) or 1
    rows = []
    for name, row in items:
        repeats = row["cross_facility_repeats"]
        rows.append(
            {
                "label": row["label"],
                "key": name,
                "orders": numbers.count(row["orders"]),
                "repeats": numbers.count(repeats),
                "avoidable": numbers.count(row["avoidable"]),
                "avoided": numbers.count(row["repeats_avoided"]),
                "share": numbers.percent(row["repeats_avoided"] / repeats if repeats else None),
                "unsafe": numbers.count(row["unsafe_reuses"]),
                "money": numbers.money(row["cost_avoided_vnd"]),
                "bar": 100 * max(row["repeats_avoided"], 0) / top,
            }
        )
    return {"rows": rows, "hidden": hidden}


def months(summary: Summary) -> list[Any]:
    """Two small pictures: repeats without sharing, and repeats avoided, month by month."""
    by_month = summary["by_month"]
    if not by_month:
        return []
    series = (
        ("Repeats across facilities without sharing", "cross_facility_repeats", "c-lost"),
        ("Repeats avoided", "repeats_avoided", "c-good"),
    )
    return [
        (title, figures.columns(title, _thousands(by_month, column), kind, "tests"))
        for title, column, kind in series
    ]


def _thousands(by_month: Mapping[str, Any], column: str) -> list[tuple[str, float]]:
    return [(short_month(name), float(row[column])) for name, row in by_month.items()]


def short_month(key: str) -> str:
    """`2025-03` as `03/25`; anything else stays."""
    if len(key) >= 7 and key[4] == "-":
        return f"{key[5:7]}/{key[2:4]}"
    return key


def flows(summary: Summary) -> list[dict[str, Any]]:
    """The largest flows of avoidable repeats: earlier result here, new order there."""
    labels = {code: row["label"] for code, row in summary["by_facility"].items()}
    pairs = sorted(summary["pairs"], key=lambda pair: -pair["avoidable"])[:FLOWS_SHOWN]
    top = max((pair["avoidable"] for pair in pairs), default=0) or 1
    return [
        {
            "source": labels.get(pair["from"], pair["from"]),
            "asker": labels.get(pair["to"], pair["to"]),
            "avoidable": numbers.count(pair["avoidable"]),
            "avoided": numbers.count(pair["avoided"]),
            "share": numbers.percent(
                pair["avoided"] / pair["avoidable"] if pair["avoidable"] else None
            ),
            "bar": 100 * pair["avoidable"] / top,
        }
        for pair in pairs
    ]


def volumes(summary: Summary) -> list[dict[str, Any]]:
    """Calibration: what the model produced beside what is published, and how far off it is."""
    rows = []
    for item in summary["volumes"]:
        low, high, value = item["low"], item["high"], item["value"]
        within = None if None in (low, high, value) else low <= value <= high
        ends = (_volume(end, item["unit"]) for end in (low, high))
        rows.append(
            {
                "name": words.volume(item["name"]),
                "unit": item["unit"],
                "value": _volume(value, item["unit"]),
                "target": _volume(item["target"], item["unit"]),
                "range": f" {numbers.DASH} ".join(ends),
                "deviation": numbers.signed_percent(item["deviation"]),
                "within": within,
                "source": item["source"],
            }
        )
    return rows


def _volume(value: float | None, unit: str) -> str:
    if unit.startswith("share") or value is None or abs(value) >= 10:
        return numbers.quantity(value, unit)
    return numbers.fixed(value, numbers.decimals(value))


def parameters(summary: Summary) -> list[dict[str, Any]]:
    """The assumptions table: each parameter with its value, range, unit and where it is from."""
    return [
        {
            "name": item["name"],
            "value": numbers.plain(item["value"]),
            "range": numbers.MISSING
            if item["low"] is None or item["high"] is None
            else f"{numbers.plain(item['low'])} {numbers.DASH} {numbers.plain(item['high'])}",
            "unit": item["unit"] or numbers.MISSING,
            "source": item["source"] or "",
            "assumption": bool(item["assumption"]),
        }
        for item in summary["provenance"]["parameters"]
    ]


def elsewhere(summary: Summary) -> dict[str, Any]:
    """How often an earlier result exists elsewhere, and the gaps between facilities in days."""
    shares = summary["elsewhere_within_days"]
    gaps = summary["gap_days"]
    known = all(value is not None for value in gaps.values())
    return {
        "shares": [(days, numbers.percent(share)) for days, share in shares.items()],
        "gaps": [(name, numbers.count(days)) for name, days in gaps.items()],
        "figure": figures.spread("Days between visits to different facilities", list(gaps.items()))
        if known
        else None,
    }
