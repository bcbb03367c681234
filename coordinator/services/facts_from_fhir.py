"""FHIR -> facts of the rulebook: persons and consents (R4: http://hl7.org/fhir/R4).

This file and order_facts_from_fhir.py are the only such translation. What a resource does not say
becomes the fact that says so; nothing is guessed. Times become whole minutes since 1970; a date
without zone is read in Viet Nam.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from coordinator.rules.consent import Provision
from coordinator.rules.facts import Assurance, Manual, Purpose, Registration, Sex
from fhir_profiles import systems

Tree = Mapping[str, Any]
ZONE: Final = dt.timezone(dt.timedelta(hours=7))

PURPOSES: Final[Mapping[str, Purpose]] = {
    "TREAT": Purpose.TREATMENT,
    "HPAYMT": Purpose.PAYMENT,
    "HOPERAT": Purpose.OPERATIONS,
    "PUBHLTH": Purpose.PUBLIC_HEALTH,
    "HRESCH": Purpose.RESEARCH,
    "BTG": Purpose.BREAK_GLASS,
}


# ---- times -------------------------------------------------------------------------------------
def instant(text: str | None) -> dt.datetime | None:
    """A FHIR dateTime or instant, aware; a partial date begins with its first moment."""
    if not text:
        return None
    try:
        if len(text) <= 10:
            year, month, day, *_ = [*(int(part) for part in text.split("-")), 1, 1]
            return dt.datetime(year, month, day, tzinfo=ZONE)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZONE)


def minute(text: str | None) -> int | None:
    """Whole minutes since 1970 (UTC), None where no time is stated."""
    moment = instant(text)
    return None if moment is None else minutes_of(moment)


def minutes_of(moment: dt.datetime) -> int:
    """Whole minutes since 1970 (UTC)."""
    return int(moment.timestamp() // 60)


def day_of(at: int) -> dt.date:
    """The day in Viet Nam of a minute since 1970."""
    return dt.datetime.fromtimestamp(at * 60, ZONE).date()


# ---- codes and references ----------------------------------------------------------------------
def codes_of(concept: Tree) -> dict[str, str]:
    """system -> code of a CodeableConcept; of one system the first."""
    found: dict[str, str] = {}
    for coding in concept.get("coding", ()):
        found.setdefault(coding.get("system", ""), coding.get("code", ""))
    return found


def facility_of(reference: Tree) -> str:
    """The facility code that a reference to an Organization names."""
    identifier = reference.get("identifier", {})
    if identifier.get("system") == systems.MA_CSKCB:
        return str(identifier.get("value", ""))
    return str(reference.get("reference", "")).rpartition("Organization/")[2]


def extension(resource: Tree, url: str) -> Tree:
    """The first extension of that URL, {} if there is none."""
    found = (e for e in resource.get("extension", ()) if e.get("url") == url)
    return next(found, {})


# ---- persons -----------------------------------------------------------------------------------
def identifiers(resource: Tree) -> list[tuple[str, str]]:
    """(system, value) of a resource, today's name of a system for one of the 2021 guide."""
    found = []
    for entry in resource.get("identifier", ()):
        system, value = entry.get("system", ""), entry.get("value", "")
        if value:
            found.append((systems.ALIASES.get(system, system), value.strip()))
    return found


def record_number(patient: Tree) -> str:
    """The key of a registration: "system|value" of its record number, "" if it has none."""
    prefix = systems.mrn("")
    return next((f"{s}|{v}" for s, v in identifiers(patient) if s.startswith(prefix)), "")


def registration(patient: Tree, links: Iterable[tuple[str, Manual]] = ()) -> Registration:
    """Who a Patient says it is. `links`: record numbers a steward linked to it or told apart."""
    numbers: dict[str, list[str]] = {}
    for system, value in identifiers(patient):
        numbers.setdefault(system, []).append(value)

    def first(system: str) -> str | None:
        return next(iter(numbers.get(system, ())), None)

    year, month, day = birth_parts(patient.get("birthDate", ""))
    said = list(links)
    return Registration(
        key=record_number(patient),
        name=full_name(patient),
        birth_year=year,
        birth_month=month,
        birth_day=day,
        sex={"male": Sex.MALE, "female": Sex.FEMALE}.get(patient.get("gender", "")),
        cccd=first(systems.CCCD),
        cmnd=first(systems.CMND),
        bhyt_cards=tuple(numbers.get(systems.BHYT, ())),
        bhxh=first(systems.BHXH),
        assurance=_assurance(patient),
        same_as=frozenset(key for key, word in said if word is Manual.SAME),
        not_same_as=frozenset(key for key, word in said if word is Manual.NOT_SAME),
    )


def full_name(patient: Tree) -> str | None:
    """The official name in Vietnamese order: `text` if there is one, else family and given."""
    names = patient.get("name", ())
    name = next((n for n in names if n.get("use") == "official"), next(iter(names), None))
    if name is None:
        return None
    parts = [name.get("family", ""), *name.get("given", ())]
    return name.get("text") or " ".join(part for part in parts if part) or None


def birth_parts(text: str) -> tuple[int | None, int | None, int | None]:
    parts = [int(part) for part in text.split("-") if part.isdigit()]
    year, month, day, *_ = [*parts, None, None, None]
    return year, month, day


def _assurance(patient: Tree) -> Assurance:
    word = str(extension(patient, systems.IDENTITY_ASSURANCE).get("valueCode", "none")).upper()
    return Assurance[word] if word in Assurance.__members__ else Assurance.NONE


# ---- consent -----------------------------------------------------------------------------------
def provisions(consent: Tree) -> tuple[Provision, ...]:
    """Permits and denies of one Consent with its one nested level (IHE PCF, ITI-108).

    A consent that is inactive was withdrawn at its dateTime; drafts and errors say nothing.
    """
    status = consent.get("status")
    if status not in ("active", "inactive"):
        return ()
    withdrawn = minute(consent.get("dateTime")) or 0 if status == "inactive" else None
    outer = consent.get("provision", {})
    return tuple(
        _provision(rule, withdrawn)
        for rule in (outer, *outer.get("provision", ()))
        if rule.get("type") in ("permit", "deny")
    )


def _provision(rule: Tree, withdrawn: int | None) -> Provision:
    period, data = rule.get("period", {}), rule.get("dataPeriod", {})
    return Provision(
        permit=rule["type"] == "permit",
        purposes=frozenset(
            PURPOSES[c["code"]] for c in rule.get("purpose", ()) if c.get("code") in PURPOSES
        ),
        recipients=_actors(rule, "IRCP"),
        authors=_actors(rule, "AUT"),
        data_classes=frozenset(c["code"] for c in rule.get("class", ()) if "code" in c),
        data_from=minute(data.get("start")),
        data_to=minute(data.get("end")),
        starts=minute(period.get("start")),
        ends=minute(period.get("end")),
        withdrawn_at=withdrawn,
    )


def _actors(rule: Tree, role: str) -> frozenset[str]:
    return frozenset(
        actor.get("reference", {}).get("reference", "").removeprefix("Organization/")
        for actor in rule.get("actor", ())
        if role in codes_of(actor.get("role", {})).values()
    )
