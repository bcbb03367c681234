"""Codes that a grammar or a registry has (terminologies-systems.html)."""

import pytest

from fhir_profiles.terminology.catalogue import shipped
from fhir_profiles.terminology.patterns import Pattern
from fhir_profiles.terminology.rules import BY_RULE

pytestmark = pytest.mark.spec("terminologies-systems.html")
SETS = "http://hl7.org/fhir/ValueSet"

# system -> codes that it has, codes that it has not, codes of which it cannot be told
ROWS = {
    "http://unitsofmeasure.org": (
        "mg/dL mm[Hg] 10*9/L % {score} [degF] kg.m/s2 1".split(),
        ["", "mmHg", "mg per dL", "miles", "µg", "x" * 300],
        [],
    ),
    "urn:ietf:bcp:47": (
        "vi en-US zh-Hant-TW sl-rozaj x-own de-CH-1996 en-a-bbb-x-a".split(),
        ["", "e", "en_US", "en-", "english language", "abcdefghi"],
        [],
    ),
    "urn:ietf:bcp:13": (
        ["text/plain", "application/fhir+json", "text/html; charset=utf-8", "image/svg+xml"],
        ["", "text", "text/", "nothing/plain", "text/plain;", "a b/c"],
        [],
    ),
    "urn:ietf:rfc:3986": (["urn:oid:1.2", "http://a.b/c?d=e"], ["", "a b", "/a", "x:"], []),
    "urn:iso:std:iso:4217": ("VND USD XAF".split(), ["", "vnd", "DONG", "ZZZ"], []),
    "urn:iso:std:iso:3166": ("VN US".split(), ["", "vn", "XX", "Vietnam"], ["VNM", "704"]),
    "urn:iso:std:iso:3166:-2": ([], ["", "VN", "ZZ-1"], ["VN-HN"]),
    "https://www.iana.org/time-zones": (["Asia/Ho_Chi_Minh"], ["", "Asia/Hue"], []),
}


def test_each_rule_has_a_row():
    assert set(ROWS) == set(BY_RULE)


@pytest.mark.parametrize("system", ROWS)
def test_by_rule(system):
    has = BY_RULE[system].has
    told = [{code: has(code) for code in codes} for codes in ROWS[system]]
    yes, no, nobody = ROWS[system]
    assert told == [dict.fromkeys(yes, True), dict.fromkeys(no, False), dict.fromkeys(nobody)]


@pytest.mark.parametrize(
    ("value_set", "code", "member"),
    [
        ("ucum-units", "mg/dL", True),
        ("ucum-units", "mmHg", False),
        ("all-time-units", "min", True),
        ("all-time-units", "kg", False),
        ("all-time-units", "mmHg", False),
        ("all-distance-units", "km", True),
        ("all-distance-units", "s", False),
        ("all-languages", "vi", True),
        ("mimetypes", "image/png", True),
        ("currencies", "VND", True),
        ("timezones", "Asia/Bangkok", True),
        ("iso3166-1-2", "VN", True),
        ("iso3166-1-3", "VN", False),
        ("iso3166-1-3", "VNM", None),
        ("jurisdiction", "VN", True),
    ],
)
def test_value_sets_by_rule(value_set, code, member):
    assert shipped().member(f"{SETS}/{value_set}", None, code) is member


def test_registries_can_be_expanded_and_countries_have_names():
    assert len(shipped().expansion(f"{SETS}/currencies").contains) > 150
    assert shipped().display("urn:iso:std:iso:3166", "VN") == "Viet Nam"
    assert shipped().display("http://unitsofmeasure.org", "mg") is None


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("(a+)+b", "a" * 5000, False),
        ("(a|aa)+", "a" * 5000, True),
        ("[A-Z]{2,3}", "ABC", True),
        ("[A-Z]{2,3}", "ABCD", False),
        ("a{2}", "aa", True),
        ("a{0}b?", "", True),
        ("x*?y", "xxy", True),
        ("[^a-c\\d]\\w\\s\\S\\W\\D", "d_ x-y", True),
        ("[^a-c]", "b", False),
        ("^ab$", "ab", True),
        ("(?:ab|c[de])+", "abcdce", True),
        (".", "\n", False),
        ("đ.*", "đường", True),
    ],
)
@pytest.mark.spec("valueset-filter-operator.html")
def test_patterns_take_no_longer_than_the_text(pattern, text, matches):
    assert Pattern(pattern).matches(text) is matches
