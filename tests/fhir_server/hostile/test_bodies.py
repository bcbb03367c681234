"""Bad bodies: what no parser should be given, and what no resource should hold."""

import hashlib
import json

import pytest

from tests.fhir_server.hostile.conftest import refused
from tests.fhir_server.hostile.known import KNOWN
from tests.fhir_server.hostile.test_queries import PATTERNS, SQL
from tests.fhir_server.serving import JSON

pytestmark = [pytest.mark.spec("json.html"), pytest.mark.spec("http.html#Status-Codes")]
MILLION = 1_000_000
DEEP = 100_000


def text(inside, type_="Patient"):
    return b'{"resourceType": "%b", %b}' % (type_.encode(), inside)


def given(value):
    """A patient with this name, as JSON text of the value."""
    return text(b'"name": [{"family": %b}]' % value)


JSON_BODIES = {
    "arrays in arrays": b"[" * DEEP,
    "objects in objects": b'{"a":' * DEEP,
    "arrays that close": text(b'"name": ' + b"[" * DEEP + b"]" * DEEP),
    "objects that close": text(b'"a": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "extensions in extensions": text(
        b'"extension": ' + b'[{"url": "u", "extension": ' * 5000 + b"[]" + b"}]" * 5000
    ),
    "65 levels": text(b'"a": ' + b"[" * 65 + b"]" * 65),
    "contained in contained": text(
        b'"contained": '
        + b'[{"resourceType": "Patient", "contained": ' * 5000
        + b"[]"
        + b"}]" * 5000
    ),
    "a member twice": text(b'"active": true, "active": false'),
    "resourceType twice": b'{"resourceType": "Patient", "resourceType": "Group"}',
    "a member twice, once escaped": text(b'"active": true, "\\u0061ctive": false'),
    "a member 100,000 times": text(b",".join([b'"a": 1'] * DEEP)),
    "half a surrogate pair": given(b'"\\ud800"'),
    "the other half": given(b'"\\udc00x"'),
    "a pair the wrong way round": given(b'"\\udc00\\ud800"'),
    "half a pair as a name": text(b'"\\ud800": 1'),
    "half a pair in UTF-8": given(b'"\xed\xa0\x80"'),
    "too long UTF-8": given(b'"\xc0\x80"'),
    "latin-1": given(b'"\xe9"'),
    "UTF-16": '{"resourceType": "Patient"}'.encode("utf-16"),
    "UTF-32": '{"resourceType": "Patient"}'.encode("utf-32-le"),
    "a byte order mark": b"\xef\xbb\xbf" + text(b'"active": true'),
    "U+0000": given(b'"\\u0000"'),
    "U+0000 as it is": given(b'"\x00"'),
    "U+0000 in a name": text(b'"a\\u0000b": 1'),
    "NaN": text(b'"active": NaN'),
    "Infinity": text(b'"active": -Infinity'),
    "a number of a million digits": text(b'"multipleBirthInteger": ' + b"9" * MILLION),
    "a fraction of a million digits": text(b'"multipleBirthInteger": 0.' + b"9" * MILLION),
    "a huge exponent": text(b'"multipleBirthInteger": 1e999999999999'),
    "a large exponent": text(b'"multipleBirthInteger": 1e400'),
    "hexadecimal": text(b'"multipleBirthInteger": 0x10'),
    "a leading zero": text(b'"multipleBirthInteger": 01'),
    "a huge integer": text(b'"multipleBirthInteger": 99999999999999999999'),
    "a comma too many": text(b'"active": true,'),
    "a comment": text(b'"active": true /* yes */'),
    "single quotes": b"{'resourceType': 'Patient'}",
    "two resources": text(b'"active": true') * 2,
    "null": b"null",
    "a string": b'"Patient"',
    "a number": b"1",
    "a million commas": b"[" + b"," * MILLION,
    "a million blanks": b" " * MILLION,
    "a million quotes": b'"' * MILLION,
    "a million backslashes": b'{"' + b"\\" * MILLION,
    "XML": b'<Patient xmlns="http://hl7.org/fhir"/>',
    "gzip without saying so": b"\x1f\x8b\x08\x00" + b"\x00" * 50,
    "a type that is an object": b'{"resourceType": {}}',
    "a type that is a list": b'{"resourceType": ["Patient"]}',
    "a type that is none": b'{"resourceType": null}',
    "a type of a million letters": text(b'"active": true', "P" * MILLION),
    "an id of a million letters": text(b'"id": "' + b"a" * MILLION + b'", "birthDate": "x"'),
    "an element of a million letters": text(b'"' + b"a" * MILLION + b'": 1'),
    "100,000 unknown elements": text(b",".join(b'"e%d": 1' % n for n in range(DEEP))),
    "100,000 wrong names": text(b'"name": [' + b",".join([b"1"] * DEEP) + b"]"),
    "meta that is a list": text(b'"meta": []'),
    "meta that is a string": text(b'"meta": "x"'),
    "a date of a million digits": text(b'"birthDate": "' + b"2" * MILLION + b'"'),
    "a date like a bomb": text(b'"birthDate": "' + b"2020-01-" * 100_000 + b'"'),
    "base64 that never ends": text(b'"photo": [{"data": "' + b"A" * MILLION + b'!"}]'),
    "a code of blanks": text(b'"gender": "' + b" " * MILLION + b'"'),
    "a uri of blanks": text(b'"implicitRules": "' + b"a " * 500_000 + b'"'),
    "a list that is none": text(b'"name": {"0": {}}'),
    "an element that shadows": text(b'"_name": [1, 2, 3]'),
    "extensions without end": text(b'"_birthDate": {"extension": [' + b"{}," * 1000 + b"{}]}"),
}


@pytest.mark.parametrize("body", JSON_BODIES.values(), ids=JSON_BODIES)
def test_json(server, body):
    with server.well_kept():
        for method, target in (("POST", "Patient"), ("PUT", "Patient/x"), ("POST", "")):
            assert refused(server.ask(method, target, body)).status in (400, 413, 422)
        refused(
            server.ask(
                "PATCH", "Patient/known", body, ("content-type", "application/json-patch+json")
            )
        )
        refused(server.ask("POST", "Patient/$validate", body))
    assert server.patients() == 1


# Not to be packed into a row of an index by any compression.
LETTERS = "".join(hashlib.sha256(b"%d" % n).hexdigest() for n in range(MILLION // 64)).encode()

KEPT = {
    "a string of a million letters": given(b'"' + b"a" * MILLION + b'"'),
    "an identifier of a million letters": text(
        b'"identifier": [{"system": "urn:x", "value": "' + LETTERS + b'"}]'
    ),
    "a system of a million letters": text(
        b'"identifier": [{"system": "urn:' + LETTERS + b'", "value": "1"}]'
    ),
    "a tag of a million letters": text(b'"meta": {"tag": [{"code": "' + LETTERS + b'"}]}'),
    "a profile of a million letters": text(b'"meta": {"profile": ["urn:' + LETTERS + b'"]}'),
    "a reference of a million letters": text(
        b'"managingOrganization": {"reference": "http://x.example/' + LETTERS + b'"}'
    ),
    "a city of a million letters": text(b'"address": [{"city": "' + LETTERS + b'"}]'),
    "SQL": given(json.dumps(SQL[1]).encode()),
    "patterns": given(json.dumps("".join(PATTERNS)).encode()),
    "a smiley as a pair": given(b'"\\ud83d\\ude00"'),
    "right to left": given('"\u202eabc"'.encode()),
    "marks upon marks": given(('"e' + "\u0301" * 10_000 + '"').encode()),
}


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_strange_but_allowed(server, body):
    """Kept as it came, found again, and gone after its deletion."""
    with server.well_kept():
        made = server.ask("POST", "Patient", body)
        assert made.status == 201, made.body[:300]
        target = f"Patient/{made.json['id']}"
        kept = server.ask("GET", target).json
        assert {**kept, **json.loads(body), "meta": {}} == {**kept, "meta": {}}
        assert server.ask("DELETE", target).status == 204
    assert server.patients() == 1


def bundle(*entries, type_="transaction"):
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries)}


def post(url, resource=None, **request):
    made = {"request": {"method": "POST", "url": url, **request}}
    return {**made, "resource": resource} if resource else made


PERSON = {"resourceType": "Patient"}
URN = "urn:uuid:00000000-0000-0000-0000-000000000001"
BUNDLES = {
    "20,000 entries": bundle(*[post("Patient", PERSON)] * 20_000),
    "no request": bundle({"resource": PERSON}),
    "a request that is a list": bundle({"request": [], "resource": PERSON}),
    "an entry that is null": bundle(None),
    "a url that is a number": bundle(post(1, PERSON)),
    "a url of a million letters": bundle(post("a" * MILLION, PERSON)),
    "a url outside": bundle(post("http://other.example/fhir/Patient", PERSON)),
    "a url with dots": bundle(post("Patient/../../etc", PERSON)),
    "a bundle inside": bundle(post("", bundle())),
    "a method nobody knows": bundle({"request": {"method": "BREW", "url": "Patient"}}),
    "a method that is a list": bundle({"request": {"method": ["GET"], "url": "Patient"}}),
    "one identity twice": bundle(
        *[
            {
                **post("Patient/z", {**PERSON, "id": "z"}),
                "request": {"method": "PUT", "url": "Patient/z"},
            }
        ]
        * 2
    ),
    "a condition of a million letters": bundle(
        post("Patient", PERSON, ifNoneExist="identifier=" + "|" * MILLION)
    ),
    "a condition that is SQL": bundle(post("Patient", PERSON, ifNoneExist=SQL[1])),
    "a condition with U+0000": bundle(post("Patient", PERSON, ifNoneExist="identifier=%00")),
    "a version that is SQL": bundle(
        {
            "resource": KNOWN,
            "request": {"method": "PUT", "url": "Patient/known", "ifMatch": SQL[0]},
        }
    ),
    "links that need each other": bundle(
        *[
            {
                "fullUrl": f"urn:x:{one}",
                **post(
                    "Patient",
                    {
                        **PERSON,
                        "link": [
                            {
                                "other": {"reference": f"Patient?identifier=urn:x|{two}"},
                                "type": "seealso",
                            }
                        ],
                    },
                ),
            }
            for one, two in (("a", "b"), ("b", "a"))
        ]
    ),
    "one name for two": bundle(*[{"fullUrl": URN, **post("Patient", PERSON)}] * 2),
}


@pytest.mark.parametrize("tree", BUNDLES.values(), ids=BUNDLES)
def test_bundles(server, tree):
    with server.well_kept():
        refused(server.ask("POST", "", tree))
        # A batch tells every entry by itself.
        got = server.ask("POST", "", {**tree, "type": "batch", "entry": tree["entry"][:1]})
        if got.status == 200:
            assert got.json["entry"][0]["response"]["status"][0] in "24"
        else:
            refused(got)


@pytest.mark.parametrize(
    "media",
    [
        *(
            "",
            "text/plain",
            "text/html",
            "multipart/form-data",
            "application/octet-stream",
            "a/b/c",
        ),
        *(f"{JSON}; charset=utf-16", f"{JSON}; charset=\x80", f"{JSON}; fhirVersion=3.0", "json"),
        *(
            "application/x-www-form-urlencoded",
            "text/turtle",
            "a" * 100_000,
            ";;;;",
            "charset=utf-8",
        ),
    ],
)
def test_media_types(server, media):
    with server.well_kept():
        for target in ("Patient", ""):
            got = server.ask("POST", target, KNOWN, ("content-type", media))
            assert refused(got).status == 415
