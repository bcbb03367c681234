"""https://hl7.org/fhir/R4/search.html#string"""

import pytest

pytestmark = pytest.mark.spec("search.html#string")

LONG = "x" * 500


def patient(id_, *names, **members):
    return {"resourceType": "Patient", "id": id_, "name": list(names), **members}


RESOURCES = [
    patient("parts", {"family": "Nguyễn", "given": ["Văn", "An"]}),
    patient("text", {"text": "Nguyễn Văn An"}),
    patient("dang", {"family": "Đặng", "given": ["Thị Ánh"], "prefix": ["Bà"]}),
    patient("decomposed", {"family": "Nguye\u0302\u0303n"}),
    patient("latin", {"family": "Müller", "given": ["Jean-Luc"]}, {"family": "Nguyen"}),
    patient(
        "address",
        address=[{"line": ["12 Lê Lợi"], "city": "Huế", "state": "TTH", "postalCode": "530000"}],
    ),
    patient("long", {"family": LONG + "a"}, {"family": LONG + "b"}),
    patient("odd", {"family": "a,b|c$d\\e", "given": ["  double   blank "]}),
]

ROWS = [
    # starts with, without case and accents, in any Unicode form
    ("Patient?family=nguyen", "parts decomposed latin"),
    ("Patient?family=NGUYỄN", "parts decomposed latin"),
    ("Patient?family=ngu", "parts decomposed latin"),
    ("Patient?family=uyen", ""),
    ("Patient?family=muller", "latin"),
    ("Patient?family=dang", "dang"),
    ("Patient?family=đặng", "dang"),
    ("Patient?given=anh", ""),
    ("Patient?given=thi anh", "dang"),
    ("Patient?given=an", "parts"),
    # `name` meets every part and the whole name in both orders
    ("Patient?name=nguyen van an", "parts text"),
    ("Patient?name=an", "parts"),
    ("Patient?name=van an nguyen", "parts"),
    ("Patient?name=nguyen an", ""),
    ("Patient?name=ba", "dang"),
    ("Patient?name=jean", "latin"),
    # :exact knows case and accents and the end
    ("Patient?family:exact=Nguyễn", "parts"),
    ("Patient?family:exact=Nguyen", "latin"),
    ("Patient?family:exact=Ngu", ""),
    ("Patient?name:exact=Nguyễn Văn An", "parts text"),
    # :contains
    ("Patient?family:contains=UYEN", "parts decomposed latin"),
    ("Patient?given:contains=anh", "dang"),
    ("Patient?given:contains=luc", "latin"),
    ("Patient?name:contains=van", "parts text"),
    # any part of an address
    ("Patient?address=hue", "address"),
    ("Patient?address=12 le loi", "address"),
    ("Patient?address=53", "address"),
    ("Patient?address-city=Huế", "address"),
    ("Patient?address-state=hue", ""),
    ("Patient?address-postalcode=530000", "address"),
    # any of, all of, missing
    ("Patient?family=dang,muller", "dang latin"),
    ("Patient?family=nguyen&given=jean", "latin"),
    ("Patient?family:missing=true", "text address"),
    ("Patient?name:missing=true", "address"),
    ("Patient?given:missing=false", "parts dang latin odd"),
    # escapes, blanks
    (r"Patient?family=a\,b\|c\$d\\e", "odd"),
    ("Patient?given=double blank", "odd"),
    ("Patient?given=DOUBLE", "odd"),
    # long texts: an index knows the beginning, :exact all of it
    ("Patient?family=xxx", "long"),
    (f"Patient?family={LONG}", "long"),
    (f"Patient?family:exact={LONG}b", "long"),
    (f"Patient?family:exact={LONG}c", ""),
    # signs that mean something elsewhere
    ("Patient?family=%", ""),
    ("Patient?family:contains=%", ""),
    ("Patient?family:contains=_", ""),
    ("Patient?family=' OR 1=1 --", ""),
]


@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[row[0][:60] for row in ROWS])
def test_string(find, query, expected):
    assert find(query) == expected
