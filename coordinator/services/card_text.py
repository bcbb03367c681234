"""Cards of one order line as CDS Hooks 2.0 wants them (https://cds-hooks.hl7.org/2.0).

An alert only where something can be done: a result that may stand in, or a critical one. What the
caller may not see is never hinted at; the notice that something may be withheld always stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid5

from coordinator.rules.decision import WORDS, Verdict
from coordinator.services.facts_from_fhir import instant
from coordinator.services.order_facts_from_fhir import member_key
from coordinator.services.reuse_cards import Line
from fhir_profiles import systems

SUMMARY_LIMIT: Final = 140
NOTICE: Final = "Có thể có thông tin không được hiển thị theo quy định hoặc theo ý người bệnh."
SOURCE: Final[Mapping[str, Any]] = {
    "label": "Điều phối dữ liệu y tế",
    "topic": {"system": systems.CARD_TOPIC, "code": "duplicate-test", "display": "Trùng chỉ định"},
}
INDICATORS: Final[Mapping[Verdict, str]] = {
    Verdict.REUSE: "warning",
    Verdict.REUSABLE: "info",
    Verdict.PARTLY_COVERED: "info",
    Verdict.CRITICAL_INFO: "critical",
    Verdict.DUPLICATE_INFO: "info",
}
OVERRIDE_REASONS: Final = (
    ("clinical-change", "Tình trạng người bệnh đã thay đổi"),
    ("doubt", "Nghi ngờ chất lượng kết quả"),
    ("confirm", "Cần khẳng định lại"),
    ("other", "Lý do khác"),
)


def card_id(line: Line, hook_instance: str) -> str:
    """The same call about the same order gives the same card."""
    return str(uuid5(NAMESPACE_URL, f"{hook_instance}/{line.ordered.identifier}"))


def card_of(line: Line, hook_instance: str, public_url: str) -> dict[str, Any] | None:
    """The card of an order line, None where there is nothing to do."""
    indicator = INDICATORS.get(line.decision.code)
    if indicator is None or line.answer is None or line.ordered.test is None:
        return None
    uuid = card_id(line, hook_instance)
    card: dict[str, Any] = {
        "uuid": uuid,
        "summary": _summary(line),
        "indicator": indicator,
        "source": dict(SOURCE),
        "detail": _detail(line),
        "overrideReasons": [
            {"system": systems.OVERRIDE_REASON, "code": code, "display": display}
            for code, display in OVERRIDE_REASONS
        ],
    }
    if line.decision.code in (Verdict.REUSE, Verdict.REUSABLE):
        card["selectionBehavior"] = "at-most-one"
        card["suggestions"] = [_suggestion(line, uuid)]
    links = _links(line, public_url)
    return card | ({"links": links} if links else {})


def _suggestion(line: Line, uuid: str) -> dict[str, Any]:
    return {
        "label": "Dùng kết quả cũ, bỏ chỉ định",
        "uuid": str(uuid5(NAMESPACE_URL, f"{uuid}/reuse")),
        "isRecommended": line.decision.code is Verdict.REUSE,
        "actions": [
            {
                "type": "delete",
                "description": "Bỏ chỉ định trùng",
                "resourceId": f"ServiceRequest/{line.ordered.resource_id}",
            }
        ],
    }


def _summary(line: Line) -> str:
    """What, from when, from where; cut at a word to what the specification allows."""
    assert line.ordered.test is not None
    words = WORDS[line.decision.code].vi
    newest = next(iter(_told(line)), None)
    when = f" ({newest[0]}, {newest[1]})" if newest else ""
    text = f"{line.ordered.test.name_vi}: {words}{when}"
    return text if len(text) < SUMMARY_LIMIT else text[: SUMMARY_LIMIT - 2].rsplit(" ", 1)[0] + "…"


def _told(line: Line) -> list[tuple[str, str, str]]:
    """(day, facility, business identifier) of the results that may be told, newest first."""
    assert line.answer is not None
    facilities = {seen.pointer.result: seen for seen in line.considered}
    found: dict[str, tuple[str, str, str]] = {}
    for judged in (*line.answer.covered, *line.answer.shown):
        key = judged.prior.key
        if key in found or key not in line.results:
            continue
        report = line.results[key].report
        day = instant(report.get("effectiveDateTime"))
        place = facilities[key].pointer.facility
        found[key] = (f"{day:%d/%m/%Y}" if day else "?", _place(report, place), key)
    return list(found.values())


def _place(report: Mapping[str, Any], code: str) -> str:
    performer: Mapping[str, Any] = next(iter(report.get("performer", ())), {})
    return str(performer.get("display") or code)


def _detail(line: Line) -> str:
    """Values, where they come from, why they may or may not stand in, who did not answer."""
    assert line.answer is not None
    rows = []
    for judged in (*line.answer.covered, *line.answer.shown):
        result = line.results.get(judged.prior.key)
        why = "; ".join(WORDS[reason].vi for reason in judged.decision.reasons)
        value = _values(result.observations, judged.prior.member) if result else ""
        rows.append(f"- {judged.prior.member}: {value or '—'} ({why})")
    if line.answer.missing and line.decision.code is Verdict.PARTLY_COVERED:
        rows.append(f"- Cần làm: {', '.join(line.answer.missing)}")
    if line.silent:
        rows.append(f"- Không trả lời: {', '.join(line.silent)}")
    return "\n".join([*rows, "", NOTICE])


def _values(observations: tuple[Mapping[str, Any], ...], member: str) -> str:
    for observation in observations:
        if member_key(observation) in (member, None):
            quantity = observation.get("valueQuantity")
            if quantity:
                return f"{quantity.get('value')} {quantity.get('unit', '')}".strip()
            return str(observation.get("valueString", ""))
    return ""


def _links(line: Line, public_url: str) -> list[dict[str, str]]:
    """Searches here about the registration that a result belongs to; it names no number."""
    people = {
        seen.pointer.result: seen.candidate.patient["id"]
        for seen in line.considered
        if seen.candidate is not None
    }
    return [
        {
            "label": f"Xem kết quả ngày {day}",
            "url": f"{public_url}/fhir/DiagnosticReport?"
            + urlencode({"patient": f"Patient/{people[key]}", "identifier": key}),
            "type": "absolute",
        }
        for day, _, key in _told(line)
        if key in people
    ]
