"""https://hl7.org/fhir/R4/search.html#combining: values that belong together."""

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_server.search.index import index_rows
from fhir_server.search.params.composite import MAX_ROWS, layout
from tests.fhir_server.store.stores import ZONE, request

pytestmark = pytest.mark.spec("search.html#combining")

LOINC, LOCAL = "http://loinc.org", "http://local.example/codes"
UCUM = "http://unitsofmeasure.org"
SYSTOLIC, DIASTOLIC = f"{LOINC}|8480-6", f"{LOINC}|8462-4"


def concept(*codes, text=None):
    coding = [
        dict(zip(("system", "code"), code.rpartition("|")[::2], strict=True)) for code in codes
    ]
    return {"coding": coding} | ({"text": text} if text else {})


def quantity(value, code, **members):
    return {"value": value, "system": UCUM, "code": code, "unit": code, **members}


def observation(id_, *codes, **members):
    code = concept(*codes) if codes else {"text": "in words"}
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": code, **members}


def pressure(id_, systolic, diastolic):
    return observation(
        id_,
        f"{LOINC}|85354-9",
        component=[
            {"code": concept(SYSTOLIC), "valueQuantity": quantity(systolic, "mm[Hg]")},
            {"code": concept(DIASTOLIC), "valueQuantity": quantity(diastolic, "mm[Hg]")},
        ],
    )


RESOURCES = [
    observation("glucose", f"{LOINC}|2345-7", f"{LOCAL}|GLU", valueQuantity=quantity(126, "mg/dL")),
    observation("high", f"{LOINC}|2345-7", valueQuantity=quantity(2, "g/L")),
    observation("moles", f"{LOINC}|14749-6", valueQuantity=quantity(7, "mmol/L")),
    observation("urea", f"{LOINC}|3094-0", valueQuantity=quantity(126, "mg/dL")),
    observation("below", f"{LOINC}|2345-7", valueQuantity=quantity(20, "mg/dL", comparator="<")),
    observation("unitless", f"{LOCAL}|GLU", valueQuantity={"value": 126}),
    observation("nocode", valueQuantity=quantity(126, "mg/dL")),
    observation("novalue", f"{LOINC}|2345-7"),
    pressure("normal", 120, 80),
    pressure("crossed", 80, 120),
    observation("positive", f"{LOINC}|94500-6", valueCodeableConcept=concept("http://s|260373001")),
    observation("negative", f"{LOINC}|94500-6", valueCodeableConcept=concept("http://s|260415000")),
    observation("words", f"{LOINC}|8251-1", valueString="Bệnh nhân Đỡ hơn"),
    observation("dollar", f"{LOINC}|8251-1", valueString="a$b,c"),
    observation("onset", f"{LOINC}|11368-8", valueDateTime="2024-05-01T08:00:00+07:00"),
    observation("span", f"{LOINC}|11368-8", valuePeriod={"start": "2024-06-01"}),
    {
        "resourceType": "Group",
        "id": "women",
        "characteristic": [
            {"code": concept("http://c|gender"), "valueCodeableConcept": concept("http://g|F")},
            {"code": concept("http://c|smoker"), "valueBoolean": False},
        ],
    },
    {
        "resourceType": "Group",
        "id": "crossed",
        "characteristic": [
            {"code": concept("http://c|gender"), "valueBoolean": True},
            {"code": concept("http://c|smoker"), "valueCodeableConcept": concept("http://g|F")},
        ],
    },
    {
        "resourceType": "ValueSet",
        "id": "adults",
        "useContext": [
            {
                "code": {"system": "http://u", "code": "age"},
                "valueRange": {"low": quantity(18, "a"), "high": quantity(60, "a")},
            },
            {
                "code": {"system": "http://u", "code": "venue"},
                "valueCodeableConcept": concept("http://v|A"),
            },
        ],
    },
    {
        "resourceType": "MolecularSequence",
        "id": "seq",
        "coordinateSystem": 0,
        "referenceSeq": {
            "chromosome": concept("http://c|12"),
            "referenceSeqId": concept("http://n|NC_000012"),
            "windowStart": 100,
            "windowEnd": 200,
        },
        "variant": [{"start": 110, "end": 120}, {"start": 150, "end": 160}],
    },
    {
        "resourceType": "DocumentReference",
        "id": "newer",
        "status": "current",
        "relatesTo": [
            {"code": "replaces", "target": {"reference": "DocumentReference/older"}},
            {"code": "signs", "target": {"reference": "DocumentReference/other"}},
        ],
    },
]

ROWS = [
    # number, number with unit, with prefixes; a unit converts
    (f"Observation?code-value-quantity={LOINC}|2345-7$126", "glucose"),
    (f"Observation?code-value-quantity={LOINC}|2345-7$126||mg/dL", "glucose"),
    (f"Observation?code-value-quantity={LOINC}|2345-7$1.26|{UCUM}|g/L", "glucose"),
    (f"Observation?code-value-quantity={LOINC}|2345-7$gt150|{UCUM}|mg/dL", "high"),
    (f"Observation?code-value-quantity={LOINC}|2345-7$gt100|{UCUM}|mg/dL", "glucose high"),
    (f"Observation?code-value-quantity={LOINC}|2345-7$lt20|{UCUM}|mg/dL", "below"),
    (f"Observation?code-value-quantity={LOINC}|2345-7$ne126|{UCUM}|mg/dL", "high below"),
    (f"Observation?code-value-quantity={LOINC}|2345-7$126|{UCUM}|", "glucose"),
    # mass and substance are two codes of LOINC and do not compare
    (f"Observation?code-value-quantity={LOINC}|2345-7$7|{UCUM}|mmol/L", ""),
    (f"Observation?code-value-quantity={LOINC}|14749-6$7|{UCUM}|mmol/L", "moles"),
    # the code in all its forms
    ("Observation?code-value-quantity=2345-7$126", "glucose"),
    ("Observation?code-value-quantity=glu$126", "glucose unitless"),
    (f"Observation?code-value-quantity={LOCAL}|$126", "glucose unitless"),
    ("Observation?code-value-quantity=3094-0$gt100", "urea"),
    # any of, all of, missing
    (f"Observation?code-value-quantity=2345-7$126,3094-0$126|{UCUM}|mg/dL", "glucose urea"),
    ("Observation?code-value-quantity=2345-7$126&status=final", "glucose"),
    (
        "Observation?code-value-quantity:missing=false",
        "glucose high moles urea below unitless nocode",
    ),
    # components: both values are of the same one
    (f"Observation?component-code-value-quantity={SYSTOLIC}$gt100", "normal"),
    (f"Observation?component-code-value-quantity={DIASTOLIC}$gt100", "crossed"),
    (f"Observation?component-code-value-quantity={SYSTOLIC}$120,{SYSTOLIC}$80", "normal crossed"),
    (
        f"Observation?component-code-value-quantity={SYSTOLIC}$gt100"
        f"&component-code-value-quantity={DIASTOLIC}$lt90",
        "normal",
    ),
    (f"Observation?component-code-value-quantity={SYSTOLIC}$16.0|{UCUM}|kPa", "normal"),
    ("Observation?component-code-value-quantity=2345-7$126", ""),
    (f"Observation?code-value-quantity={SYSTOLIC}$gt100", ""),
    (f"Observation?combo-code-value-quantity={SYSTOLIC}$gt100", "normal"),
    ("Observation?combo-code-value-quantity=2345-7$126", "glucose"),
    ("Observation?combo-code-value-quantity=85354-9$120", ""),  # two elements
    # token with token, string, date
    (f"Observation?code-value-concept={LOINC}|94500-6$http://s|260373001", "positive"),
    ("Observation?code-value-concept=94500-6$260373001,94500-6$260415000", "positive negative"),
    ("Observation?code-value-concept=94500-6$http://s|", "positive negative"),
    ("Observation?code-value-concept=8251-1$260373001", ""),
    ("Observation?combo-code-value-concept=94500-6$260415000", "negative"),
    ("Observation?code-value-string=8251-1$benh nhan do", "words"),
    ("Observation?code-value-string=8251-1$nhan", ""),
    (r"Observation?code-value-string=8251-1$a\$b\,c", "dollar"),
    ("Observation?code-value-date=11368-8$2024-05", "onset"),
    ("Observation?code-value-date=11368-8$gt2024-05-15", "span"),
    ("Observation?code-value-date=11368-8$ge2024", "onset span"),
    ("Observation?code-value-date=8251-1$2024-05", ""),
    # elements of other types
    ("Group?characteristic-value=http://c|gender$http://g|F", "women"),
    ("Group?characteristic-value=http://c|smoker$false", "women"),
    ("Group?characteristic-value=http://c|smoker$http://g|F", "crossed"),
    (f"ValueSet?context-type-quantity=age$gt50|{UCUM}|a", "adults"),
    (f"ValueSet?context-type-quantity=age$lt10|{UCUM}|a", ""),
    (f"ValueSet?context-type-quantity=age$ge216|{UCUM}|mo", "adults"),
    (f"ValueSet?context-type-quantity=venue$gt50|{UCUM}|a", ""),
    ("ValueSet?context-type-value=http://u|venue$http://v|A", "adults"),
    ("ValueSet?context-type-value=http://u|age$http://v|A", ""),
    # three components, one of them from the whole resource
    ("MolecularSequence?chromosome-variant-coordinate=12$gt100$lt130", "seq"),
    ("MolecularSequence?chromosome-variant-coordinate=12$110$160", ""),
    ("MolecularSequence?chromosome-variant-coordinate=13$gt100$lt130", ""),
    ("MolecularSequence?chromosome-window-coordinate=12$le110$ge150", "seq"),
    ("MolecularSequence?referenceseqid-window-coordinate=http://n|NC_000012$100$200", "seq"),
    ("MolecularSequence?referenceseqid-variant-coordinate=NC_000012$150$160", "seq"),
    # reference and token
    ("DocumentReference?relationship=DocumentReference/older$replaces", "newer"),
    ("DocumentReference?relationship=other$signs", "newer"),
    ("DocumentReference?relationship=DocumentReference/older$signs", ""),
    ("DocumentReference?relationship:missing=true", ""),
]


@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_composite(find, query, expected):
    assert find(query) == expected


BAD = [
    ("code-value-quantity=2345-7", "'2345-7' is not code.value-quantity: 2 values with . between"),
    ("code-value-quantity=a$1$2", "is not code.value-quantity"),
    ("code-value-quantity=a$", "is not code.value-quantity"),
    ("code-value-quantity=a$high", "code-value-quantity: value-quantity: 'high' is not a number"),
    ("code-value-quantity=a|b|c$1", "code: 'a.b.c' is not code, system.code"),
    ("code-value-date=a$soon", "value-date: 'soon' is not a date"),
]


@pytest.mark.parametrize(("query", "words"), BAD, ids=[row[0] for row in BAD])
def test_bad_values_are_refused_with_the_component(query, words):
    with pytest.raises(FhirError, match=words) as refused:
        request(f"Observation?{query}")
    assert (refused.value.status, refused.value.kind.name) == (400, "BAD_PARAMETER")


UNKNOWN = ["code-value-quantity:not=a$1", "code-value-quantity:exact=a$1"]


@pytest.mark.parametrize("query", UNKNOWN)
def test_modifiers_do_not_apply(query):
    with pytest.raises(
        FhirError, match=r"the modifier :\w+ is not supported .* Supported: :missing"
    ):
        request(f"Observation?{query}")


def test_there_is_no_order():
    with pytest.raises(FhirError, match=r"_sort: code-value-quantity is of type composite, whose"):
        request("Observation?_sort=code-value-quantity")


def test_one_row_for_each_combination():
    codes = [f"{LOCAL}|{n}" for n in range(3)]
    rows = index_rows(observation("o", *codes, valueQuantity=quantity(1, "mg")), ZONE)
    assert sum(row.parameter == "Observation.code-value-quantity" for row in rows) == 3


def test_the_number_of_combinations_has_a_limit():
    many = [f"{LOCAL}|{n}" for n in range(200)]
    tree = observation("o", *many, valueCodeableConcept=concept(*many))
    rows = index_rows(tree, ZONE)
    assert sum(row.parameter == "Observation.code-value-concept" for row in rows) == MAX_ROWS


@pytest.mark.parametrize(
    "types",
    [("token", "token", "token"), ("quantity", "number"), ("number", "quantity"), ("special",)],
)
def test_what_has_no_room_in_a_row(types):
    with pytest.raises(ValueError, match=r"room|no columns"):
        layout(types)


@pytest.mark.parametrize("odd", [None, 1, "text", [], [[]], {"coding": 5}, [1, "x", {}]])
def test_wrong_json_types_lead_nowhere(odd):
    for type_, element in [("Observation", "component"), ("ValueSet", "useContext")]:
        index_rows({"resourceType": type_, element: odd, "code": odd, "valueQuantity": odd}, ZONE)
