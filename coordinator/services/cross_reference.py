"""Patient/$ihe-pix: the other record numbers of a person (IHE PIXm ITI-83).

https://profiles.ihe.net/ITI/PIXm. Answers, by its table of errors:

    source domain unknown                      400 code-invalid
    source domain known, number unknown        404 not-found
    number replaced by its hospital            404 not-found (our policy; 200 and empty is allowed)
    target domain unknown                      403 code-invalid
    else                                       200 Parameters, without the number asked for
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from coordinator.services.directory import Directory
from coordinator.services.facts_from_fhir import identifiers
from coordinator.services.person_index import PersonIndex
from fhir_profiles import systems
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Issue, Kind
from fhir_server.answers import Answer
from fhir_server.operations import Operation, OperationCall

DEFINITION: Final = "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix"
NATIONAL: Final = (systems.CCCD, systems.CMND, systems.BHYT, systems.BHXH)


class CrossReference:
    def __init__(self, persons: PersonIndex, directory: Directory) -> None:
        self._persons, self._directory = persons, directory

    def operation(self) -> Operation:
        return Operation(
            name="$ihe-pix",
            on="Patient",
            level="type",
            handler=self.pix,
            definition=DEFINITION,
            methods=("GET", "POST"),
        )

    async def pix(self, call: OperationCall) -> Answer:
        system, value = _source(call)
        targets = [_today(_text(target)) for target in call.parameters("targetSystem")]
        return Answer(tree=await call.in_pool(self.parameters, system, value, targets, call.base))

    def parameters(self, system: str, value: str, targets: list[str], base: str) -> Tree:
        """The Parameters of the answer. FhirError: the table above."""
        known = self._domains()
        if system not in known:
            raise _invalid(Kind.INVALID_REQUEST, f"nobody assigns numbers of {system} here")
        for target in targets:
            if target not in known:
                raise _invalid(Kind.FORBIDDEN, f"nobody assigns numbers of {target} here")
        found = self._persons.find_all(system, value)
        if not found:
            raise FhirError(Kind.NOT_FOUND, "nobody is registered with this number")
        used = [tree for tree in found if tree.get("active", True) is not False]
        if not used:
            raise FhirError(
                Kind.NOT_FOUND, "this number is no longer used; its hospital replaced it"
            )
        people = {str(tree["id"]): tree for tree in used}
        sources = set(people)
        for tree in used:
            for candidate in self._persons.linked(tree, str(tree["id"])):
                people.setdefault(str(candidate.patient["id"]), candidate.patient)
        numbers = _numbers(people.values(), (system, value), targets)
        ids = [i for i in people if i not in sources and _told(people[i], targets)]
        return {
            "resourceType": "Parameters",
            "parameter": [
                *({"name": "targetIdentifier", "valueIdentifier": number} for number in numbers),
                *(
                    {"name": "targetId", "valueReference": {"reference": f"{base}/Patient/{i}"}}
                    for i in ids
                ),
            ],
        }

    def _domains(self) -> set[str]:
        groups = {entry.group for entry in self._directory.entries()}
        return {*NATIONAL, *self._persons.domains(), *map(systems.mrn, groups)}


def _source(call: OperationCall) -> tuple[str, str]:
    given = call.parameters("sourceIdentifier")
    if len(given) != 1:
        problem = f"sourceIdentifier (system|value) is given {len(given)} times, not once"
        raise FhirError(Kind.MISSING_PARAMETER, problem, expression="sourceIdentifier")
    if isinstance(given[0], dict):
        given = [f"{given[0].get('system', '')}|{given[0].get('value', '')}"]
    system, _, value = str(given[0]).partition("|")
    if not system or not value:
        problem = "sourceIdentifier is system|value; one of the two is missing"
        raise FhirError(Kind.BAD_PARAMETER, problem, expression="sourceIdentifier")
    return _today(system), value.strip()


def _today(system: str) -> str:
    return systems.ALIASES.get(system, system)


def _text(given: object) -> str:
    """targetSystem may come as `uri` or, as old clients do, as `uri|`."""
    return str(given).rstrip("|")


def _invalid(kind: Kind, problem: str) -> FhirError:
    return FhirError(kind, problem, issues=[Issue("error", "code-invalid", problem)])


def _numbers(people: Iterable[Tree], source: tuple[str, str], targets: list[str]) -> list[Tree]:
    found: dict[tuple[str, str], Tree] = {}
    for tree in people:
        for system, value in identifiers(tree):
            wanted = not targets or system in targets
            if wanted and (system, value) != source:
                found[system, value] = {"system": system, "value": value}
    return list(found.values())


def _told(tree: Tree, targets: list[str]) -> bool:
    return not targets or any(system in targets for system, _ in identifiers(tree))
