"""`render(summary)`: the report as one HTML page without network, script or other files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jinja2
from markupsafe import Markup

from scenarios.report import maps, sections, story, words
from scenarios.report.sections import Summary

TEMPLATES: Final = files("scenarios.report") / "templates"
# A style sheet may hold neither a tag end nor an address: the page must stay self-contained.
_UNWELCOME: Final = re.compile(r"</|@import|url\(", re.IGNORECASE)


@cache
def _environment() -> jinja2.Environment:
    def read(name: str) -> str:
        return (TEMPLATES / name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = read("style.css")
    if _UNWELCOME.search(style):
        raise ValueError("style.css may not import or point to anything")
    environment.globals["style"] = Markup(style)
    return environment


def render(summary: Summary, places: Mapping[str, maps.Place] | None = None) -> str:
    """The report of one run.

    `summary` is the content of summary.json (see scenarios/summary.schema.json); `places` gives
    coordinates by facility code, without which the page has no map. All text in the summary is
    untrusted and escaped.
    """
    page = _environment().get_template("report.html.j2")
    return page.render(context(summary, places or {}))


def context(summary: Summary, places: Mapping[str, maps.Place]) -> dict[str, Any]:
    """Everything the template shows, already in words."""
    return {
        "title": summary["title"] or summary["scenario"],
        "scenario": summary["scenario"],
        "summary": summary,
        "provenance": summary["provenance"],
        "period": story.period(summary),
        "opening": story.opening(summary),
        "scale_words": sections.scale_words(summary),
        "avoided": story.avoided(summary),
        "not_avoided": story.not_avoided(summary),
        "headline": sections.headline(summary),
        "cards": _cards(summary),
        "leaks": sections.leaks(summary),
        "classes": sections.classes(summary),
        "measures": sections.measures(summary),
        "breakdowns": [
            (key, title, vi, first, sections.breakdown(summary, key))
            for key, title, vi, first in sections.BREAKDOWNS
        ],
        "months": sections.months(summary),
        "flows": sections.flows(summary),
        "map": maps.draw(summary, places),
        "volumes": sections.volumes(summary),
        "elsewhere": sections.elsewhere(summary),
        "hand_check": story.hand_check(summary),
        "parameters": sections.parameters(summary),
        "assumptions": sum(1 for p in summary["provenance"]["parameters"] if p["assumption"]),
        "limits": words.LIMITS,
        "caveats": words.CAVEATS,
    }


def _cards(summary: Summary) -> list[dict[str, str]]:
    """Four figures under the headline, each with its uncertainty interval."""
    rows = {row["name"]: row for row in sections.measures(summary)}
    shown = ("repeats_avoided", "cost_avoided_vnd", "avoidable_share_avoided", "unsafe_reuses")
    return [rows[name] for name in shown if name in rows]
