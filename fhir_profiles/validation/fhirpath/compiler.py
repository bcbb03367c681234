"""An expression compiled to one Python function (http://hl7.org/fhirpath/N1/#grammar).

The grammar is that of fhirpathpy. What it reads is evaluated here, because an invariant needs the
types of R4 (`answer is Boolean`), `hasValue()`, values with extensions counted once, `and` and `or`
that stop early, and no shared state between threads; fhirpathpy 2.2.4 has none of these. A test
holds the two together where they must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, Final

from fhir_profiles.validation.fhirpath.comparing import compare, equal
from fhir_profiles.validation.fhirpath.functions import (
    FUNCTIONS,
    FhirPathTrouble,
    Items,
    Run,
    distinct,
    one,
    same,
    truth,
)
from fhir_profiles.validation.fhirpath.grammar import Ast, NotFhirPath, parsed
from fhir_profiles.validation.fhirpath.nodes import Env, Item, Node, child, is_type, raw

Step = Callable[[Env, Items, Items], Items]
"""A step of a path: of the environment, the outer `$this`, and the input."""

_CONSTANTS: Final = {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct"} | {
    "loinc": "http://loinc.org"
}
_ORDER: Final[dict[str, Callable[[int], bool]]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


@cache
def compiled(expression: str) -> Run:
    """FhirPathTrouble: it is no FHIRPath, or uses what is not built here."""
    try:
        return _term(parsed(expression))
    except NotFhirPath as err:
        raise FhirPathTrouble(f"{expression!r} is no FHIRPath ({err})") from None


def holds(expression: str, focus: Item, env: Env) -> bool | None:
    """Is it true of the focus? None: it cannot be told (a reference that is not at hand, dates of
    different precision, units that differ). FhirPathTrouble as above."""
    env.undecided = False
    items = compiled(expression)(env, [focus])
    answer = truth(items)
    if answer is None or answer is False:
        return None if env.undecided else False
    return True


# ---- terms: expressions that begin with `$this` --------------------------------------------------


def _term(node: Ast) -> Run:
    kind, inside = node["type"], node.get("children", [])
    if kind in ("TermExpression", "InvocationTerm", "ParenthesizedTerm", "LiteralTerm"):
        return _term(inside[0]) if inside else _constant(_unquoted(node["text"]))
    if kind in _LITERALS:
        return _constant(_LITERALS[kind](node["terminalNodeText"][0]))
    if kind == "NullLiteral":
        return lambda _env, _this: []
    if kind == "ExternalConstantTerm":
        return _external(node)
    if kind == "InvocationExpression":
        first, step = _term(inside[0]), _step(inside[1])
        if _from_resource(node):
            return _kept(first, step)
        return lambda env, this: step(env, this, first(env, this))
    if kind == "ThisInvocation":
        return lambda _env, this: this
    if kind == "MemberInvocation":
        return _first_member(_name(node))
    if kind == "FunctionInvocation":
        step = _step(node)
        return lambda env, this: step(env, this, this)
    if kind == "IndexerExpression":
        return _indexed(_term(inside[0]), _term(inside[1]))
    if kind == "PolarityExpression":
        return _signed(node["terminalNodeText"][0], _term(inside[0]))
    if kind in _OPERATORS:
        return _operator(node)
    raise FhirPathTrouble(f"{kind} is not evaluated here")


def _from_resource(node: Ast) -> bool:
    """Names and functions without arguments, behind %resource or %rootResource."""
    while node["type"] == "InvocationExpression":
        node, step = node["children"]
        parts = step["children"][0].get("children", ())
        if step["type"] not in ("MemberInvocation", "FunctionInvocation") or len(parts) > 1:
            return False
    while node["type"] in ("TermExpression", "InvocationTerm") and node["children"]:
        node = node["children"][0]
    return node["type"] == "ExternalConstantTerm"


def _kept(first: Run, step: Step) -> Run:
    """Evaluated once for a resource: inside of all() it would be run for every item."""

    def run(env: Env, this: Items) -> Items:
        key = id(run)
        if key not in env.memo:
            env.memo[key] = step(env, this, first(env, this))
        return env.memo[key]

    return run


def _constant(value: Any) -> Run:
    items = [value]
    return lambda _env, _this: items


def _number(text: str) -> int | Decimal:
    return Decimal(text) if "." in text else int(text)


def _unquoted(text: str) -> str:
    inner, found, place = text[1:-1], [], 0
    escapes = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
    while place < len(inner):
        letter = inner[place]
        if letter == "\\" and place + 1 < len(inner):
            place += 1
            letter = inner[place]
            if letter == "u":
                found.append(chr(int(inner[place + 1 : place + 5], 16)))
                place += 5
                continue
            letter = escapes.get(letter, letter)
        found.append(letter)
        place += 1
    return "".join(found)


_LITERALS: Final[dict[str, Callable[[str], Any]]] = {
    "StringLiteral": _unquoted,
    "NumberLiteral": _number,
    "BooleanLiteral": lambda text: text == "true",
    "DateTimeLiteral": lambda text: Node(text[1:].rstrip("T"), "dateTime"),
    "DateLiteral": lambda text: Node(text[1:], "date"),
    "TimeLiteral": lambda text: text[2:],
}


def _external(node: Ast) -> Run:
    name = node["children"][0]["children"][0]["text"].strip("`'\"")
    if name == "resource":
        return lambda env, _this: [env.resource]
    if name == "rootResource":
        return lambda env, _this: [env.root]
    if name == "context":
        return lambda env, _this: env.context
    if name.startswith(("vs-", "ext-")):
        kind, _, rest = name.partition("-")
        folder = "ValueSet" if kind == "vs" else "StructureDefinition"
        return _constant(f"http://hl7.org/fhir/{folder}/{rest}")
    if name not in _CONSTANTS:
        raise FhirPathTrouble(f"there is no constant %{name}")
    return _constant(_CONSTANTS[name])


def _first_member(name: str) -> Run:
    if name[:1].isupper():  # `Appointment.status` on an Appointment
        return lambda _env, this: [item for item in this if is_type(item, name)]
    return lambda _env, this: [found for item in this for found in child(item, name)]


def _indexed(items: Run, index: Run) -> Run:
    def run(env: Env, this: Items) -> Items:
        found, place = items(env, this), one(index(env, this))
        return [found[place]] if isinstance(place, int) and 0 <= place < len(found) else []

    return run


def _signed(sign: str, run: Run) -> Run:
    def negative(env: Env, this: Items) -> Items:
        value = one(run(env, this))
        return [] if value is None else [-value if sign == "-" else value]

    return negative


# ---- steps: what stands after a dot --------------------------------------------------------------


def _step(node: Ast) -> Step:
    kind = node["type"]
    if kind == "MemberInvocation":
        name = _name(node)
        return lambda _env, _this, items: [f for item in items for f in child(item, name)]
    if kind == "ThisInvocation":
        return lambda _env, _this, items: items
    if kind == "FunctionInvocation":
        return _function(node["children"][0]["children"])
    raise FhirPathTrouble(f"{kind} is not evaluated here")


def _name(node: Ast) -> str:
    return str(node["children"][0]["text"]).strip("`")


def _function(parts: list[Ast]) -> Step:
    name = parts[0]["text"].strip("`")
    function = FUNCTIONS.get(name)
    if function is None:
        raise FhirPathTrouble(f"the function {name}() is not evaluated here")
    given = parts[1]["children"] if len(parts) > 1 else []
    if name in ("is", "as", "ofType"):
        args = [_constant(given[0]["text"].replace("`", ""))]
    else:
        args = [_term(one_) for one_ in given]
    return lambda env, this, items: function(env, this, items, args)


# ---- operators -----------------------------------------------------------------------------------

_OPERATORS: Final = frozenset(
    """OrExpression AndExpression XorExpression ImpliesExpression EqualityExpression
    InequalityExpression MembershipExpression UnionExpression TypeExpression AdditiveExpression
    MultiplicativeExpression""".split()
)


def _operator(node: Ast) -> Run:
    kind = node["type"]
    sign = node["terminalNodeText"][0]
    left = _term(node["children"][0])
    if kind == "TypeExpression":
        return _typed(sign, left, node["children"][1]["text"].replace("`", ""))
    right = _term(node["children"][1])
    if kind in ("OrExpression", "AndExpression", "XorExpression", "ImpliesExpression"):
        return _LOGIC[sign](left, right)
    if kind == "EqualityExpression":
        return _equality(sign, left, right)
    if kind == "InequalityExpression":
        return _inequality(_ORDER[sign], left, right)
    if kind == "MembershipExpression":
        return _membership(left, right) if sign == "in" else _membership(right, left)
    if kind == "UnionExpression":
        return lambda env, this: distinct([*left(env, this), *right(env, this)])
    return _arithmetic(sign, left, right)


def _or(left: Run, right: Run) -> Run:
    def run(env: Env, this: Items) -> Items:
        first = truth(left(env, this))
        if first is True:
            return [True]
        second = truth(right(env, this))
        if second is True:
            return [True]
        return [False] if first is False and second is False else []

    return run


def _and(left: Run, right: Run) -> Run:
    def run(env: Env, this: Items) -> Items:
        first = truth(left(env, this))
        if first is False:
            return [False]
        second = truth(right(env, this))
        if second is False:
            return [False]
        return [True] if first and second else []

    return run


def _implies(left: Run, right: Run) -> Run:
    def run(env: Env, this: Items) -> Items:
        first = truth(left(env, this))
        if first is False:
            return [True]
        second = truth(right(env, this))
        if second is True:
            return [True]
        return [False] if first is True and second is False else []

    return run


def _xor(left: Run, right: Run) -> Run:
    def run(env: Env, this: Items) -> Items:
        first, second = truth(left(env, this)), truth(right(env, this))
        return [] if first is None or second is None else [first is not second]

    return run


_LOGIC: Final = {"or": _or, "and": _and, "implies": _implies, "xor": _xor}


def _equality(sign: str, left: Run, right: Run) -> Run:
    def run(env: Env, this: Items) -> Items:
        first, second = left(env, this), right(env, this)
        if sign in ("~", "!~"):
            alike = len(first) == len(second) and all(
                any(_alike(a, b) for b in second) for a in first
            )
            return [alike is (sign == "~")]
        if not first or not second:
            return []
        answer: bool | None = len(first) == len(second)
        for a, b in zip(first, second, strict=False):
            found = equal(a, b)
            if found is None:
                env.undecided = True
                return []
            answer = answer and found
        return [answer is (sign == "=")]

    return run


def _alike(a: Item, b: Item) -> bool:
    first, second = raw(a), raw(b)
    if isinstance(first, str) and isinstance(second, str):
        return " ".join(first.lower().split()) == " ".join(second.lower().split())
    return same(a, b)


def _inequality(fits: Callable[[int], bool], left: Run, right: Run) -> Run:
    def run(env: Env, this: Items) -> Items:
        first, second = left(env, this), right(env, this)
        if not first or not second:
            return []
        if len(first) > 1 or len(second) > 1:
            raise FhirPathTrouble("several values are compared with < or >")
        order = compare(first[0], second[0])
        if order is None:
            env.undecided = True
            return []
        return [fits(order)]

    return run


def _membership(element: Run, collection: Run) -> Run:
    def run(env: Env, this: Items) -> Items:
        wanted = element(env, this)
        if not wanted:
            return []
        if len(wanted) > 1:
            raise FhirPathTrouble("`in` asks for one value, there are several")
        return [any(same(wanted[0], other) for other in collection(env, this))]

    return run


def _typed(sign: str, left: Run, name: str) -> Run:
    if sign == "as":
        return lambda env, this: [item for item in left(env, this) if is_type(item, name)]

    def run(env: Env, this: Items) -> Items:
        items = left(env, this)
        if len(items) > 1:
            raise FhirPathTrouble("`is` asks for one value, there are several")
        return [is_type(items[0], name)] if items else []

    return run


def _arithmetic(sign: str, left: Run, right: Run) -> Run:
    def run(env: Env, this: Items) -> Items:
        first, second = one(left(env, this)), one(right(env, this))
        if sign == "&":
            return [("" if first is None else str(first)) + ("" if second is None else str(second))]
        if first is None or second is None:
            return []
        if isinstance(first, str) and isinstance(second, str) and sign == "+":
            return [first + second]
        numbers = (int, Decimal)
        if not isinstance(first, numbers) or not isinstance(second, numbers):
            raise FhirPathTrouble(f"{sign} asks for two numbers")
        return _calculated(sign, first, second)

    return run


def _calculated(sign: str, a: Any, b: Any) -> Items:
    if sign in ("/", "div", "mod"):
        if b == 0:
            return []
        if sign == "/":
            return [Decimal(a) / Decimal(b)]
        return [int(a // b)] if sign == "div" else [a % b]
    return [a + b if sign == "+" else a - b if sign == "-" else a * b]
