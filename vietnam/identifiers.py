"""Personal and facility numbers: what can be read from them and how far they can be trusted.

CCCD: Decree 137/2015/ND-CP Art. 13, Circular 07/2016/TT-BCA (12 digits: 3 place of birth
registration, 1 century and sex, 2 year of birth, 6 serial). There is no check digit, so a typing
error is seen only where the parts disagree. BHYT cards: three formats in parallel (15 characters;
10-digit social insurance number since April 2021; CCCD since August 2025, Decree 188/2025/ND-CP).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from vietnam.units import provinces

Outcome = Literal["malformed", "odd", "plausible"]
Sex = Literal["male", "female"]
BhytFormat = Literal["cccd12", "bhxh10", "card15", "malformed"]

GENERATED_CCCD = range(900, 1000)  # places that no province or country has: people we generate
_DIGITS = re.compile(r"[0-9]+")
_CARD15 = re.compile(r"([A-Z]{2})([0-9])([0-9]{2})([0-9]{10})")
_FACILITY = re.compile(r"[0-9]{2}[0-9A-Z]{3}")


@dataclass(frozen=True)
class Cccd:
    """A citizen's number. ``malformed`` is refused, ``odd`` accepted but evidence for review.

    ``place`` is the 3-digit code of where the birth was registered (old provinces, for ever);
    ``reasons`` are codes: ``not_12_digits``, ``unknown_place``, ``unknown_century``,
    ``sex_disagrees``, ``birth_year_disagrees``.
    """

    text: str
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    place: str | None = None
    sex: Sex | None = None
    birth_year: int | None = None

    @property
    def province(self) -> str | None:
        """Two-digit old province code; None for a country, a generated or an unknown place."""
        known = self.place is not None and self.place[1:] in _old_provinces()
        return self.place[1:] if self.place and known and self.place[0] == "0" else None

    @property
    def generated(self) -> bool:
        return self.place is not None and int(self.place) in GENERATED_CCCD


@dataclass(frozen=True)
class Bhyt:
    """A health insurance card. ``bhxh`` is the 10-digit social insurance number it shows."""

    text: str
    format: BhytFormat
    bhxh: str | None = None
    cccd: Cccd | None = None
    object_code: str | None = None
    benefit_level: int | None = None
    province: str | None = None


@dataclass(frozen=True)
class Number:
    """A number of which only the form can be checked (CMND, BHXH)."""

    text: str
    outcome: Outcome


@dataclass(frozen=True)
class FacilityCode:
    """A facility code (MA_CSKCB). Its first two digits are an old province, or 99 if generated."""

    text: str
    outcome: Outcome
    province: str | None = None
    generated: bool = False


@cache
def _old_provinces() -> frozenset[str]:
    return frozenset(p.code for p in provinces() if p.successor is not None)


def parse_cccd(text: str, *, sex: Sex | None = None, birth_year: int | None = None) -> Cccd:
    """A citizen's number, compared with the sex and year of birth if they are known.

    >>> parse_cccd("027085012345").outcome
    'plausible'
    >>> parse_cccd("027085012345", birth_year=1984).reasons
    ('birth_year_disagrees',)
    """
    number = text.strip()
    if len(number) != 12 or not _DIGITS.fullmatch(number):
        return Cccd(text, "malformed", ("not_12_digits",))
    place, century = number[:3], int(number[3])
    own_sex: Sex = "female" if century % 2 else "male"
    own_year = 1900 + 100 * (century // 2) + int(number[4:6])
    reasons = []
    known = place[0] == "0" and place[1:] in _old_provinces()
    if not known and int(place) not in GENERATED_CCCD:
        reasons.append("unknown_place")
    if century > 3:
        reasons.append("unknown_century")
    if sex is not None and sex != own_sex:
        reasons.append("sex_disagrees")
    if birth_year is not None and birth_year != own_year:
        reasons.append("birth_year_disagrees")
    outcome: Outcome = "odd" if reasons else "plausible"
    return Cccd(number, outcome, tuple(reasons), place, own_sex, own_year)


def make_cccd(place: int, sex: Sex, birth_year: int, serial: int) -> str:
    """The number of these parts; generated people take a place of 900 to 999.

    ValueError: place not 0-999, year not 1900-2099, serial not 0-999999.
    """
    if not (0 <= place <= 999 and 1900 <= birth_year <= 2099 and 0 <= serial <= 999_999):
        raise ValueError(f"no CCCD has the parts {place}, {birth_year}, {serial}")
    century = 2 * ((birth_year - 1900) // 100) + (sex == "female")
    return f"{place:03d}{century}{birth_year % 100:02d}{serial:06d}"


def parse_bhyt(text: str) -> Bhyt:
    """A card number in any of its three formats; letters may be small.

    >>> parse_bhyt("HT4790123456789").bhxh
    '0123456789'
    """
    number = text.strip().upper()
    if card := _CARD15.fullmatch(number):
        letters, level, province, bhxh = card.groups()
        return Bhyt(number, "card15", bhxh, None, letters, int(level), province)
    if _DIGITS.fullmatch(number) and len(number) == 10:
        return Bhyt(number, "bhxh10", number)
    if _DIGITS.fullmatch(number) and len(number) == 12:
        return Bhyt(number, "cccd12", None, parse_cccd(number))
    return Bhyt(text, "malformed")


def parse_bhyt_list(text: str) -> tuple[Bhyt, ...]:
    """Several cards of one person, as claim files write them: separated by semicolons."""
    return tuple(parse_bhyt(part) for part in text.split(";") if part.strip())


def parse_bhxh(text: str) -> Number:
    """A social insurance number: 10 digits."""
    return _number(text, 10)


def parse_cmnd(text: str) -> Number:
    """An old identity card number: 9 digits."""
    return _number(text, 9)


def _number(text: str, length: int) -> Number:
    number = text.strip()
    if len(number) == length and _DIGITS.fullmatch(number):
        return Number(number, "plausible")
    return Number(text, "malformed")


def parse_facility_code(text: str) -> FacilityCode:
    """A facility code: five characters, the first two digits an old province or 99.

    >>> parse_facility_code("99001").generated
    True
    """
    code = text.strip()
    if not _FACILITY.fullmatch(code):
        return FacilityCode(text, "malformed")
    prefix = code[:2]
    if prefix == "99":
        return FacilityCode(code, "plausible", None, generated=True)
    if prefix in _old_provinces():
        return FacilityCode(code, "plausible", prefix)
    return FacilityCode(code, "odd")
