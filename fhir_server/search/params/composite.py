"""Composite parameters (https://hl7.org/fhir/R4/search.html#combining): values of one element.

``code-value-quantity=http://loinc.org|2345-7$gt7|http://unitsofmeasure.org|mmol/L``. A row holds
one value of each component, all of the same element: that is what makes
`component-code-value-quantity` more than two parameters. Components take the columns of the row in
their order: what is a word the first pair that is free, what is a number likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice, product
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fhir_profiles.definitions.tables import Component, SearchParameter
from fhir_server.search.params import date, number, quantity, reference, string, token, uri
from fhir_server.search.params.query_text import BadValue, Reading, split
from fhir_server.search.params.unions import any_row, made_of
from fhir_server.search.request import COLUMNS, Alternative, Cell, Check, Condition
from fhir_server.search.walkers import Walk, compiled, reach, within

MODIFIERS: Final[tuple[str, ...]] = ()
INDEX: Final[Mapping[str, Any]] = MappingProxyType({})  # rows are made of those of the components
MAX_ROWS: Final = 10_000  # of one parameter in one element; what is beyond is not found
ROOT: Final = "%resource."

_TYPES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "token": token,
        "quantity": quantity,
        "number": number,
        "date": date,
        "string": string,
        "reference": reference,
        "uri": uri,
    }
)
# Which columns of its own table a component puts into a pair of words, a pair of numbers.
_WORDS: Final = {
    "token": ("code", "system"),
    "quantity": ("code", "system"),
    "reference": ("target", "type"),
    "string": ("value",),
    "uri": ("value",),
}
_NUMBERS: Final = frozenset({"quantity", "number", "date"})
_WORD_PAIRS: Final = (("code", "system"), ("code2", "system2"))
_NUMBER_PAIRS: Final = (("high", "low"), ("high2", "low2"))
_CANONICAL: Final = {"canonical": "canonical", "canonical_high": "high2", "canonical_low": "low2"}
# R4 gives these two components each other's expression.
_SWAPPED: Final = "http://hl7.org/fhir/SearchParameter/DocumentReference-relationship"
_EMPTY: Final[tuple[Cell, ...]] = tuple(
    0.0 if column.startswith(("high", "low")) else "" for column in COLUMNS["composite"]
)


@cache
def layout(types: tuple[str, ...]) -> tuple[Mapping[str, str], ...]:
    """For each component, of its columns those of the row. ValueError: there is no room."""
    words, numbers, found = list(_WORD_PAIRS), list(_NUMBER_PAIRS), []
    for type_ in types:
        columns: dict[str, str] = {}
        if (type_ in _WORDS and not words) or (type_ in _NUMBERS and not numbers):
            raise ValueError(f"a row has no room for {', '.join(types)} together")
        if type_ in _WORDS:
            columns |= dict(zip(_WORDS[type_], words.pop(0), strict=False))
        if type_ in _NUMBERS:
            columns |= dict(zip(("high", "low"), numbers.pop(0), strict=True))
        if type_ == "quantity":
            if not numbers:
                raise ValueError(f"a row has no room for {', '.join(types)} together")
            numbers.clear()
            columns |= {"unit": "unit"} | _CANONICAL
        if not columns:
            raise ValueError(f"a component of type {type_} has no columns")
        found.append(MappingProxyType(columns))
    return tuple(found)


# ---- index side ---------------------------------------------------------------------------------


Places = tuple[tuple[int, int], ...]
Made = dict[tuple[Any, int], Any]
"""Rows that an index side has made of a value already, by both."""


class Part(NamedTuple):
    """How values of a component are reached: from the element, or from the whole resource."""

    walk: Walk
    rooted: bool
    rows: Any  # of the component's type
    places: Places  # from cell n of its table to cell m of the row

    def cells(
        self, node: Any, tree: Any, zone: Any, made: Made, table: str
    ) -> Iterator[tuple[Cell, ...]]:
        for value in reach(tree if self.rooted else node, self.walk.steps):
            rows = made.get((self.rows, id(value)))
            if rows is None:
                rows = made[self.rows, id(value)] = self.rows(value, zone)
            for key, cells in rows:
                if key == table:
                    yield cells


class Combination(NamedTuple):
    """The parts of each component, with the name of its table; the last component first.

    A value is missing more often than a code. `first` are the members of the element that the last
    component can stand in, none if it does not stand in the element.
    """

    components: tuple[tuple[str, tuple[Part, ...]], ...]
    first: frozenset[str]

    def rows(self, node: Any, tree: Any, zone: Any, made: Made) -> Iterator[tuple[Cell, ...]]:
        values: list[list[tuple[Places, tuple[Cell, ...]]]] = []
        for table, parts in self.components:
            found = [
                (part.places, cells)
                for part in parts
                if part.rooted or part.walk.steps[0].name in node
                for cells in part.cells(node, tree, zone, made, table)
            ]
            if not found:
                return
            values.append(found)
        for chosen in product(*values):
            row = list(_EMPTY)
            for places, cells in chosen:
                for here, there in places:
                    row[there] = cells[here]
            yield tuple(row)


class Combined(NamedTuple):
    """What is combined within the same elements, and the parameters that each is for."""

    elements: Walk
    each: tuple[tuple[Combination, tuple[str, ...]], ...]

    def rows(
        self, tree: Mapping[str, Any], zone: Any, made: Made
    ) -> Iterator[tuple[tuple[str, ...], tuple[Cell, ...]]]:
        steps = self.elements.steps
        if steps and steps[0].name not in tree:
            return
        for node in reach(tree, steps) if steps else (tree,):
            if not isinstance(node, dict):
                continue
            for combination, names in self.each:
                if combination.first and combination.first.isdisjoint(node):
                    continue
                for cells in islice(combination.rows(node, tree, zone, made), MAX_ROWS):
                    yield names, cells


Rows = Callable[[str, Walk], Any]
"""The index side for a type of parameter and a walk; None where there is nothing to compare."""


def combined(parameters: Mapping[str, SearchParameter], rows: Rows) -> tuple[Combined, ...]:
    """Of composite parameters by full name. ValueError: components do not fit or lead nowhere."""
    found: dict[Walk, dict[Combination, list[str]]] = {}
    for name, parameter in parameters.items():
        for elements, combination in _combinations(parameter, rows):
            found.setdefault(elements, {}).setdefault(combination, []).append(name)
    return tuple(
        Combined(elements, tuple((one, tuple(names)) for one, names in each.items()))
        for elements, each in found.items()
    )


def _combinations(parameter: SearchParameter, rows: Rows) -> Iterator[tuple[Walk, Combination]]:
    columns = layout(tuple(one.type for one in parameter.components))
    for elements in compiled(parameter.expression):
        components = []
        for component, names in zip(ordered(parameter), columns, strict=True):
            parts = tuple(_parts(component, elements.type, names, rows))
            if not parts:
                raise ValueError(f"{parameter.url}: {component.expression} leads nowhere")
            components.append((component.type, parts))
        last = components[-1][1]
        inside = not any(part.rooted for part in last)
        first = frozenset(part.walk.steps[0].name for part in last) if inside else frozenset()
        yield elements, Combination(tuple(reversed(components)), first)


def _parts(
    component: Component, type_: str, names: Mapping[str, str], rows: Rows
) -> Iterator[Part]:
    table = COLUMNS[component.type]
    places = tuple(
        (here, COLUMNS["composite"].index(names[column]))
        for here, column in enumerate(table)
        if column in names
    )
    rooted = component.expression.startswith(ROOT)
    start = type_.partition(".")[0] if rooted else type_
    for walk in within(start, component.expression.removeprefix(ROOT)):
        index = rows(component.type, walk)
        if index is not None:
            yield Part(walk, rooted, index, places)


def ordered(parameter: SearchParameter) -> tuple[Component, ...]:
    """The components, each with the expression that leads to its type."""
    if parameter.url != _SWAPPED:
        return parameter.components
    first, second = parameter.components
    return (
        replace(first, expression=second.expression),
        replace(second, expression=first.expression),
    )


# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Condition:
    definition = reading.parameter(parameter)
    own = reading.definitions(parameter.partition(".")[0])
    found = [one for value in values for one in _alternatives(value, definition, own, reading)]
    return any_row("composite", made_of(parameter, reading.definitions), tuple(found))


def _alternatives(
    value: str,
    parameter: SearchParameter,
    own: Mapping[str, SearchParameter],
    reading: Reading,
) -> Iterator[Alternative]:
    components, texts = parameter.components, split(value, "$")
    if len(texts) != len(components) or not all(texts):
        form = "$".join(component.code for component in components)
        raise BadValue(f"{value!r} is not {form}: {len(components)} values with $ between them")
    columns = layout(tuple(one.type for one in components))
    choices = []
    for component, text, names in zip(components, texts, columns, strict=True):
        definition = own.get(component.code)
        read = replace(reading, targets=definition.targets if definition else ())
        try:
            found = _TYPES[component.type].alternatives(text, read)
        except BadValue as err:
            raise BadValue(f"{component.code}: {err}") from None
        choices.append([[_moved(check, names) for check in one] for one in found])
    numbers = any(component.type in _NUMBERS for component in components)
    fixed = () if numbers else (Check("high", "=", 0.0),)  # what stands there without a number
    for chosen in product(*choices):
        yield (*(check for one in chosen for check in one), *fixed)


def _moved(check: Check, names: Mapping[str, str]) -> Check:
    return check._replace(column=names[check.column])
