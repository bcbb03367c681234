"""Blocking: which registrations are worth comparing at all (Fellegi and Sunter 1969).

Two registrations meet if they share one key: a number; the words of the name and the year of birth;
the given name and the full date of birth; or, where one of them left out or shortened middle names,
family and given name and the year. So every pair that the rules could link or send to review meets,
but those that share no number and differ in name or year of birth by a typing error.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.rules.facts import Registration
from vietnam.identifiers import parse_bhxh, parse_bhyt, parse_cccd, parse_cmnd
from vietnam.people_names import name_key


@dataclass(frozen=True, slots=True)
class Keys:
    """`own`: under which a registration is found; `asked`: under which it looks for others."""

    own: frozenset[str]
    asked: frozenset[str]


def blocking_keys(registration: Registration) -> Keys:
    both = set(_numbers(registration))
    own, asked = set(both), set(both)
    words = name_key(registration.name or "").split()
    year = registration.birth_year
    if words and year is not None:
        shared = {f"name {' '.join(sorted(words))} {year}", *_given_and_date(registration, words)}
        outline = f"{words[0]} {words[-1]} {year}"
        own |= {*shared, f"any middle {outline}"}
        asked |= {*shared, f"short middle {outline}"}
        if all(len(word) == 1 for word in words[1:-1]):
            own.add(f"short middle {outline}")
            asked.add(f"any middle {outline}")
    return Keys(frozenset(own), frozenset(asked))


def _given_and_date(registration: Registration, words: list[str]) -> set[str]:
    """Nothing for 1 January, which stands for "only the year is known"."""
    month, day = registration.birth_month, registration.birth_day
    if month is None or day is None or (month, day) == (1, 1):
        return set()
    return {f"born {words[-1]} {registration.birth_year}-{month}-{day}"}


def _numbers(registration: Registration) -> set[str]:
    """Whichever field they were typed into; 12, 10 and 9 digits cannot be confused."""
    cards = [parse_bhyt(card) for card in registration.bhyt_cards]
    texts = [registration.cccd, registration.cmnd]
    texts += [card.cccd.text for card in cards if card.cccd]
    personal = [parse_cccd(text) for text in texts if text]
    others = [parse_bhxh(registration.bhxh or ""), parse_cmnd(registration.cmnd or "")]
    found = {number.text for number in personal if number.outcome != "malformed"}
    found |= {number.text for number in others if number.outcome != "malformed"}
    return found | {card.bhxh for card in cards if card.bhxh}
