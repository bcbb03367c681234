"""https://hl7.org/fhir/R4/location.html#positional: places within a distance."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_profiles.outcomes import FhirError
from fhir_server.search.index import index_rows
from fhir_server.search.match import Entry, meets
from tests.fhir_server.store.stores import ZONE, request

pytestmark = pytest.mark.spec("location.html#positional")


def location(id_, latitude=None, longitude=None):
    tree = {"resourceType": "Location", "id": id_, "status": "active"}
    if latitude is not None:
        tree["position"] = {"latitude": latitude, "longitude": longitude}
    return tree


RESOURCES = [
    location("bachmai", 21.0016, 105.8408),
    location("vietduc", 21.0287, 105.8466),  # 3.07 km from there
    location("hue", 16.4637, 107.5909),
    location("fiji", -17.7, 179.9),
    location("samoa", -17.7, -179.9),
    location("pole", 90, 0),
    location("nowhere"),
    location("wrong", 91, 0),
]

ROWS = [
    ("21.0016|105.8408|1|km", "bachmai"),
    ("21.0016|105.8408|3.0|km", "bachmai"),
    ("21.0016|105.8408|3.1|km", "bachmai vietduc"),
    ("21.0016|105.8408|3100|m", "bachmai vietduc"),
    ("21.0016|105.8408|1.9|[mi_i]", "bachmai"),
    ("21.0016|105.8408|2|mi", "bachmai vietduc"),
    ("21.0016|105.8408|0", "bachmai"),
    ("21.0016|105.8408|0|km", "bachmai"),
    ("21.0016|105.8408", "bachmai vietduc"),  # 50 km
    ("21.0016|105.8408||", "bachmai vietduc"),
    ("21.0016|105.8408|600", "bachmai vietduc hue"),
    ("0|0|30000|km", "bachmai vietduc hue fiji samoa pole"),
    # over the line of the date, over a pole
    ("-17.7|179.95|30|km", "fiji samoa"),
    ("-17.7|-179.95|30|km", "fiji samoa"),
    ("-17.7|-179.95|7|km", "samoa"),
    ("89.9|-120|20|km", "pole"),
    ("89.9|-120|10|km", ""),
    # any of
    ("21.0016|105.8408|1|km,16.4637|107.5909|1|km", "bachmai hue"),
]


@pytest.mark.parametrize(("value", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_near(find, value, expected):
    assert find(f"Location?near={value}") == expected


def test_missing(find):
    assert find("Location?near:missing=true") == "nowhere wrong"


BAD = [
    ("1", "is not latitude.longitude.distance.unit"),
    ("1|2|3|km|5", "is not latitude.longitude.distance.unit"),
    ("north|2", "'north' is no latitude"),
    ("1|east", "'east' is no longitude"),
    ("91|2", "a latitude is from -90 to 90"),
    ("1|181", "a longitude from -180 to 180"),
    ("nan|0", "is no latitude"),
    ("1|2|far", "'far' is no distance"),
    ("1|2|-3", "negative"),
    ("1|2|3|kg", "'kg' is no unit of length; write km, m"),
    ("1|2|inf", "is no distance"),
]


@pytest.mark.parametrize(("value", "words"), BAD, ids=[row[0] for row in BAD])
def test_bad_value(value, words):
    with pytest.raises(FhirError, match=f"near: .*{words}") as refused:
        request(f"Location?near={value}")
    assert refused.value.status == 400


def test_there_is_no_order():
    with pytest.raises(FhirError, match="_sort: near is of type special, whose values have no"):
        request("Location?_sort=near")


def haversine(a, b, c, d):
    """Kilometres, by the formula of the schoolbook."""
    p, q, half = math.radians(a), math.radians(c), math.radians(d - b) / 2
    h = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin(half) ** 2
    return 2 * 6371.0088 * math.asin(min(1.0, math.sqrt(h)))


degrees = st.floats(-90, 90)


@settings(deadline=None)
@given(degrees, st.floats(-180, 180), degrees, st.floats(-180, 180), st.floats(0.001, 25_000))
def test_it_is_the_distance_of_the_schoolbook(a, b, c, d, reach):
    distance = haversine(a, b, c, d)
    entry = Entry.of("x", 0, index_rows(location("x", c, d), ZONE))
    (near,) = request(f"Location?near={a!r}|{b!r}|{reach!r}|km").conditions
    if abs(distance - reach) > 1e-6 * reach + 1e-4:
        assert meets(near, entry, None) is (distance < reach)
