"""The decision log: what was decided about every order line, because of what, by which rules.

Rows of kind "decision" in the coordinator's own store, one an order line; "feedback" says what the
clinician made of a card. Only an administrator reads them: they hold what the caller may not see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Any, Final

import orjson

from coordinator.rules.decision import Decision, Verdict
from coordinator.services.policies import RULES_VERSION
from fhir_server.store.port import Row, Store, Writer

DECISION: Final = "decision"
FEEDBACK: Final = "feedback"


@dataclass(frozen=True, slots=True)
class PriorEntry:
    """One earlier result that was considered.

    `facts` and `verdicts` by rule, as far as it was asked. `subject` is the record number of the
    registration that the result belongs to; `age` in minutes at the order.
    """

    result: str
    facility: str
    subject: str
    age: int | None
    reasons: tuple[Verdict, ...]
    facts: Mapping[str, Any]
    verdicts: Mapping[str, Verdict]

    def plain(self) -> dict[str, Any]:
        return {
            "result": self.result,
            "facility": self.facility,
            "subject": self.subject,
            "age": self.age,
            "reasons": [reason.name for reason in self.reasons],
            "facts": {name: plain_facts(facts) for name, facts in self.facts.items()},
            "verdicts": {rule: verdict.name for rule, verdict in self.verdicts.items()},
        }


@dataclass(frozen=True, slots=True)
class DecisionEntry:
    """One order line: the verdict with its reasons, what was considered, what was chosen."""

    order: str
    requester: str
    patient: str
    decision: Decision
    priors: Sequence[PriorEntry]
    chosen: Sequence[str]
    card: str | None
    hook: str
    hook_instance: str
    policies: str

    def plain(self, at: datetime) -> dict[str, Any]:
        """The row as JSON-able values."""
        return {
            "at": at.isoformat(),
            "order": self.order,
            "requester": self.requester,
            "patient": self.patient,
            "code": self.decision.code.name,
            "reasons": [reason.name for reason in self.decision.reasons],
            "rule": f"{self.decision.rule}-{self.decision.version}",
            "rules": RULES_VERSION,
            "policies": self.policies,
            "priors": [prior.plain() for prior in self.priors],
            "chosen": list(self.chosen),
            "card": self.card,
            "hook": self.hook,
            "hookInstance": self.hook_instance,
        }


def plain_facts(facts: Any) -> dict[str, Any]:
    """A facts class as names and yes/no."""
    return {field.name: _plain(getattr(facts, field.name)) for field in fields(facts)}


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value


class DecisionLog:
    """Appends decisions and feedback; reads them in the order in which they were written."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def append(writer: Writer, entries: Sequence[DecisionEntry], at: datetime) -> None:
        """Within a write transaction of the coordinator's store."""
        for entry in entries:
            writer.append(DECISION, entry.order, orjson.dumps(entry.plain(at)), at=at)

    @staticmethod
    def append_feedback(writer: Writer, items: Sequence[Mapping[str, Any]], at: datetime) -> None:
        for item in items:
            row = {"at": at.isoformat(), **item}
            writer.append(FEEDBACK, str(item.get("card", "")), orjson.dumps(row), at=at)

    def read(self, kind: str, after: int, limit: int) -> list[dict[str, Any]]:
        """Rows after a sequence number, each with its own as `seq`."""
        return [_read(row) for row in self._store.rows(kind, after=after, limit=limit)]


def _read(row: Row) -> dict[str, Any]:
    return {"seq": row.seq, **orjson.loads(row.data)}
