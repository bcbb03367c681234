"""Identity: are two registrations one person? Deterministic rows first, then Fellegi-Sunter.

Name and birth never link by themselves: in a simulated Vietnamese province of 1.5 M people 46 %
share full name and birth year with somebody else, and 1.3 % full name and full birth date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from unicodedata import normalize

from coordinator.rules.decision import Decision, RuleTable, Verdict, always
from coordinator.rules.facts import (
    Agreement,
    Assurance,
    BirthAgreement,
    CccdAgreement,
    IdentityFacts,
    Manual,
    Registration,
    ScoreBand,
    Sex,
    SexAgreement,
)
from coordinator.rules.weights import DEFAULT_WEIGHTS, MatchWeights
from vietnam.identifiers import Number, parse_bhxh, parse_bhyt, parse_cccd, parse_cmnd
from vietnam.people_names import name_key

NEAR: Final = (Agreement.CLOSE, Agreement.AGREE)
_SEX_WORDS: Final[dict[Sex | None, Literal["male", "female"]]] = {
    Sex.MALE: "male",
    Sex.FEMALE: "female",
}
SAME_CCCD: Final = (CccdAgreement.ODD, CccdAgreement.AGREE)
CCCD_SUPPORTS: Final = (CccdAgreement.CLOSE, CccdAgreement.AGREE)
BIRTH_FITS: Final = (BirthAgreement.YEAR, BirthAgreement.FULL)


# ---- banding -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Numbers:
    """The numbers of one registration, whichever field they were typed into."""

    cccd: frozenset[str]
    odd: frozenset[str]
    bhxh: frozenset[str]
    cmnd: frozenset[str]


def identity_facts(a: Registration, b: Registration) -> IdentityFacts:
    """Bands two registrations field by field; the same whichever comes first."""
    left, right = _numbers(a), _numbers(b)
    return IdentityFacts(
        manual=_manual(a, b),
        cccd=_cccd_agreement(left, right),
        bhxh=_agreement(left.bhxh, right.bhxh),
        cmnd=_agreement(left.cmnd, right.cmnd),
        name=_name_agreement(a.name, b.name),
        birth=_birth_agreement(a, b),
        sex=_sex_agreement(a.sex, b.sex),
        proofed=min(a.assurance, b.assurance) >= Assurance.SUBSTANTIAL,
    )


def _manual(a: Registration, b: Registration) -> Manual:
    if b.key in a.not_same_as or a.key in b.not_same_as:
        return Manual.NOT_SAME
    if b.key in a.same_as or a.key in b.same_as:
        return Manual.SAME
    return Manual.NONE


def _numbers(registration: Registration) -> _Numbers:
    """Sorts numbers by what they are: a card may hold a CCCD or a BHXH number; a CMND of 12
    digits is the number that the CCCD kept. Malformed numbers are no numbers."""
    cards = [parse_bhyt(card) for card in registration.bhyt_cards]
    texts = (registration.cccd, registration.cmnd, *(c.text for c in cards if c.cccd))
    sex, year = _SEX_WORDS.get(registration.sex), registration.birth_year
    parsed = [parse_cccd(text, sex=sex, birth_year=year) for text in texts if text]
    cccd = [number for number in parsed if number.outcome != "malformed"]
    bhxh = {card.bhxh for card in cards if card.bhxh}
    return _Numbers(
        cccd=frozenset(number.text for number in cccd),
        odd=frozenset(number.text for number in cccd if number.outcome == "odd"),
        bhxh=frozenset(bhxh | _well_formed(parse_bhxh(registration.bhxh or ""))),
        cmnd=_well_formed(parse_cmnd(registration.cmnd or "")),
    )


def _well_formed(number: Number) -> frozenset[str]:
    return frozenset() if number.outcome == "malformed" else frozenset({number.text})


def _agreement(left: frozenset[str], right: frozenset[str]) -> Agreement:
    if not left or not right:
        return Agreement.MISSING
    if left & right:
        return Agreement.AGREE
    if any(_one_slip(a, b) for a in left for b in right):
        return Agreement.CLOSE
    return Agreement.DISAGREE


def _cccd_agreement(left: _Numbers, right: _Numbers) -> CccdAgreement:
    shared = left.cccd & right.cccd
    if shared and not shared - left.odd - right.odd:
        return CccdAgreement.ODD
    return CccdAgreement[_agreement(left.cccd, right.cccd).name]


def _one_slip(a: str, b: str) -> bool:
    """Two numbers of equal length: one digit differs, or two neighbours are swapped."""
    places = [i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y]
    if len(a) != len(b) or len(places) > 2:
        return False
    if len(places) == 1:
        return True
    i, j = places
    return j == i + 1 and a[i] == b[j] and a[j] == b[i]


def _name_agreement(a: str | None, b: str | None) -> Agreement:
    """AGREE: the same letters and accents. CLOSE: the same but for accents, word order, or a
    middle name that one side left out or cut to an initial. A letter that differs is DISAGREE:
    brothers and twins are often named one letter apart."""
    if not a or not b or not a.strip() or not b.strip():
        return Agreement.MISSING
    if _plain(a) == _plain(b):
        return Agreement.AGREE
    left, right = name_key(a).split(), name_key(b).split()
    if sorted(left) == sorted(right) or _middle_left_out(left, right):
        return Agreement.CLOSE
    return Agreement.DISAGREE


def _plain(name: str) -> str:
    return " ".join(normalize("NFC", name).casefold().split())


def _middle_left_out(left: list[str], right: list[str]) -> bool:
    """Same family and given name; one middle name empty, or an initial of the other's."""
    if min(len(left), len(right)) < 2 or (left[0], left[-1]) != (right[0], right[-1]):
        return False
    short, long = sorted((left[1:-1], right[1:-1]), key=lambda words: len("".join(words)))
    return not short or [word[0] for word in long] == short


def _birth_agreement(a: Registration, b: Registration) -> BirthAgreement:
    if a.birth_year is None or b.birth_year is None:
        return BirthAgreement.MISSING
    same_year = a.birth_year == b.birth_year
    left, right = _day_and_month(a), _day_and_month(b)
    if left is None or right is None:
        return BirthAgreement.YEAR if same_year else BirthAgreement.DISAGREE
    if same_year and left == right:
        return BirthAgreement.FULL
    parts_equal = same_year + (left[0] == right[0]) + (left[1] == right[1])
    swapped = same_year and left == right[::-1]
    return BirthAgreement.CLOSE if swapped or parts_equal == 2 else BirthAgreement.DISAGREE


def _day_and_month(registration: Registration) -> tuple[int, int] | None:
    """None if unknown, and for 1 January, which stands for "only the year is known"."""
    day, month = registration.birth_day, registration.birth_month
    if day is None or month is None or (day, month) == (1, 1):
        return None
    return day, month


def _sex_agreement(a: Sex | None, b: Sex | None) -> SexAgreement:
    if a is None or b is None:
        return SexAgreement.MISSING
    return SexAgreement.AGREE if a is b else SexAgreement.DISAGREE


# ---- the rule ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Scored:
    """Facts and the band of their score, which the rows read side by side."""

    facts: IdentityFacts
    band: ScoreBand


def _contradicted(f: IdentityFacts) -> bool:
    """Another name, or birth and sex at once: more than a typing error."""
    birth_and_sex = f.birth is BirthAgreement.DISAGREE and f.sex is SexAgreement.DISAGREE
    return f.name is Agreement.DISAGREE or birth_and_sex


def _cccd_contradicted(s: _Scored) -> bool:
    return s.facts.cccd in SAME_CCCD and _contradicted(s.facts)


def _something_else_fits(f: IdentityFacts) -> bool:
    return f.name in NEAR or f.birth >= BirthAgreement.CLOSE


def _match_cccd(s: _Scored) -> bool:
    f = s.facts
    return (
        f.cccd is CccdAgreement.AGREE
        and not _contradicted(f)
        and (_something_else_fits(f) or f.proofed)
    )


def _match_bhxh(s: _Scored) -> bool:
    f = s.facts
    return (
        f.bhxh is Agreement.AGREE
        and f.name in NEAR
        and f.birth in BIRTH_FITS
        and f.sex is not SexAgreement.DISAGREE
        and f.cccd is not CccdAgreement.DISAGREE
    )


def _bhxh_contradicted(s: _Scored) -> bool:
    f = s.facts
    return f.bhxh is Agreement.AGREE and (
        f.name is Agreement.DISAGREE or f.birth is BirthAgreement.DISAGREE
    )


def _numbers_conflict(s: _Scored) -> bool:
    agrees = Agreement.AGREE in (s.facts.bhxh, s.facts.cmnd)
    return agrees and s.facts.cccd is CccdAgreement.DISAGREE


def _cccd_odd(s: _Scored) -> bool:
    return s.facts.cccd is CccdAgreement.ODD


def _cccd_alone(s: _Scored) -> bool:
    f = s.facts
    return (
        f.cccd is CccdAgreement.AGREE
        and not _contradicted(f)
        and not (_something_else_fits(f) or f.proofed)
    )


def _a_number_supports(f: IdentityFacts) -> bool:
    """An odd CCCD supports nothing: it may be a placeholder that many people got."""
    return f.cccd in CCCD_SUPPORTS or f.bhxh in NEAR or f.cmnd in NEAR


def _match_score(s: _Scored) -> bool:
    f = s.facts
    return (
        s.band is ScoreBand.MATCH
        and _a_number_supports(f)
        and f.cccd is not CccdAgreement.DISAGREE
        and f.name in NEAR
        and f.birth is not BirthAgreement.DISAGREE
    )


def _cccd_differs(s: _Scored) -> bool:
    return s.band is not ScoreBand.NO and s.facts.cccd is CccdAgreement.DISAGREE


def _name_and_birth_only(s: _Scored) -> bool:
    f = s.facts
    return (
        not _a_number_supports(f)
        and f.cccd is CccdAgreement.MISSING
        and f.sex is not SexAgreement.DISAGREE
        and f.name in NEAR
        and f.birth in BIRTH_FITS
    )


def _review_score(s: _Scored) -> bool:
    return s.band is not ScoreBand.NO and not _match_score(s)


def _nothing_to_compare(s: _Scored) -> bool:
    f = s.facts
    return not any((f.cccd, f.bhxh, f.cmnd, f.name, f.birth))


IDENTITY: Final[RuleTable[_Scored]] = RuleTable(
    name="identity",
    version="1",
    rows=(
        (Verdict.NO_MATCH_MANUAL, lambda s: s.facts.manual is Manual.NOT_SAME),
        (Verdict.MATCH_MANUAL, lambda s: s.facts.manual is Manual.SAME),
        (Verdict.REVIEW_CCCD_CONTRADICTED, _cccd_contradicted),
        (Verdict.MATCH_CCCD, _match_cccd),
        (Verdict.MATCH_BHXH, _match_bhxh),
        (Verdict.REVIEW_BHXH_CONTRADICTED, _bhxh_contradicted),
        (Verdict.MATCH_SCORE, _match_score),
        (Verdict.REVIEW_NUMBERS_CONFLICT, _numbers_conflict),
        (Verdict.REVIEW_CCCD_ODD, _cccd_odd),
        (Verdict.REVIEW_CCCD_ALONE, _cccd_alone),
        (Verdict.REVIEW_CCCD_DIFFERS, _cccd_differs),
        (Verdict.REVIEW_NAME_AND_BIRTH_ONLY, _name_and_birth_only),
        (Verdict.REVIEW_SCORE, _review_score),
        (Verdict.NO_MATCH_NOTHING_TO_COMPARE, _nothing_to_compare),
    ),
    openers=((Verdict.NO_MATCH_SCORE, always),),
)


def judge_identity(facts: IdentityFacts, weights: MatchWeights = DEFAULT_WEIGHTS) -> Decision:
    """MATCH_*, REVIEW_* or NO_MATCH_*; a steward's "not the same" outranks everything."""
    return IDENTITY.judge(_Scored(facts, weights.band(weights.score(facts))))
