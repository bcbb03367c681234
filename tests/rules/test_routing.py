"""Whom to ask: candidates split into asked and skipped, in the order given."""

from __future__ import annotations

from coordinator.rules.decision import Verdict
from coordinator.rules.facts import Publication, RoutingFacts
from coordinator.rules.routing import whom_to_ask


def test_candidates_are_split_and_keep_their_order() -> None:
    plan = whom_to_ask(
        [
            ("99003", RoutingFacts()),
            ("99001", RoutingFacts(source_connected=False)),
            ("99002", RoutingFacts()),
            ("99004", RoutingFacts(own_record=True, publication=Publication.NOT_YET)),
        ]
    )
    assert plan.ask == ("99003", "99002")
    assert [(code, decision.reasons) for code, decision in plan.skipped] == [
        ("99001", (Verdict.SOURCE_NOT_CONNECTED,)),
        ("99004", (Verdict.OWN_RECORD, Verdict.NOT_YET_PUBLISHED)),
    ]
