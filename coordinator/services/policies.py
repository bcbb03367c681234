"""Policies of a deployment: which regulation is in force when, how long results stay valid.

The rules are handed these values; `version` names them in every decision, so that two decisions
can be compared only if the same policies made them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from coordinator.rules.consent import CONSENT
from coordinator.rules.facts import ImplicitPolicy
from coordinator.rules.identity import IDENTITY
from coordinator.rules.reuse import ANSWER, RECOGNITION, VALIDITY
from coordinator.rules.routing import ROUTING
from vietnam.catalogue import TestGroup
from vietnam.regulations import Regulation

RULES_VERSION = "/".join(
    f"{table.name}-{table.version}"
    for table in (ROUTING, IDENTITY, CONSENT, VALIDITY, RECOGNITION, ANSWER)
)
"""The rulebook by name and version, in the order in which it is asked."""


@dataclass(frozen=True)
class Policies:
    """Regulations by the day they begin (the first holds before that day too).

    `validity_position` lies between -1, the shortest validity of each range, and 1, the longest.
    """

    regulations: tuple[tuple[dt.date, Regulation], ...]
    validity_position: float = 0.0
    implicit: ImplicitPolicy = ImplicitPolicy.PERMIT_BASIC_PURPOSES

    def at(self, day: dt.date) -> Regulation:
        """The regulation in force on a day."""
        begun = [regulation for since, regulation in self.regulations if since <= day]
        return begun[-1] if begun else self.regulations[0][1]

    def validity_minutes(self, regulation: Regulation, test: TestGroup, inpatient: bool) -> int:
        """How old a result may be for a new order, in minutes."""
        return regulation.validity_at(test.key, inpatient, self.validity_position)

    @cached_property
    def version(self) -> str:
        """Short hash of everything that can change a decision besides the facts."""
        content = {
            "rules": RULES_VERSION,
            "position": self.validity_position,
            "implicit": self.implicit.name,
            "regulations": [[since.isoformat(), asdict(r)] for since, r in self.regulations],
        }
        text = json.dumps(content, sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    """Sets and dates as JSON knows them."""
    return sorted(value) if isinstance(value, Sequence | frozenset) else str(value)
