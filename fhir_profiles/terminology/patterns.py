"""Regular expressions in time proportional to the text, whoever wrote them.

The engine of `re` may take longer than the universe for `(a+)+b`, and holds up every other thread
meanwhile; here all ways to match are followed at once. Groups are for grouping only; look-around
and references back to groups are refused. A pattern matches a whole text, as in XML Schema
(https://hl7.org/fhir/R4/valueset-filter-operator.html, https://www.w3.org/TR/xmlschema-2/#regexs).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from fhir_profiles.terminology.reading import TermError

MAX_PATTERN: Final = 1000
MAX_STATES: Final = 2000

Letter = Callable[[str], bool]


class Pattern:
    """A compiled pattern. TermError: it is no pattern, or one that is not supported."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN:
            raise TermError("too-costly", f"a regex has more than {MAX_PATTERN} characters")
        self._letters: list[Letter | None] = []  # of a state: the letter that leads on from it
        self._next: list[list[int]] = []
        try:
            parsed = re._parser.parse(pattern)  # type: ignore[attr-defined]  # its tree only
        except (re.error, OverflowError, RecursionError, Warning) as err:
            raise TermError(
                "invalid", f"the regex {pattern[:80]!r} cannot be read: {err}"
            ) from None
        if parsed.state.flags != re.UNICODE:
            raise TermError("invalid", "a regex has flags, which are not supported in a filter")
        self._end = self._state()
        try:
            self._start = self._sequence(list(parsed), self._end)
        except RecursionError:
            raise TermError("too-costly", "a regex is nested too deeply") from None

    def matches(self, text: str, spend: Callable[[int], None] = lambda steps: None) -> bool:
        """Whether the whole text is of the pattern. `spend` hears of the steps that it takes."""
        now = self._closed([self._start])
        for letter in text:
            spend(len(now))
            led = [
                self._next[state][0]
                for state in now
                if (wanted := self._letters[state]) is not None and wanted(letter)
            ]
            if not led:
                return False
            now = self._closed(led)
        return self._end in now

    def _closed(self, states: Iterable[int]) -> set[int]:
        """The states with all that are reached from them without a letter."""
        found, waiting = set(), list(states)
        while waiting:
            state = waiting.pop()
            if state not in found:
                found.add(state)
                if self._letters[state] is None:
                    waiting += self._next[state]
        return found

    # ---- compiling: each part is made with the state that comes after it -------------------------

    def _state(self, letter: Letter | None = None, *after: int) -> int:
        if len(self._next) >= MAX_STATES:
            raise TermError("too-costly", f"a regex has more than {MAX_STATES} states")
        self._letters.append(letter)
        self._next.append(list(after))
        return len(self._next) - 1

    def _sequence(self, items: list[Any], after: int) -> int:
        for op, argument in reversed(items):
            after = self._item(str(op), argument, after)
        return after

    def _item(self, op: str, argument: Any, after: int) -> int:
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self._state(_letter(op, argument), after)
        if op == "SUBPATTERN" and not argument[1] and not argument[2]:
            return self._sequence(list(argument[-1]), after)
        if op == "BRANCH":
            ways = [self._sequence(list(one), after) for one in argument[1]]
            return self._state(None, *ways)
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            return self._repeat(argument, after)
        if op == "AT" and str(argument) in ("AT_BEGINNING", "AT_END"):
            return after  # the whole text is matched anyway
        raise TermError("invalid", f"a regex uses {op.lower()}, which is not supported in a filter")

    def _repeat(self, argument: Any, after: int) -> int:
        least, most, body = argument[0], argument[1], list(argument[2])
        if most is re._constants.MAXREPEAT:  # type: ignore[attr-defined]
            loop = self._state(None, after)
            self._next[loop].append(self._sequence(body, loop))
            after = loop
        else:
            for _ in range(int(most) - least):
                after = self._state(None, after, self._sequence(body, after))
        for _ in range(least):
            after = self._sequence(body, after)
        return after


def _letter(op: str, argument: Any) -> Letter:
    if op == "ANY":
        return lambda letter: letter not in "\n\r"
    if op == "IN":
        inside = [(str(one), what) for one, what in argument]
        negated = inside[0][0] == "NEGATE"
        tests = [_member(*one) for one in inside[1 if negated else 0 :]]
        return lambda letter: any(one(letter) for one in tests) is not negated
    wanted = chr(argument)
    if op == "LITERAL":
        return lambda letter: letter == wanted
    return lambda letter: letter != wanted


_CATEGORIES: Final = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": lambda letter: letter.isalnum() or letter == "_",
}


def _member(op: str, what: Any) -> Letter:
    if op == "RANGE":
        low, high = chr(what[0]), chr(what[1])
        return lambda letter: low <= letter <= high
    if op == "CATEGORY":
        name = str(what).removeprefix("CATEGORY_")
        test = _CATEGORIES[name.removeprefix("NOT_")]
        wanted = not name.startswith("NOT_")
        return lambda letter: bool(test(letter)) is wanted
    return _letter(op, what)
