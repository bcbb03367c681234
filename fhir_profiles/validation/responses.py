"""Answers against their questions (https://hl7.org/fhir/R4/questionnaireresponse.html#notes)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from fhir_profiles.json_text import Tree
from fhir_profiles.validation.fhirpath.comparing import compare
from fhir_profiles.validation.fhirpath.nodes import Node
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.primitives import shown
from fhir_profiles.validation.questionnaires import ANSWERS, items_of, value_of
from fhir_profiles.validation.session import Scope, Session, Walker

_SD: Final = "http://hl7.org/fhir/StructureDefinition/"
_LEAST, _MOST = f"{_SD}minValue", f"{_SD}maxValue"
_DONE: Final = frozenset({"completed", "amended"})
_TYPES: Final = {"Date": "date", "DateTime": "dateTime"}


def check_response(walk: Walker, scope: Scope, node: Node, place: Place) -> None:
    tree = node.value
    url = tree.get("questionnaire")
    if not isinstance(url, str):
        return
    found = scope.resolve(url) or scope.resolve(url.partition("|")[0])
    if found is None or found.type != "Questionnaire":
        said = f"the Questionnaire {url} is not at hand, so the answers were not checked against it"
        walk.session.unchecked(f"questionnaire {url}", said, (place, "questionnaire", ""))
        return
    checks = _Response(walk.session, scope, found.value, tree)
    checks.level(found.value, tree, place)


class _Response:
    def __init__(self, session: Session, scope: Scope, form: Tree, response: Tree) -> None:
        self.session, self.scope, self.form = session, scope, form
        self.done = response.get("status") in _DONE
        self.known = {one.get("linkId"): one for one, _ in items_of(form, (None, "", ""))}
        self.answers = _answers(response)

    def add(self, code: str, said: str, place: Place) -> None:
        self.session.add("error", code, said, place)

    def level(self, asked: Tree, answered: Tree, place: Place) -> None:
        """The items of one level: known ones, in order, those that are required, none too often."""
        questions = [one for one in _dicts(asked.get("item")) if isinstance(one.get("linkId"), str)]
        order = {one["linkId"]: index for index, one in enumerate(questions)}
        given: dict[str, list[tuple[Tree, Place]]] = {}
        last = -1
        for index, item in enumerate(_dicts(answered.get("item"))):
            where: Place = ((place, "item", "item"), index, "")
            link = item.get("linkId")
            if not isinstance(link, str):
                continue
            if link not in order:
                where_else = "stands at another place" if link in self.known else "does not exist"
                said = f"the item {shown(link)} {where_else} in the Questionnaire; use its linkIds"
                self.add("structure", said, (where, "linkId", "linkId"))
                continue
            if order[link] < last:
                said = f"the item {shown(link)} comes before others in the Questionnaire; move it"
                self.add("structure", said, where)
            last = max(last, order[link])
            given.setdefault(link, []).append((item, where))
        for question in questions:
            self.question(question, given.get(question["linkId"], []), place)

    def question(self, question: Tree, given: list[tuple[Tree, Place]], place: Place) -> None:
        link, type_ = question["linkId"], question.get("type")
        enabled = self.enabled(question)
        if not given:
            if enabled and self.done and question.get("required") is True:
                said = f"the item {shown(link)} is required and has no answer; add it"
                self.add("required", said, (place, "item", "item"))
            return
        if enabled is False:
            said = f"the item {shown(link)} is not enabled by the other answers; leave it out"
            self.add("invalid", said, given[0][1])
            return
        if type_ != "group" and len(given) > 1:
            said = f"the item {shown(link)} stands twice; put all answers into one"
            self.add("structure", said, given[1][1])
        if type_ == "group" and len(given) > 1 and question.get("repeats") is not True:
            said = f"the group {shown(link)} does not repeat; send it once"
            self.add("structure", said, given[1][1])
        for item, where in given:
            self.item(question, item, where)

    def item(self, question: Tree, item: Tree, place: Place) -> None:
        type_ = question.get("type")
        answers = _dicts(item.get("answer"))
        if type_ in ("group", "display"):
            if answers:
                said = f"an item of type {type_} has no answer; remove it"
                self.add("structure", said, (place, "answer", "answer"))
            self.level(question, item, place)
            return
        if question.get("required") is True and self.done and not answers:
            said = f"the item {shown(question['linkId'])} is required and has no answer; add it"
            self.add("required", said, place)
        if len(answers) > 1 and question.get("repeats") is not True:
            said = "the item does not repeat, so it has one answer; remove the others"
            self.add("structure", said, ((place, "answer", "answer"), 1, ""))
        if "item" in item:
            said = "items below a question stand inside of its answer; move them there"
            self.add("structure", said, (place, "item", "item"))
        for index, answer in enumerate(answers):
            where: Place = ((place, "answer", "answer"), index, "")
            self.answer(question, answer, where)
            self.level(question, answer, where)

    def answer(self, question: Tree, answer: Tree, place: Place) -> None:
        given = value_of(answer, "value")
        if given is None:
            return
        kind, value = given
        where: Place = (place, f"value{kind}", "value")
        type_ = str(question.get("type"))
        fitting = ANSWERS.get(type_, ())
        if kind not in fitting:
            said = f"the answer is a {kind}, the item asks for a {type_}"
            self.add("value", f"{said}; expected {' or '.join(fitting)}", where)
            return
        most = question.get("maxLength")
        if isinstance(most, int) and isinstance(value, str) and len(value) > most:
            said = f"the answer has {len(value)} characters, {most} are allowed; shorten it"
            self.add("too-long", said, where)
        self.limits(question, kind, value, where)
        self.options(question, kind, value, where)

    def limits(self, question: Tree, kind: str, value: Any, place: Place) -> None:
        for url, wrong, words in ((_LEAST, -1, "at least"), (_MOST, 1, "at most")):
            for extension in _dicts(question.get("extension")):
                limit = value_of(extension, "value") if extension.get("url") == url else None
                if limit is None:
                    continue
                type_ = _TYPES.get(kind, "")
                order = compare(Node(value, type_), Node(limit[1], type_))
                if order == wrong:
                    said = f"the answer is {words} {shown(limit[1])}, found {shown(value)}"
                    self.add("value", said, place)

    def options(self, question: Tree, kind: str, value: Any, place: Place) -> None:
        """Choices: one of the options, or a code of the value set; open ones may be text too."""
        is_open = question.get("type") == "open-choice"
        if is_open and kind == "String":
            return
        options = _dicts(question.get("answerOption"))
        given = [found for one in options if (found := value_of(one, "value"))]
        chosen = any(k == kind and _chosen(v, value) for k, v in given)
        if given and not chosen and not is_open:
            said = "the answer is none of the options of the item; choose one of them"
            self.add("code-invalid", said, place)
        url = question.get("answerValueSet")
        if isinstance(url, str) and isinstance(value, dict) and kind == "Coding":
            self.in_value_set(url, value, is_open, place)

    def in_value_set(self, url: str, coding: Tree, is_open: bool, place: Place) -> None:
        plain = url.partition("|")[0]
        answer = None if url.startswith("#") else self.session.coded(plain, Node(coding, "Coding"))
        if url.startswith("#"):
            answer = _in_contained(self.form, url[1:], coding)
        if answer is None:
            said = f"codes of {url} are not checked: the value set cannot be listed here"
            self.session.unchecked(url, said, place)
        elif answer is False and not is_open:
            self.add("code-invalid", f"the answer is no code of {url}; choose one of it", place)

    # ---- enableWhen ----------------------------------------------------------------------------

    def enabled(self, question: Tree) -> bool | None:
        """None: that cannot be told (an operator on values that do not compare)."""
        conditions = _dicts(question.get("enableWhen"))
        if not conditions:
            return True
        met = [self.met(one) for one in conditions]
        if question.get("enableBehavior") == "any":
            return True if True in met else None if None in met else False
        return False if False in met else None if None in met else True

    def met(self, when: Tree) -> bool | None:
        answers = self.answers.get(str(when.get("question")), [])
        operator, wanted = when.get("operator"), value_of(when, "answer")
        if wanted is None:
            return None
        if operator == "exists":
            return bool(answers) is (wanted[1] is True)
        if operator == "!=":
            return not any(_chosen(wanted[1], value) for _, value in answers)
        if operator == "=":
            return any(_chosen(wanted[1], value) for _, value in answers)
        orders = [
            compare(Node(value, _TYPES.get(kind, "")), Node(wanted[1], _TYPES.get(kind, "")))
            for kind, value in answers
        ]
        if None in orders:
            return None
        fits = {
            ">": lambda o: o > 0,
            "<": lambda o: o < 0,
            ">=": lambda o: o >= 0,
            "<=": lambda o: o <= 0,
        }.get(str(operator))
        return any(fits(order) for order in orders) if fits else None


def _dicts(listed: Any) -> list[Tree]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _answers(tree: Tree) -> dict[str, list[tuple[str, Any]]]:
    """Every answer of a response by linkId, wherever its item stands."""
    found: dict[str, list[tuple[str, Any]]] = {}
    waiting = _dicts(tree.get("item"))
    while waiting:
        item = waiting.pop()
        waiting += _dicts(item.get("item"))
        for answer in _dicts(item.get("answer")):
            waiting += _dicts(answer.get("item"))
            if (given := value_of(answer, "value")) is not None:
                found.setdefault(str(item.get("linkId")), []).append(given)
    return found


def _chosen(wanted: Any, value: Any) -> bool:
    """Codings are one if system and code are; a Quantity if value and unit are."""
    if isinstance(wanted, dict) and isinstance(value, dict):
        names = ("system", "code", "value", "reference")
        return all(wanted.get(name) == value.get(name) for name in names)
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    if isinstance(wanted, (int, Decimal)) and isinstance(value, (int, Decimal)):
        return wanted == value
    return bool(wanted == value)


def _in_contained(form: Tree, id_: str, coding: Tree) -> bool | None:
    """A value set that the Questionnaire contains, if it lists its codes."""
    for one in _dicts(form.get("contained")):
        if one.get("id") != id_ or one.get("resourceType") != "ValueSet":
            continue
        compose = one.get("compose")
        includes = _dicts(compose.get("include")) if isinstance(compose, dict) else []
        if not includes or any("concept" not in part for part in includes):
            return None
        return any(
            part.get("system") == coding.get("system")
            and any(c.get("code") == coding.get("code") for c in _dicts(part["concept"]))
            for part in includes
        )
    return None
