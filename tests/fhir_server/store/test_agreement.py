"""Random small stores, random searches: every kind of store gives the answer of the one in memory.

Agreement is not correctness; that is what the tables in `tests/fhir_server/search/` are for.
"""

import tempfile
from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_profiles.json_text import dump
from fhir_server.search.parse import parse
from fhir_server.search.request import CURSOR, AnyOf
from fhir_server.store.port import EVERYTHING, NOTHING, Document, Visibility
from tests.fhir_server.store.stores import AT, KINDS, ZONE, opened

# Few values, so that things meet; among them what is easily mixed up.
SYSTEMS = ["urn:a", "urn:b", ""]
CODES = ["x", "X", "y", "ß", "x|y,"]
WORDS = [
    "Nguyễn",
    "nguyen",
    "NGUYEN VAN",
    "Đặng",
    "an",
    "An",
    "%",
    "_",
    "a_b",
    "ng",
    "é",
    "e\u0301",
]
DATES = ["2024", "2024-02", "2024-02-29", "2024-02-29T23:30:00Z", "2024-03-01T06:30:00+07:00"]
NUMBERS = ["0", "-1", "7.5", "7.50", "7.45", "100", "1e2", "0.001", "99.5"]
IDS = ["1", "A", "a"]
URIS = ["http://x/p", "http://x/p|1", "http://x/", "http://x/p/q", "urn:x"]
UNITS = ["mg", "mmol/L"]
BASE = "http://here/fhir"
MEMBERS = ["Observation/", "Observation/", f"{BASE}/Observation/", "http://other/fhir/Observation/"]


def optional(strategy):
    """There more often than not."""
    return st.one_of(strategy, strategy, strategy, st.none())


def described(**members):
    """An object of those members that are not None."""
    return st.fixed_dictionaries(members).map(
        lambda tree: {name: value for name, value in tree.items() if value not in (None, [], {})}
    )


def few(strategy):
    return st.sampled_from([0, 1, 1, 2]).flatmap(
        lambda size: st.lists(strategy, min_size=size, max_size=size)
    )


coding = described(
    system=optional(st.sampled_from(SYSTEMS[:2])), code=optional(st.sampled_from(CODES))
)
identifier = described(
    system=optional(st.sampled_from(SYSTEMS[:2])), value=optional(st.sampled_from(CODES))
)
concept = described(coding=few(coding), text=optional(st.just("in words")))
reference = described(
    reference=optional(
        st.sampled_from(
            [f"Patient/{id_}" for id_ in IDS * 3]
            + ["Group/1", "http://other/fhir/Patient/1", "urn:uuid:1", "#p"]
        )
    ),
    type=optional(st.sampled_from(["Patient", "Group"])),
    identifier=optional(identifier),
)
period = described(start=optional(st.sampled_from(DATES)), end=optional(st.sampled_from(DATES)))
quantity = described(
    value=optional(st.sampled_from(NUMBERS).map(Decimal)),
    code=optional(st.sampled_from(UNITS)),
    unit=optional(st.sampled_from(UNITS)),
    system=optional(st.just("http://unitsofmeasure.org")),
    comparator=optional(st.sampled_from(["<", ">"])),
)
meta = described(profile=few(st.sampled_from(URIS)), tag=few(coding))
patient = described(
    resourceType=st.just("Patient"),
    id=st.sampled_from(IDS),
    meta=optional(meta),
    identifier=few(identifier),
    name=few(
        described(
            family=optional(st.sampled_from(WORDS)),
            given=few(st.sampled_from(WORDS)),
            text=optional(st.sampled_from(WORDS)),
        )
    ),
    gender=optional(st.sampled_from(["male", "female"])),
    birthDate=optional(st.sampled_from(DATES[:3])),
    deceasedBoolean=optional(st.booleans()),
    link=few(described(other=reference)),
)
observation = described(
    resourceType=st.just("Observation"),
    id=st.sampled_from(IDS),
    meta=optional(meta),
    status=st.sampled_from(["final", "amended"]),
    code=concept,
    subject=reference,
    effectiveDateTime=optional(st.sampled_from(DATES)),
    effectivePeriod=optional(period),
    valueQuantity=optional(quantity),
    component=few(described(code=concept, valueQuantity=optional(quantity))),
    hasMember=few(
        described(
            reference=st.sampled_from([f"{start}{id_}" for start in MEMBERS for id_ in IDS]),
        )
    ),
)
group = described(
    resourceType=st.just("Group"), id=st.sampled_from(IDS), identifier=few(identifier)
)
changes = st.lists(
    st.tuples(st.sampled_from(["put", "put", "put", "delete"]), patient | observation | group),
    min_size=5,
    max_size=20,
)

# ---- queries -------------------------------------------------------------------------------------


def escaped(text):
    for sign in "\\,|$":
        text = text.replace(sign, f"\\{sign}")
    return text


def joined(values):
    return st.lists(values, min_size=1, max_size=3).map(",".join)


prefixes = st.sampled_from(["", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
token_values = joined(
    st.one_of(
        st.sampled_from(CODES).map(escaped),
        st.builds("{}|{}".format, st.sampled_from(SYSTEMS), st.sampled_from(CODES).map(escaped)),
        st.sampled_from(SYSTEMS[:2]).map("{}|".format),
    )
)
word_values = joined(st.sampled_from(WORDS).map(escaped))
date_values = joined(st.builds("{}{}".format, prefixes, st.sampled_from(DATES)))
quantity_values = joined(
    st.builds(
        "{}{}{}".format,
        prefixes,
        st.sampled_from(NUMBERS),
        st.sampled_from(["", "||mg", "|http://unitsofmeasure.org|mmol/L"]),
    )
)
reference_values = joined(
    st.sampled_from([*IDS, *(f"Patient/{id_}" for id_ in IDS), "Group/1", "urn:uuid:1"])
)
uri_values = joined(st.sampled_from(URIS).map(escaped))
id_values = joined(st.sampled_from(IDS))
missing = st.sampled_from(["true", "false"])


def pair(names, values):
    return st.tuples(st.sampled_from(names.split()), values)


patient_pairs = st.one_of(
    pair("identifier identifier:not _tag _tag:not", token_values),
    pair("name name:exact name:contains family given", word_values),
    pair("birthdate", date_values),
    pair("gender gender:not", st.sampled_from(["male", "female", "male,female"])),
    pair("deceased", missing),
    pair("_profile", uri_values),
    pair("_profile:below _profile:above", st.sampled_from(URIS[:-1])),
    pair("link link:Patient", st.sampled_from(IDS)),
    pair("name:missing identifier:missing birthdate:missing link:missing _tag:missing", missing),
    pair("_id", id_values),
    # what refers to patients, through more than one reference
    pair(
        "_has:Observation:subject:code _has:Observation:patient:code:not "
        "_has:Observation:patient:_has:Observation:has-member:code "
        "_has:Observation:patient:has-member.code",
        token_values,
    ),
    pair("_has:Patient:link:name link.name link.link.name link:Patient.link.given", word_values),
    pair("_has:Observation:subject:date link._has:Observation:patient:date", date_values),
    pair("_has:Observation:patient:date:missing", missing),
)
observation_pairs = st.one_of(
    pair(
        "code code:not combo-code component-code subject:identifier patient:identifier",
        token_values,
    ),
    pair("subject patient", reference_values),
    pair("subject:Patient subject:Group", st.sampled_from(IDS)),
    pair("date", date_values),
    pair("value-quantity combo-value-quantity", quantity_values),
    pair("patient.name subject:Patient.family patient.name:exact", word_values),
    pair("patient.identifier subject.identifier subject:Group.identifier", token_values),
    pair("patient.identifier:not", token_values),
    pair("patient.birthdate", date_values),
    pair("patient._id", id_values),
    pair("patient.link.name has-member.patient.name", word_values),
    pair("has-member.code has-member.has-member.code:not", token_values),
    pair("_has:Observation:has-member:code patient._has:Observation:patient:code", token_values),
    pair("_has:Observation:has-member:patient.birthdate", date_values),
    pair("has-member:missing", missing),
    pair("code:missing subject:missing date:missing patient.name:missing", missing),
    pair("_lastUpdated", st.sampled_from(["2025-03-01", "gt2025-03-01T08:00:00Z", "lt2026"])),
)


def query(type_, pairs, sorts, includes):
    return st.tuples(
        st.just(type_),
        few(pairs),
        st.lists(
            st.sampled_from([f"{sign}{key}" for key in sorts for sign in ("", "-")]), max_size=2
        ),
        few(st.sampled_from(includes)),
        st.integers(1, 4),
    )


queries = st.one_of(
    query(
        "Patient",
        patient_pairs,
        ["name", "birthdate", "_id", "identifier", "_lastUpdated", "link"],
        [
            ("_include", "Patient:link"),
            ("_include:iterate", "Patient:link"),
            ("_include:iterate", "*"),
            ("_revinclude", "Observation:subject"),
            ("_revinclude", "Observation:*"),
            ("_revinclude:iterate", "*"),
        ],
    ),
    query(
        "Observation",
        observation_pairs,
        ["date", "code", "value-quantity", "subject", "_lastUpdated"],
        [
            ("_include", "Observation:subject"),
            ("_include", "Observation:subject:Group"),
            ("_include", "Observation:*"),
            ("_include:iterate", "Observation:has-member"),
            ("_include:iterate", "Patient:link:Patient"),
            ("_revinclude", "Observation:has-member"),
            ("_revinclude:recurse", "Observation:has-member"),
        ],
    ),
    query(
        ("Patient", "Observation", "Group"),
        st.one_of(
            pair("_tag _tag:not", token_values),
            pair("_id", id_values),
            pair("_type", st.sampled_from(["Patient,Group", "Observation", "Group,Observation"])),
            pair("_lastUpdated", st.sampled_from(["2025-03-01", "gt2025-03-01T08:00:00Z"])),
            pair("_profile", uri_values),
        ),
        ["_id", "_lastUpdated", "_tag"],
        [("_include", "*"), ("_revinclude:iterate", "Observation:subject")],
    ),
)


def asked(query, cursor=None):
    type_, pairs, sorts, includes, count = query
    once = {name: (name, value) for name, value in pairs if name == "_type"}
    pairs = [*(one for one in pairs if one[0] != "_type"), *once.values()]
    found = [*pairs, *includes, ("_count", str(count))]
    found += [("_sort", ",".join(sorts))] if sorts else []
    found += [(CURSOR, cursor)] if cursor else []
    return type_, found


def conditions(type_, pairs):

    return parse(type_, pairs, zone=ZONE).conditions


sights = st.fixed_dictionaries(
    {
        "Patient": st.just(EVERYTHING)
        | st.lists(patient_pairs, max_size=2).map(
            lambda pairs: AnyOf((conditions("Patient", pairs),))
        ),
        "Observation": st.sampled_from([EVERYTHING, NOTHING])
        | st.lists(st.lists(observation_pairs, min_size=1, max_size=2), max_size=2).map(
            lambda some: AnyOf(tuple(conditions("Observation", pairs) for pairs in some))
        ),
    }
)

# ---- the comparison ------------------------------------------------------------------------------


def play(store, moves):
    for number, (what, tree) in enumerate(moves):
        at = AT + timedelta(minutes=number % 3)
        if what == "put":
            store.write(
                lambda w, tree=tree, at=at: w.put(dumped(tree), id_=tree["id"], method="PUT", at=at)
            ).result(30)
        else:
            place = tree["resourceType"], tree["id"]
            store.write(lambda w, place=place, at=at: w.delete(*place, at=at)).result(30)


def dumped(tree):

    return Document(tree, dump(tree))


def pages(store, query):
    """All pages of a search: ids found, ids included, totals."""

    seen, cursor = [], None
    while True:
        type_, pairs = asked(query, cursor)
        found = store.search(parse(type_, pairs, zone=ZONE, base=BASE))
        matches = [(one.id, one.version, one.updated, one.body) for one in found.matches]
        included = [(one.type, one.id, one.version) for one in found.included]
        seen.append((matches, included, found.total, found.next, found.cut))
        if found.next is None:
            return seen
        cursor = found.next


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes, st.lists(queries, min_size=4, max_size=8), optional(sights))
def test_all_stores_agree(moves, searches, sight):
    with tempfile.TemporaryDirectory() as folder:
        whole = [opened(kind, folder) for kind in KINDS]
        try:
            for store in whole:
                play(store, moves)
            seen = Visibility(sight, EVERYTHING) if sight is not None else None
            views = [store.restricted(seen) if seen else store for store in whole]
            expected, *others = views
            for search in searches:
                wanted = pages(expected, search)
                for store in others:
                    assert pages(store, search) == wanted
            for store in others:
                assert list(store.scan()) == list(expected.scan())
                assert store.counts() == expected.counts()
                for type_ in ("Patient", "Observation"):
                    for id_ in IDS:
                        history = store.history(type_, id_, count=9)
                        assert history == expected.history(type_, id_, count=9)
                        assert store.read(type_, id_) == expected.read(type_, id_)
        finally:
            for store in whole:
                store.close()
