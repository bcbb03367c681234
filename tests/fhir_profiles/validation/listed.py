"""Codes that the tests know, so that each row says what is in a value set and what is not."""

VS = "http://hl7.org/fhir/ValueSet"
TERM = "http://terminology.hl7.org/CodeSystem"
ACT = f"{TERM}/v3-ActCode"
UCUM = "http://unitsofmeasure.org"

SETS: dict[str, set[tuple[str, str]]] = {
    "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode": {(ACT, "AMB"), (ACT, "IMP")},
    f"{VS}/observation-interpretation": {(f"{TERM}/v3-ObservationInterpretation", "H")},
    f"{VS}/ucum-vitals-common": {(UCUM, "kg"), (UCUM, "mm[Hg]")},
    f"{VS}/ucum-bodyweight": {(UCUM, "kg"), (UCUM, "g")},
    f"{VS}/age-units": {(UCUM, "a"), (UCUM, "mo")},
    f"{VS}/all-time-units": {(UCUM, "a"), (UCUM, "mo"), (UCUM, "min"), (UCUM, "d")},
    f"{VS}/currencies": {("urn:iso:std:iso:4217", "VND")},
}


class Two:
    """A code system of two codes."""

    def has(self, code: str) -> bool:
        return code in ("one", "two")


class Listed:
    """The terminology contract over `SETS`; all other value sets cannot be decided."""

    def system(self, url: str) -> Two | None:
        return Two() if url == "http://hl7.org/fhir/CodeSystem/two" else None

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        codes = SETS.get(value_set)
        if codes is None:
            return None
        if system is None:
            return code in {one for _, one in codes}
        return (system, code) in codes


LISTED = Listed()
