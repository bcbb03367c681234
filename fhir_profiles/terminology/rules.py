"""Code systems that nobody lists: a grammar or a registry says which codes they have.

https://hl7.org/fhir/R4/terminologies-systems.html
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final

from fhir_profiles.terminology import packed
from fhir_profiles.terminology.code_system import Concept

UCUM: Final = "http://unitsofmeasure.org"
COUNTRIES: Final = "urn:iso:std:iso:3166"

Named = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class RuleSystem:
    """A system by rule: `rule` answers for one code; `listed` has those that are known by name."""

    url: str
    title: str
    rule: Callable[[str], bool | None]
    listed: Callable[[], Named] | None = None
    complete: bool = False  # `listed` has all of them
    version: str | None = None

    def has(self, code: str) -> bool | None:
        return self.rule(code)

    def display(self, code: str) -> str | None:
        return self.listed().get(code) if self.listed is not None else None

    def find(self, code: str) -> Concept | None:
        return self._concept(code, self.display(code)) if self.rule(code) else None

    def codes(self) -> Iterator[Concept] | None:
        """All codes; None if there is no end of them, or they are not all here."""
        if self.listed is None or not self.complete:
            return None
        return (self._concept(code, display) for code, display in self.listed().items())

    def _concept(self, code: str, display: str | None) -> Concept:
        return Concept(code, display, {"code": code})


# ---- units -------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def is_unit(code: str) -> bool:
    """Whether a code is of the grammar of UCUM, in its case-sensitive form."""
    if not code or len(code) > 200 or not code.isascii():
        return False
    try:
        _units().parse(code)
    except Exception:  # the parser's own errors, and what a strange unit makes it stumble over
        return False
    return True


@cache
def _units() -> Any:
    from ucumvert.parser import get_ucum_parser  # type: ignore[import-untyped]  # half a second, with all that it imports

    return get_ucum_parser()


# ---- languages, media types, URIs --------------------------------------------------------------

_LANGUAGE: Final = re.compile(
    r"(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*"
    r"(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+|i-[a-z]{3,8})",
    re.IGNORECASE | re.ASCII,
)
_MEDIA: Final = re.compile(
    r"(?:application|audio|chemical|example|font|haptics|image|message|model|multipart|text|video"
    r"|x-[a-z0-9]+)/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
    r"(?: ?; ?[a-z0-9!#$&^_.+-]+=(?:[a-z0-9!#$&^_.+:/-]+|\"[^\"\\]*\"))*",
    re.IGNORECASE | re.ASCII,
)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_LONG_COUNTRY: Final = re.compile(r"[A-Z]{3}|[0-9]{3}")
_SUBDIVISION: Final = re.compile(r"([A-Z]{2})-[A-Z0-9]{1,3}")


def _shaped(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda code: len(code) <= 2000 and pattern.fullmatch(code) is not None


# ---- registries --------------------------------------------------------------------------------

# ISO 4217, list one (currencies, funds and metals) as of 2024, with those that R4 knew in 2019.
_CURRENCIES: Final = """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB
BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP
DZD EGP ERN ETB EUR FJD FKP GBP GEL GGP GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS IMP INR
IQD IRR ISK JEP JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SPL SRD SSP STN SVC SYP SZL THB TJS
TMT TND TOP TRY TTD TVD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VEF VES VND VUV WST XAF XAG XAU
XBA XBB XBC XBD XCD XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWL"""


@cache
def _currencies() -> Named:
    return MappingProxyType(dict.fromkeys(_CURRENCIES.split()))


@cache
def _zones() -> Named:
    return MappingProxyType(dict.fromkeys(sorted(zoneinfo.available_timezones())))


@cache
def _countries() -> Named:
    """The two letters of each country, as R4 lists them."""
    found: dict[str, str | None] = {}
    for key in packed.versions("ValueSet")["http://hl7.org/fhir/ValueSet/iso3166-1-2"]:
        for include in packed.tree("ValueSet", key)["compose"]["include"]:
            found |= {one["code"]: one.get("display") for one in include.get("concept", ())}
    return MappingProxyType(found)


def _country(code: str) -> bool | None:
    """Codes of three letters or digits are in no list here; only their shape can be told."""
    return True if code in _countries() else None if _LONG_COUNTRY.fullmatch(code) else False


def _subdivision(code: str) -> bool | None:
    """Which parts a country has is in no list here; that it is a country can be told."""
    found = _SUBDIVISION.fullmatch(code)
    return None if found and found[1] in _countries() else False


def _registry(url: str, title: str, listed: Callable[[], Named]) -> RuleSystem:
    return RuleSystem(url, title, lambda code: code in listed(), listed, complete=True)


BY_RULE: Final[Mapping[str, RuleSystem]] = MappingProxyType(
    {
        one.url: one
        for one in (
            RuleSystem(UCUM, "Unified Code for Units of Measure", is_unit),
            RuleSystem("urn:ietf:bcp:47", "Tags of languages (BCP 47)", _shaped(_LANGUAGE)),
            RuleSystem("urn:ietf:bcp:13", "Media types (BCP 13)", _shaped(_MEDIA)),
            RuleSystem("urn:ietf:rfc:3986", "URIs (RFC 3986)", _shaped(_URI)),
            RuleSystem(f"{COUNTRIES}:-2", "Parts of countries (ISO 3166-2)", _subdivision),
            RuleSystem(COUNTRIES, "Countries (ISO 3166-1)", _country, _countries),
            _registry("urn:iso:std:iso:4217", "Currencies (ISO 4217)", _currencies),
            _registry("https://www.iana.org/time-zones", "Time zones of IANA", _zones),
        )
    }
)
