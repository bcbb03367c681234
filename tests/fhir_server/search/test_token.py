"""https://hl7.org/fhir/R4/search.html#token"""

import pytest

pytestmark = pytest.mark.spec("search.html#token")

CCCD, MRN = "http://fhir.hl7.org.vn/core/sid/cccd", "https://lienthong.example/fhir/sid/mrn/01001"
LOINC = "http://loinc.org"


def patient(id_, **members):
    return {"resourceType": "Patient", "id": id_, **members}


def observation(id_, *codings, **members):
    code = {"coding": list(codings)} if codings else {"text": "in words"}
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": code, **members}


RESOURCES = [
    patient(
        "an",
        gender="male",
        active=True,
        identifier=[{"system": CCCD, "value": "001090000001"}, {"system": MRN, "value": "A-7"}],
        telecom=[{"system": "phone", "value": "0901"}, {"system": "email", "value": "an@x.vn"}],
        maritalStatus={"coding": [{"system": "http://m", "code": "M"}]},
        meta={"tag": [{"system": "http://t", "code": "train"}], "security": [{"code": "R"}]},
    ),
    patient("binh", gender="female", active=False, identifier=[{"value": "A-7"}]),
    patient("chi", gender="female", identifier=[{"system": CCCD}], deceasedBoolean=False),
    patient(
        "dung", deceasedDateTime="2020-01-01", telecom=[{"system": "phone", "value": "an@x.vn"}]
    ),
    patient("em", identifier=[{"system": "http://s|x", "value": "1,2"}], deceasedBoolean=True),
    observation(
        "hba1c", {"system": LOINC, "code": "4548-4"}, {"system": "http://l", "code": "HBA"}
    ),
    observation("glucose", {"system": LOINC, "code": "2345-7"}),
    observation("local", {"code": "4548-4"}),
    observation("text", component=[{"code": {"coding": [{"system": LOINC, "code": "718-7"}]}}]),
]

ROWS = [
    # code, system|code, |code, system|
    ("Patient?identifier=A-7", "an binh"),
    (f"Patient?identifier={MRN}|A-7", "an"),
    ("Patient?identifier=|A-7", "binh"),
    (f"Patient?identifier={CCCD}|", "an chi"),
    (f"Patient?identifier={CCCD}|001090000001", "an"),
    (f"Patient?identifier={CCCD}|A-7", ""),
    ("Patient?identifier=nobody", ""),
    # small and capital letters are the same in codes, not in systems
    ("Patient?identifier=a-7", "an binh"),
    (f"Patient?identifier={MRN.upper()}|A-7", ""),
    ("Observation?code=hba", "hba1c"),
    # any of, all of
    ("Patient?identifier=A-7,001090000001", "an binh"),
    (f"Observation?code={LOINC}|4548-4,{LOINC}|2345-7", "hba1c glucose"),
    (f"Observation?code={LOINC}|4548-4&code=http://l|HBA", "hba1c"),
    (f"Observation?code={LOINC}|4548-4&code={LOINC}|2345-7", ""),
    # a concept with several codings, one without system, one in words only
    ("Observation?code=4548-4", "hba1c local"),
    ("Observation?code=|4548-4", "local"),
    (f"Observation?code={LOINC}|", "hba1c glucose"),
    ("Observation?code:missing=true", ""),
    ("Observation?combo-code=718-7", "text"),
    ("Observation?component-code=718-7", "text"),
    # codes know the system of the value set that binds them; booleans are words
    ("Patient?gender=male", "an"),
    ("Patient?gender=http://hl7.org/fhir/administrative-gender|female", "binh chi"),
    ("Patient?gender=http://other|female", ""),
    ("Patient?active=true", "an"),
    ("Patient?active=false", "binh"),
    # contact points: the general parameter and those for one system
    ("Patient?telecom=an@x.vn", "an dung"),
    ("Patient?email=an@x.vn", "an"),
    ("Patient?phone=an@x.vn", "dung"),
    ("Patient?telecom=phone|0901", "an"),
    # deceased is true unless nothing, or boolean false, is said
    ("Patient?deceased=true", "dung em"),
    ("Patient?deceased=false", "an binh chi"),
    # :not finds what has another value or none
    ("Patient?gender:not=male", "binh chi dung em"),
    ("Patient?gender:not=male,female", "dung em"),
    (f"Patient?identifier:not={CCCD}|001090000001", "binh chi dung em"),
    ("Patient?gender:not=unknown", "an binh chi dung em"),
    # :missing
    ("Patient?gender:missing=true", "dung em"),
    ("Patient?gender:missing=false", "an binh chi"),
    ("Patient?identifier:missing=true", "dung"),
    ("Patient?_tag:missing=false", "an"),
    # escapes
    (r"Patient?identifier=http://s\|x|1\,2", "em"),
    ("Patient?identifier=1,2", ""),
    # meta
    ("Patient?_tag=http://t|train", "an"),
    ("Patient?_tag=other", ""),
    ("Patient?_security=R", "an"),
    # several parameters
    (f"Patient?gender=male&identifier={CCCD}|&active=true", "an"),
    (f"Patient?gender=female&identifier={CCCD}|", "chi"),
]


@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_token(find, query, expected):
    assert find(query) == expected
