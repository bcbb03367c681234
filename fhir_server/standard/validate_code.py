"""$validate-code: is a code in a value set, or in a code system?

https://hl7.org/fhir/R4/valueset-operation-validate-code.html,
https://hl7.org/fhir/R4/codesystem-operation-validate-code.html. The answer is always Parameters:
`result`, a `message` that says what is wrong, and the `display` that is right.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.terminology.catalogue import Terminology
from fhir_profiles.terminology.code_system import CodeSystem, Concept
from fhir_profiles.terminology.folding import folded
from fhir_profiles.terminology.membership import System, contains, one_system
from fhir_profiles.terminology.reading import TermError
from fhir_profiles.terminology.value_set import ValueSet
from fhir_server.answers import Answer
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.standard.inputs import (
    Inputs,
    coding,
    codings,
    error,
    output,
    parameters,
    stored,
)
from fhir_server.standard.named import named_value_set
from fhir_server.stored_terms import stored_and_shipped

OF_VALUE_SET: Final = "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code"
OF_CODE_SYSTEM: Final = "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code"

_CODED: Final = "code display coding codeableConcept abstract displayLanguage".split()
_VALUE_SET: Final = frozenset("url valueSet valueSetVersion system systemVersion".split() + _CODED)
_CODE_SYSTEM: Final = frozenset(["url", "codeSystem", "version", *_CODED])
_NEVER: Final = {
    "context": "name the value set by its url",
    "date": "only what is known now is looked at",
}


def validate_code() -> list[Operation]:
    """On both types, and on their instances."""
    levels: tuple[Level, ...] = ("type", "instance")
    methods = ("GET", "HEAD", "POST")
    places = (
        ("ValueSet", _in_value_set, OF_VALUE_SET),
        ("CodeSystem", _in_code_system, OF_CODE_SYSTEM),
    )
    return [
        Operation("$validate-code", type_, level, _answers(work), definition, methods=methods)
        for type_, work, definition in places
        for level in levels
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    system: str | None
    code: str
    display: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`result` None: it cannot be told here."""

    result: bool | None
    message: str = ""
    display: str | None = None


Judge = Callable[[Asked], Verdict]


def _answers(
    work: Callable[[OperationCall], Answer],
) -> Callable[[OperationCall], Awaitable[Answer]]:
    async def answer(call: OperationCall) -> Answer:
        return await call.in_pool(work, call)

    return answer


# ---- value sets ----------------------------------------------------------------------------------


def _in_value_set(call: OperationCall) -> Answer:
    inputs = Inputs(call, _VALUE_SET, _NEVER)
    terms = stored_and_shipped(call.store, call.zone)
    abstract, language = inputs.flag("abstract"), inputs.text("displayLanguage")
    try:
        value_set = named_value_set(call, inputs, terms)
        asked = _asked(inputs, "system", "systemVersion")
    except TermError as trouble:
        raise error(trouble) from None

    def judge(one: Asked) -> Verdict:
        name = value_set.canonical or "this value set"
        told = contains(value_set, one.system, one.code, terms, abstract=abstract)
        url, version = one_system(one.system, value_set)
        system = terms.system(url, one.version or version) if url else None
        if told is None:
            return Verdict(None, _cannot_tell(one, name, value_set, terms))
        if not told:
            return Verdict(False, _not_there(one, name, system))
        if one.version and system is None and url and terms.known(url):
            return Verdict(False, f"{url} has no version {one.version[:80]!r} here")
        return _named(one, value_set, system, language)

    return _judged(asked, judge)


def _cannot_tell(one: Asked, name: str, value_set: ValueSet, terms: Terminology) -> str:
    """What is missing for an answer."""
    said = f"it cannot be told here whether {_shown(one)} is in {name}"
    named = dict.fromkeys(
        part.system
        for part in (*value_set.include, *value_set.exclude)
        if part.system is not None and one.system in (None, part.system)
    )
    lacking = [system for system in named if not terms.known(system)]
    if lacking:
        said += f": the codes of {', '.join(lacking[:5])} are not here"
    return said


def _not_there(one: Asked, name: str, system: System | None) -> str:
    said = f"{_shown(one)} is not in {name}"
    found = None if system is None else system.find(one.code)
    if system is not None and found is None and system.has(one.code) is False:
        said += f"; {system.url} has no such code"
    elif found is not None and found.abstract:
        said += "; it is a heading, not a code to choose (abstract=true allows those)"
    return said


def _named(one: Asked, value_set: ValueSet, system: System | None, language: str | None) -> Verdict:
    """The code is right; so has to be what it is called, if somebody called it something."""
    concept = None if system is None else system.find(one.code)
    listed = [
        part.concepts[one.code]
        for part in value_set.include
        if part.concepts and one.code in part.concepts and one.system in (None, part.system)
    ]
    own = [text for tree in listed if isinstance(text := tree.get("display"), str)]
    for tree in listed:
        own += Concept(one.code, None, tree).names()
    return _called(one, concept, own, language)


def _called(
    one: Asked, concept: Concept | None, own: Iterable[str], language: str | None
) -> Verdict:
    names = [*own, *(concept.names() if concept is not None else ())]
    right = concept.named(language) if concept is not None else None
    right = right or next(iter(names), None)
    if one.display is not None and names and _plain(one.display) not in map(_plain, names):
        said = f"{one.display[:200]!r} is not what {_shown(one)} is called; it is called {right!r}"
        return Verdict(False, said, right)
    return Verdict(True, "", right)


def _plain(text: str) -> str:
    return " ".join(folded(text).split())


def _shown(one: Asked) -> str:
    return (
        f"{one.system[:200] if one.system else ''}|{one.code[:200]}"
        if one.system
        else (f"the code {one.code[:200]!r}")
    )


# ---- code systems --------------------------------------------------------------------------------


def _in_code_system(call: OperationCall) -> Answer:
    inputs = Inputs(call, _CODE_SYSTEM, _NEVER)
    terms = stored_and_shipped(call.store, call.zone)
    language = inputs.text("displayLanguage")
    given = _code_system(call, inputs)
    asked = _asked(inputs, "url", "version")
    if given is None and not any(one.system for one in asked):
        raise FhirError(Kind.MISSING_PARAMETER, "say which code system: by url", expression="url")

    def judge(one: Asked) -> Verdict:
        if given is not None and one.system not in (None, given.url):
            return Verdict(False, f"the code is of {one.system}, not of {given.url}")
        system = given or terms.system(one.system or "", one.version)
        if system is None:
            version = f" in version {one.version[:80]}" if one.version else ""
            return Verdict(None, f"the code system {one.system} is not known here{version}")
        concept = system.find(one.code)
        if concept is None:
            told = system.has(one.code)
            said = f"{system.url} has no code {one.code[:200]!r}"
            if told is None:
                said = f"it cannot be told here whether {said.replace('no code', 'the code')}"
            return Verdict(told, said)
        return _called(one, concept, (), language)

    return _judged(asked, judge)


def _code_system(call: OperationCall, inputs: Inputs) -> CodeSystem | None:
    sent = inputs.resource("codeSystem", "CodeSystem")
    if call.id:
        if inputs.text("url") or sent is not None:
            raise FhirError(Kind.BAD_PARAMETER, "one code system at a time: it stands in the path")
        return CodeSystem(stored(call))
    return None if sent is None else CodeSystem(sent)


# ---- both ----------------------------------------------------------------------------------------


def _asked(inputs: Inputs, system: str, version: str) -> list[Asked]:
    """What is to be judged. FhirError 400: nothing, or it is said in several ways at once."""
    code, one = inputs.text("code"), inputs.tree("coding")
    several = inputs.tree("codeableConcept")
    if sum(given is not None for given in (code, one, several)) != 1:
        raise FhirError(
            Kind.MISSING_PARAMETER if code is one is several is None else Kind.BAD_PARAMETER,
            "one of code, coding and codeableConcept says what to validate",
            expression="code",
        )
    wanted, its_version = inputs.text(system), inputs.text(version)
    if code is not None:
        return [Asked(wanted, code, inputs.text("display"), its_version)]
    trees = [one] if one is not None else codings(several or {}, "codeableConcept")
    name = "coding" if one is not None else "codeableConcept.coding"
    found = []
    for tree in trees:
        its, its_code, display, told = coding(tree, name)
        if wanted is not None and its not in (None, wanted):
            raise FhirError(Kind.BAD_PARAMETER, f"{name} has the system {its}, the input {wanted}")
        found.append(Asked(its or wanted, its_code, display, told or its_version))
    return found


def _judged(asked: list[Asked], judge: Judge) -> Answer:
    """The first that is right, or all that is wrong."""
    verdicts = [judge(one) for one in asked]
    best = next((one for one in verdicts if one.result), verdicts[0])
    said = "; ".join(dict.fromkeys(one.message for one in verdicts if one.message))
    return parameters(
        output("result", "valueBoolean", best.result is True),
        output("message", "valueString", "" if best.result else said[:2000]),
        output("display", "valueString", best.display),
    )
