"""Vietnamese names: family name first, then middle names, the given name last; and a generator.

Keys for matching fold accents and write d for đ, so ``Nguyễn Thị Ánh`` in any Unicode form and
``NGUYEN THI ANH`` have one key. The generator is a pure function of uniform numbers handed in.
Surname shares follow the often quoted study of Le Trung Hoa (2005): ASSUMPTION, remembered, +-15 %.
Given and middle names by decade: ASSUMPTION, from general knowledge; no open frequency list exists.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Literal

from vietnam.name_tables import (
    FAMILY,
    GIVEN_FEMALE,
    GIVEN_MALE,
    MIDDLE_FEMALE,
    MIDDLE_MALE,
    THI_SHARE,
    VAN_SHARE,
)

Sex = Literal["male", "female"]
_TWO_WORD_FAMILIES = {"tôn thất", "tôn nữ"}


@dataclass(frozen=True)
class PersonName:
    """Họ, đệm, tên. ``family`` is empty for a person with one name, ``middle`` may be."""

    family: str
    middle: str
    given: str

    @property
    def full(self) -> str:
        """In Vietnamese order: family, middle, given."""
        return " ".join(part for part in (self.family, self.middle, self.given) if part)

    @property
    def key(self) -> str:
        return name_key(self.full)


def parse_name(text: str) -> PersonName:
    """Splits a full name in Vietnamese order; ValueError if there is none.

    >>> parse_name("  Nguyễn  Thị Minh Ánh ")
    PersonName(family='Nguyễn', middle='Thị Minh', given='Ánh')
    """
    words = unicodedata.normalize("NFC", text).split()
    if not words:
        raise ValueError("there is no name")
    if len(words) == 1:
        return PersonName("", "", words[0])
    head = 2 if len(words) > 2 and " ".join(words[:2]).casefold() in _TWO_WORD_FAMILIES else 1
    return PersonName(" ".join(words[:head]), " ".join(words[head:-1]), words[-1])


def fold(text: str) -> str:
    """Small letters without accents; đ becomes d. Spaces and other signs stay.

    >>> fold("Đặng Ánh")
    'dang anh'
    """
    plain = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)).replace("đ", "d")


def name_key(text: str) -> str:
    """Key under which spellings of one name meet: folded words, single spaces, no signs."""
    return " ".join("".join(c if c.isalnum() else " " for c in fold(text)).split())


def make_name(
    sex: Sex, birth_year: int, u_family: float, u_middle: float, u_given: float
) -> PersonName:
    """A name of that sex and age; the same three numbers in [0, 1) give the same name."""
    family = _pick(FAMILY, u_family)
    decade = min(2010, max(1940, birth_year // 10 * 10))
    marker, shares, rest, given = (
        ("Thị", THI_SHARE, MIDDLE_FEMALE, GIVEN_FEMALE)
        if sex == "female"
        else ("Văn", VAN_SHARE, MIDDLE_MALE, GIVEN_MALE)
    )
    share = shares[decade]
    if u_middle < share:
        middle = marker
    else:
        middle = _pick(_era(rest, decade), (u_middle - share) / (1 - share))
    return PersonName(family, middle, _pick(_era(given, decade), u_given))


Table = Sequence[tuple[str, float]]


def _era(tables: Mapping[int, Table], decade: int) -> Table:
    """The table of the latest era that began by then."""
    return tables[max(start for start in tables if start <= decade)]


def _pick(table: Table, u: float) -> str:
    names, ends = _ends(tuple(table))
    return names[min(bisect_right(ends, u * ends[-1]), len(names) - 1)]


@cache
def _ends(table: tuple[tuple[str, float], ...]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    return tuple(n for n, _ in table), tuple(accumulate(weight for _, weight in table))
