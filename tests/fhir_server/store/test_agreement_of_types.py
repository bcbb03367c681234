"""Composites, units, places, texts, of-type: every store answers like the one in memory."""

import tempfile
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fhir_server.store.stores import KINDS, opened
from tests.fhir_server.store.test_agreement import described, few, optional, pages, play

UCUM = "http://unitsofmeasure.org"
SYSTEMS, CODES = ["urn:a", "urn:b", UCUM], ["x", "X", "y"]
UNITS = ["mg/dL", "g/L", "mmol/L", "[pH]", "Cel", "K", "bottle"]
NUMBERS = ["0", "5.4", "540", "5.40", "37.0", "310.15", "-1"]
WORDS = ["Đường", "duong", "Glucose", "glu"]
PREFIXES = ["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
PLACES = [
    ("21.03", "105.85"),
    ("21.0", "105.8"),
    ("-17.7", "179.9"),
    ("-17.7", "-179.9"),
    ("90", "0"),
]

coding = described(
    system=optional(st.sampled_from(SYSTEMS)),
    code=optional(st.sampled_from(CODES)),
    display=optional(st.sampled_from(WORDS)),
)
concept = described(coding=few(coding), text=optional(st.sampled_from(WORDS)))
quantity = described(
    value=optional(st.sampled_from(NUMBERS).map(Decimal)),
    code=optional(st.sampled_from(UNITS)),
    unit=optional(st.sampled_from(UNITS)),
    system=optional(st.just(UCUM)),
    comparator=optional(st.sampled_from(["<", "<=", ">", ">="])),
)
values = {
    "valueQuantity": optional(quantity),
    "valueCodeableConcept": optional(concept),
    "valueString": optional(st.sampled_from(WORDS)),
    "valueDateTime": optional(st.sampled_from(["2024", "2024-05-01"])),
}
observation = described(
    resourceType=st.just("Observation"),
    id=st.sampled_from(["1", "2", "3"]),
    code=concept,
    component=few(described(code=concept, **values)),
    **values,
)
location = described(
    resourceType=st.just("Location"),
    id=st.sampled_from(["1", "2", "3"]),
    position=optional(
        st.sampled_from(PLACES).map(
            lambda place: {"latitude": Decimal(place[0]), "longitude": Decimal(place[1])}
        )
    ),
)
patient = described(
    resourceType=st.just("Patient"),
    id=st.sampled_from(["1", "2", "3"]),
    identifier=few(described(value=optional(st.sampled_from(CODES)), type=optional(concept))),
)
changes = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "delete"]),
        observation | observation | location | patient,
    ),
    min_size=5,
    max_size=15,
)

codes = st.one_of(
    st.sampled_from(CODES),
    st.builds("{}|{}".format, st.sampled_from(SYSTEMS), st.sampled_from(CODES)),
)
numbers = st.builds(
    "{}{}{}".format,
    st.sampled_from(PREFIXES),
    st.sampled_from(NUMBERS),
    st.sampled_from(["", *(f"||{unit}" for unit in UNITS), *(f"|{UCUM}|{unit}" for unit in UNITS)]),
)
dates = st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(["2024", "2024-05"]))
words = st.sampled_from(WORDS)
missing = st.sampled_from(["true", "false"])


def named(names, strategy):
    return st.tuples(
        st.sampled_from(names.split()), st.lists(strategy, min_size=1, max_size=2).map(",".join)
    )


def two(names, first, second):
    return named(names, st.builds("{}${}".format, first, second))


def each(name):
    return f"{name} combo-{name} component-{name}"


observation_pairs = st.one_of(
    named("value-quantity combo-value-quantity component-value-quantity", numbers),
    two(each("code-value-quantity"), codes, numbers),
    two(each("code-value-concept"), codes, codes),
    two("code-value-string", codes, words),
    two("code-value-date", codes, dates),
    named("code:text combo-code:text value-concept:text combo-value-concept:text", words),
    named("code code:not combo-code", codes),
    st.tuples(
        st.sampled_from(
            ["code-value-quantity:missing", "combo-code-value-quantity:missing", "code:missing"]
        ),
        missing,
    ),
)
location_pairs = st.one_of(
    st.builds(
        lambda place, reach: ("near", f"{place[0]}|{place[1]}|{reach}"),
        st.sampled_from(PLACES),
        st.sampled_from(["0", "10|km", "7000|m", "50|[mi_i]", "20000"]),
    ),
    st.tuples(st.just("near:missing"), missing),
)
patient_pairs = st.one_of(
    named("identifier:text", words),
    named(
        "identifier:of-type",
        st.builds(
            "{}|{}|{}".format,
            st.sampled_from(SYSTEMS),
            st.sampled_from(CODES),
            st.sampled_from(CODES),
        ),
    ),
)


def query(type_, pairs, sorts):
    keys = st.lists(st.sampled_from(sorts), max_size=1)
    return st.tuples(st.just(type_), few(pairs), keys, st.just([]), st.integers(1, 4))


queries = st.one_of(
    query("Observation", observation_pairs, ["value-quantity", "-combo-value-quantity", "code"]),
    query("Location", location_pairs, ["_id"]),
    query("Patient", patient_pairs, ["identifier"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes, st.lists(queries, min_size=6, max_size=12))
def test_all_stores_agree(moves, searches):
    with tempfile.TemporaryDirectory() as folder:
        whole = [opened(kind, folder) for kind in KINDS]
        try:
            for store in whole:
                play(store, moves)
            expected, *others = whole
            for search in searches:
                wanted = pages(expected, search)
                for store in others:
                    assert pages(store, search) == wanted
        finally:
            for store in whole:
                store.close()
