"""Persons and their registrations as Patient (http://hl7.org/fhir/R4/patient.html).

Name, birth date and numbers are pure functions of (seed, person); numbers lie in the generated
range (900-999). A person is registered in each record system in one of four ways, the classes of
scenarios.rule_tables.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final, Literal

from fhir_profiles import systems
from scenarios import draws
from scenarios.charts.times import number
from scenarios.plan import Plan
from scenarios.world.demand import person_traits
from vietnam.identifiers import make_cccd
from vietnam.people_names import PersonName, fold, make_name

Tree = dict[str, Any]
# Years of age at the start of a study, narrow enough that nobody leaves the band while it lasts.
AGES: Final = ((0, 1), (5, 10), (16, 20), (25, 35), (40, 55), (60, 70), (75, 95))
SERIALS: Final = 10**8  # 100 places x 1,000,000 serials
SPREAD: Final = 61_803_399  # prime to 10**8: neighbours get numbers that are far apart


REMEMBER: Final = 256


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a person is, whatever any facility wrote down."""

    name: PersonName
    sex: Literal["male", "female"]
    birth: dt.date
    cccd: str
    bhxh: str
    province: str

    @property
    def card(self) -> str:
        """The old insurance card of 15 characters; its tail is the social insurance number."""
        return f"HT499{self.bhxh}"


_REMEMBERED: dict[tuple[object, ...], Identity] = {}


def identity(plan: Plan, person: int) -> Identity:
    """The person behind an index of the population; the last few are remembered."""
    key = (*plan.key, plan.start, plan.network.name, plan.population, person)
    if key not in _REMEMBERED:
        if len(_REMEMBERED) >= REMEMBER:
            _REMEMBERED.clear()
        _REMEMBERED[key] = _identity(plan, person)
    return _REMEMBERED[key]


def _identity(plan: Plan, person: int) -> Identity:
    commune, age, sex_code, *_ = person_traits(*plan.key, person, plan.demand)
    sex: Literal["male", "female"] = "female" if sex_code else "male"
    birth = _birth(plan, person, int(age))
    place, serial = divmod((person * SPREAD + 7) % SERIALS, 1_000_000)
    home = plan.network.communes[int(commune)]
    return Identity(
        name=_name(plan, person, sex, birth.year),
        sex=sex,
        birth=birth,
        cccd=make_cccd(900 + place, sex, birth.year, serial),
        bhxh=f"99{(person * SPREAD + 11) % SERIALS:08d}",
        province=home.province_after,
    )


def _birth(plan: Plan, person: int, age: int) -> dt.date:
    low, high = AGES[age]
    u = float(draws.uniform(*plan.key, draws.BIRTH, person, 0))
    born = plan.start - dt.timedelta(days=round(365.25 * (low + (high - low) * u)) + 30)
    # 1 January stands for "only the year is known"; nobody is born on it here
    return born + dt.timedelta(days=1) if (born.month, born.day) == (1, 1) else born


def _name(plan: Plan, person: int, sex: Literal["male", "female"], year: int) -> PersonName:
    """A name with at least one accent, so that writing it without accents changes it."""
    purposes = (draws.NAME_FAMILY, draws.NAME_MIDDLE, draws.NAME_GIVEN)
    for attempt in range(64):
        u = [float(draws.uniform(*plan.key, purpose, person, attempt)) for purpose in purposes]
        name = make_name(sex, year, *u)
        if fold(name.full) != name.full.casefold():
            return name
    raise AssertionError("64 names in a row without an accent")


def mistyped(cccd: str) -> str:
    """The number with one slip: its last two digits swapped, or the last one raised."""
    if cccd[-1] != cccd[-2]:
        return cccd[:-2] + cccd[-1] + cccd[-2]
    return cccd[:-1] + str((int(cccd[-1]) + 1) % 10)


def record_number(plan: Plan, person: int, group: int) -> str:
    """The record number of a person in one record system."""
    return number(plan.key, "mrn", person, group)


def patient_id(plan: Plan, person: int, group: int) -> str:
    return f"p-{record_number(plan, person, group)}"


def patient(plan: Plan, person: int, group: int, registered: str) -> Tree:
    """The registration of a person at a record system, as class `registered` writes it."""
    who, code = identity(plan, person), plan.network.facilities[group].code
    numbers: list[Tree] = []
    birth, name = who.birth.isoformat(), who.name
    if registered == "clean":
        numbers = [official_number("CCCD", systems.CCCD, who.cccd)]
        numbers.append(insurance_number(systems.BHXH, who.bhxh))
    elif registered == "typo":
        numbers = [official_number("CCCD", systems.CCCD, mistyped(who.cccd))]
    elif registered == "old_card":
        numbers = [insurance_number(systems.BHYT, who.card)]
    else:
        birth, name = birth[:4], _unaccented(name)
    mrn = record_number(plan, person, group)
    return registration(code, mrn, numbers, name, who.sex, birth, who.province)


def registration(
    code: str, mrn: str, numbers: list[Tree], name: PersonName, sex: str, birth: str, province: str
) -> Tree:
    """What one record system has about who a person is; `birth` may be the year alone."""
    own = {
        "use": "usual",
        "type": {"coding": [{"system": systems.IDENTIFIER_TYPE, "code": "MR"}]},
        "system": systems.mrn(code),
        "value": mrn,
    }
    return {
        "resourceType": "Patient",
        "id": f"p-{mrn}",
        "meta": {"profile": [systems.definition("patient"), systems.vn_core("vn-core-patient")]},
        "identifier": [own, *numbers],
        "active": True,
        "name": [human_name(name)],
        "gender": sex,
        "birthDate": birth,
        "address": [address(province)],
        "managingOrganization": organization(code),
    }


def human_name(name: PersonName) -> Tree:
    """HumanName in Vietnamese order; middle and given names are `given` (VN Core)."""
    given = [part for part in (name.middle, name.given) if part]
    return {"use": "official", "text": name.full, "family": name.family, "given": given}


def address(province: str) -> Tree:
    """The home province; nothing finer is generated."""
    coding = {"system": f"{systems.VN_CORE}/CodeSystem/vn-province-cs", "code": province}
    extension = {"url": systems.VN_PROVINCE, "valueCoding": coding}
    return {"extension": [extension], "use": "home", "country": "VN"}


def organization(code: str) -> Tree:
    """A reference to a facility that also names it by its code, so it can be read anywhere."""
    return {
        "reference": f"Organization/{code}",
        "identifier": {"system": systems.MA_CSKCB, "value": code},
    }


def official_number(kind: str, system: str, value: str) -> Tree:
    """A number that the state gave; `kind` is its code in VN Core (CCCD, CMND)."""
    coding = {"system": systems.VN_IDENTIFIER_TYPE, "code": kind}
    return {"use": "official", "type": {"coding": [coding]}, "system": system, "value": value}


def insurance_number(system: str, value: str) -> Tree:
    return {"system": system, "value": value}


def _unaccented(name: PersonName) -> PersonName:
    return PersonName(*(fold(part).title() for part in (name.family, name.middle, name.given)))
