"""Fellegi-Sunter weights: how much an agreement says, as data with source (1969, JASA 64:1183).

m is the chance of a level when the two registrations are one person, u when they are two. The
weight of a level is log2(m / u); a missing field weighs nothing. All m are ASSUMPTIONS (data
entry quality of Vietnamese hospitals was not found measured); each u says where it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from types import MappingProxyType
from typing import Final

from coordinator.rules.facts import (
    Agreement,
    BirthAgreement,
    CccdAgreement,
    IdentityFacts,
    ScoreBand,
    SexAgreement,
)

Level = Agreement | BirthAgreement | CccdAgreement | SexAgreement


@dataclass(frozen=True, slots=True)
class FieldWeight:
    """m and u of each level that is not MISSING; each column adds up to 1."""

    m: Mapping[Level, float]
    u: Mapping[Level, float]
    source: str

    def bits(self, level: Level) -> float:
        return log2(self.m[level] / self.u[level]) if level else 0.0


@dataclass(frozen=True, slots=True)
class MatchWeights:
    """Weights per field of IdentityFacts and the two thresholds, in bits."""

    fields: Mapping[str, FieldWeight]
    match_at: float
    review_at: float
    source: str

    def score(self, facts: IdentityFacts) -> float:
        """Sum of the weights of all fields, in bits."""
        return sum(weight.bits(getattr(facts, field)) for field, weight in self.fields.items())

    def band(self, score: float) -> ScoreBand:
        """The one banding of a score."""
        if score >= self.match_at:
            return ScoreBand.MATCH
        return ScoreBand.REVIEW if score >= self.review_at else ScoreBand.NO


def _field(
    source: str, kind: type[Level] = Agreement, **levels: tuple[float, float]
) -> FieldWeight:
    named = {kind[name]: values for name, values in levels.items()}
    return FieldWeight(
        m=MappingProxyType({level: m for level, (m, _) in named.items()}),
        u=MappingProxyType({level: u for level, (_, u) in named.items()}),
        source=source,
    )


DEFAULT_WEIGHTS: Final = MatchWeights(
    fields=MappingProxyType(
        {
            "cccd": _field(
                "ASSUMPTION: m 0.94 (0.9-0.99), typing errors 2 %; u bounded from below by shared"
                " and placeholder numbers, not by chance (12 digits, Decree 137/2015 Art. 13)",
                CccdAgreement,
                AGREE=(0.94, 1e-6),
                ODD=(0.01, 1e-5),
                CLOSE=(0.02, 1e-5),
                DISAGREE=(0.03, 1 - 2.1e-5),
            ),
            "bhxh": _field(
                "ASSUMPTION: as the personal ID; some people hold two insurance numbers",
                AGREE=(0.93, 1e-6),
                CLOSE=(0.02, 1e-5),
                DISAGREE=(0.05, 1 - 1.1e-5),
            ),
            "cmnd": _field(
                "ASSUMPTION: nine digits, reissued in another province with a new number, a few"
                " numbers given twice",
                AGREE=(0.85, 1e-6),
                CLOSE=(0.02, 1e-5),
                DISAGREE=(0.13, 1 - 1.1e-5),
            ),
            "name": _field(
                "u: a simulated province of 1.5 M people, in which 1.3 % share full name and full"
                " birth date with somebody (1.3 % x 70 years x 365 / 1.5 M = 2e-4); ASSUMPTION"
                " range 3e-5 (from the 46 % who share name and birth year) to 1e-3",
                AGREE=(0.90, 2e-4),
                CLOSE=(0.07, 1e-3),
                DISAGREE=(0.03, 1 - 1.2e-3),
            ),
            "birth": _field(
                "ASSUMPTION: 70 birth years, dates heaped on round days (1e-4 instead of 4e-5);"
                " YEAR is the level of people registered with a year only",
                BirthAgreement,
                FULL=(0.80, 1e-4),
                YEAR=(0.12, 1 / 70),
                CLOSE=(0.05, 2e-3),
                DISAGREE=(0.03, 1 - 1e-4 - 1 / 70 - 2e-3),
            ),
            "sex": _field(
                "u: two sexes of equal number; ASSUMPTION m 0.99 (0.97-0.999)",
                SexAgreement,
                AGREE=(0.99, 0.5),
                DISAGREE=(0.01, 0.5),
            ),
        }
    ),
    match_at=32.0,
    review_at=14.0,
    source="ASSUMPTION: log2 of 1.5 M candidates is 20.5 bits, 11.5 bits more leave about 1 wrong"
    " link in 3,000 (range 28-37); review from the point where name and birth year agree (12-18)",
)
"""Weights until somebody measures them on real registrations."""
