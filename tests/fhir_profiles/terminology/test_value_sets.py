"""What a value set holds, as its composition says (valueset.html#compositions)."""

import pytest

from fhir_profiles.terminology.catalogue import shipped
from fhir_profiles.terminology.reading import TermError
from tests.fhir_profiles.terminology.small import (
    ANIMALS,
    SETS,
    SYSTEM,
    imported,
    listed,
    of_animals,
    value_set,
)

pytestmark = [
    pytest.mark.spec("valueset.html#compositions"),
    pytest.mark.spec("valueset.html#expansion"),
]

DOGS = value_set("dogs", of_animals("is-a", "dog"))
NESTED = [DOGS, value_set("few", listed("dog", "hen"))]

# composition -> the codes that can be chosen, in order
ROWS = {
    "whole system": (of_animals(), "dog poodle hen dodo wolfdog wolf"),
    "listed": (listed("hen", "dog"), "hen dog"),
    "listed heading": (listed("animal"), "animal"),
    "is-a": (of_animals("is-a", "dog"), "dog poodle wolfdog"),
    "descendent-of": (of_animals("descendent-of", "dog"), "poodle wolfdog"),
    "is-not-a": (of_animals("is-not-a", "dog"), "hen dodo wolf"),
    "generalizes": (of_animals("generalizes", "wolfdog"), "dog wolfdog wolf"),
    "equals a property": (of_animals("=", "4", "legs"), "dog"),
    "equals true": (of_animals("=", "true", "pet"), "dog poodle"),
    "parent": (of_animals("=", "wolf", "parent"), "wolfdog"),
    "in": (of_animals("in", "hen, wolf,cow", "code"), "hen wolf"),
    "not-in": (of_animals("not-in", "hen,wolf,dodo", "code"), "dog poodle wolfdog"),
    "regex": (of_animals("regex", "(d|w)o.*", "code"), "dog dodo wolfdog wolf"),
    "regex on a display": (of_animals("regex", "P.*", "display"), "poodle"),
    "regex that could take for ever": (of_animals("regex", "((o+)+)+x", "code"), ""),
    "exists": (of_animals("exists", "true", "legs"), "dog hen"),
    "exists not": (of_animals("exists", "false", "legs"), "poodle dodo wolfdog wolf"),
    "imported": (imported("dogs"), "dog poodle wolfdog"),
    "imported twice is what both have": (imported("dogs", "few"), "dog"),
    "a system within a value set": (of_animals(valueSet=[f"{SETS}/few"]), "dog hen"),
}


def asked(*include, exclude=(), **compose):
    tree = value_set("asked", *include, exclude=exclude)
    tree["compose"] |= compose
    return shipped().extended([SYSTEM, *NESTED, tree]), f"{SETS}/asked"


def codes(terms, url):
    return " ".join(one.code for one in terms.expansion(url).contains if not one.abstract)


@pytest.mark.parametrize("name", ROWS)
def test_expansion_and_membership_agree(name):
    include, expected = ROWS[name]
    terms, url = asked(include)
    found = codes(terms, url)
    if name == "listed heading":  # chosen by name, although it is a heading
        found = " ".join(one.code for one in terms.expansion(url).contains)
    assert found == expected
    everything = "animal dog poodle hen dodo wolfdog wolf cow".split()
    members = [code for code in everything if terms.member(url, ANIMALS, code)]
    assert sorted(members) == sorted(expected.split())
    assert [code for code in everything if terms.member(url, None, code)] == members
    assert not any(terms.member(url, "http://example.org/other", code) for code in everything)


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        (listed("poodle"), "dog hen dodo wolfdog wolf"),
        (of_animals("is-a", "dog"), "hen dodo wolf"),
        (imported("few"), "poodle dodo wolfdog wolf"),
    ],
)
def test_excluded(exclude, expected):
    terms, url = asked(of_animals(), exclude=[exclude])
    assert codes(terms, url) == expected
    assert terms.member(url, ANIMALS, "wolf") is True
    excluded = {"dog", "poodle", "hen"} - set(expected.split())
    assert [terms.member(url, ANIMALS, code) for code in excluded] == [False] * len(excluded)


def test_without_what_is_inactive():
    terms, url = asked(of_animals(), inactive=False)
    assert codes(terms, url) == "dog poodle hen wolfdog wolf"
    assert terms.member(url, ANIMALS, "dodo") is False


def test_headings_are_shown_and_not_chosen():
    terms, url = asked(of_animals())
    shown = {one.code: one.abstract for one in terms.expansion(url).contains}
    assert shown["animal"] is True
    assert (ANIMALS, "animal") not in terms.expansion(url).codes()
    assert terms.member(url, ANIMALS, "animal") is False


ELSEWHERE = {"system": "http://snomed.info/sct"}


@pytest.mark.parametrize(
    ("include", "system", "code", "member"),
    [
        ([ELSEWHERE], "http://snomed.info/sct", "38341003", None),
        ([ELSEWHERE], ANIMALS, "dog", False),
        ([ELSEWHERE, of_animals()], ANIMALS, "dog", True),
        ([ELSEWHERE, of_animals()], None, "cow", None),
        ([{"valueSet": [f"{SETS}/nowhere"]}], ANIMALS, "dog", None),
        ([{"system": ANIMALS, "version": "9"}], ANIMALS, "dog", None),
        ([{"system": ANIMALS, "version": "1"}], ANIMALS, "dog", True),
        ([{"system": "http://snomed.info/sct", "concept": [{"code": "1"}]}], None, "1", True),
        ([of_animals("=~", "x")], ANIMALS, "dog", None),
        ([of_animals("regex", "(?=x)")], ANIMALS, "dog", None),
        ([{}], ANIMALS, "dog", None),
        ([imported("asked")], ANIMALS, "dog", None),
    ],
)
def test_what_cannot_be_told_is_not_guessed(include, system, code, member):
    terms, url = asked(*include)
    assert terms.member(url, system, code) is member


@pytest.mark.parametrize(
    ("include", "reason", "words"),
    [
        (ELSEWHERE, "not-here", "snomed"),
        ({"system": "http://nowhere.org"}, "not-here", "http://nowhere.org"),
        ({"system": ANIMALS, "version": "9"}, "not-here", "animals|9"),
        ({"system": "http://unitsofmeasure.org"}, "too-costly", "without an end"),
        (imported("nowhere"), "not-here", "ValueSet/nowhere"),
        (imported("asked"), "invalid", "includes itself"),
        (of_animals("=~", "x"), "invalid", "is-not-a"),
        (of_animals("regex", "("), "invalid", "cannot be read"),
        (of_animals("regex", "(a)\\1"), "invalid", "groupref"),
        (of_animals("regex", "(?i)a"), "invalid", "flags"),
        (of_animals("regex", "a{1,9999}"), "too-costly", "states"),
        (of_animals("regex", "a" * 1001), "too-costly", "1000"),
        ({}, "invalid", "neither"),
    ],
)
def test_what_cannot_be_expanded_says_why(include, reason, words):
    terms, url = asked(include)
    with pytest.raises(TermError, match=words.replace("|", "\\|")) as caught:
        terms.expansion(url)
    assert caught.value.reason == reason


def test_an_expansion_that_came_along_answers_for_what_is_elsewhere():
    tree = value_set("asked", ELSEWHERE)
    inside = {"system": "http://snomed.info/sct", "code": "2", "display": "Two"}
    heading = {"abstract": True, "display": "Numbers", "contains": [inside]}
    tree["expansion"] = {"contains": [{"system": "http://snomed.info/sct", "code": "1"}, heading]}
    terms = shipped().extended([tree])
    assert [one.code for one in terms.expansion(tree["url"]).contains] == ["1", "2"]
    told = [terms.member(tree["url"], "http://snomed.info/sct", code) for code in "123"]
    assert told == [True, True, False]
    tree["expansion"]["total"] = 7  # a page of it
    assert shipped().extended([tree]).member(tree["url"], None, "1") is None


def test_nested_below_the_nearest_that_is_there():
    terms, url = asked(listed("animal", "poodle", "wolf", "wolfdog"))
    roots = terms.expansion(url).nested(terms)
    shape = {one.code: [inside.code for inside in one.contains] for one in roots}
    assert shape == {"animal": ["poodle"], "wolf": ["wolfdog"]}


def test_circles_and_long_chains_end():
    ring = [
        {"code": str(n), "property": [{"code": "parent", "valueCode": str((n + 1) % 3000)}]}
        for n in range(3000)
    ]
    system = {**SYSTEM, "concept": ring}
    terms = shipped().extended([system, value_set("asked", of_animals())])
    waiting, seen, depth = terms.expansion(f"{SETS}/asked").nested(terms), 0, 0
    while waiting:
        seen, depth = seen + len(waiting), depth + 1
        waiting = [inside for one in waiting for inside in one.contains]
    assert (seen, depth) == (3000, 20)
    assert len(terms.descendants(ANIMALS, "7")) == 3000


def test_value_sets_that_include_each_other_many_times_cost_little():
    """Without a memory this would be 2 to the power of 30 questions."""
    sets = [value_set(f"s{n}", imported(f"s{n + 1}"), imported(f"s{n + 1}")) for n in range(30)]
    terms = shipped().extended([SYSTEM, *sets, value_set("s30", of_animals())])
    assert terms.member(f"{SETS}/s0", ANIMALS, "cow") is False
    assert terms.member(f"{SETS}/s0", ANIMALS, "dog") is True
    assert len(terms.expansion(f"{SETS}/s0").contains) == 7


def test_value_sets_too_deep_in_each_other():
    sets = [value_set(f"s{n}", imported(f"s{n + 1}")) for n in range(60)]
    terms = shipped().extended([SYSTEM, *sets, value_set("s60", of_animals())])
    assert terms.member(f"{SETS}/s0", ANIMALS, "dog") is None
    with pytest.raises(TermError, match="one in the other"):
        terms.expansion(f"{SETS}/s0")


def test_a_regex_that_takes_too_long_is_given_up():
    concepts = [{"code": "a" * 200 + str(n)} for n in range(2000)]
    filters = of_animals("regex", "(a|b?){100}c", "code")
    terms = shipped().extended([{**SYSTEM, "concept": concepts}, value_set("slow", filters)])
    assert terms.member(f"{SETS}/slow", ANIMALS, concepts[0]["code"]) is None
    with pytest.raises(TermError, match="takes too long"):
        terms.expansion(f"{SETS}/slow")


def test_a_large_system_without_half_of_itself():
    half = {"code": "half", "concept": [{"code": f"h{n}"} for n in range(15_000)]}
    concepts = [half, *({"code": f"c{n}"} for n in range(15_000))]
    without = value_set("rest", of_animals(), exclude=[of_animals("is-a", "half")])
    terms = shipped().extended([{**SYSTEM, "concept": concepts}, without])
    assert len(terms.expansion(f"{SETS}/rest").contains) == 15_000


@pytest.mark.parametrize(
    ("words", "expected"),
    [("POO", "poodle"), ("con cho", "dog"), ("o d", "dog poodle dodo wolfdog"), ("x", "")],
)
def test_words_are_found_in_any_of_its_names(words, expected):
    terms, url = asked(of_animals())
    found = terms.expansion(url).narrowed(words).contains
    assert " ".join(one.code for one in found) == expected


def test_displays_in_a_language():
    terms, url = asked(listed("dog", "hen"))
    found = terms.expansion(url).narrowed(language="vi").contains
    assert [one.display for one in found] == ["con chó", "Hen"]
