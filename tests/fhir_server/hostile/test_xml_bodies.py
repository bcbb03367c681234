"""Bad XML: entities, declarations, nesting; nothing is fetched and nothing unfolds."""

import pytest

from tests.fhir_server.hostile.conftest import refused

pytestmark = [pytest.mark.spec("xml.html"), pytest.mark.spec("http.html#Status-Codes")]
XML = ("content-type", "application/fhir+xml")
NS = 'xmlns="http://hl7.org/fhir"'
MILLION = 1_000_000
DEEP = 100_000


def patient(inside="", before=""):
    return f"{before}<Patient {NS}>{inside}</Patient>".encode()


LAUGHS = "".join(f'<!ENTITY l{n} "' + f"&l{n - 1};" * 10 + '">' for n in range(1, 10))
ATTRIBUTES = " ".join(f'a{n}="x"' for n in range(DEEP))
NAMESPACES = " ".join(f'xmlns:a{n}="u"' for n in range(DEEP))

BODIES = {
    "nothing": b"",
    "elements in elements": f"<Patient {NS}>".encode() + b"<a>" * DEEP,
    "elements that close": patient("<contact>" * DEEP + "</contact>" * DEEP),
    "extensions in extensions": patient('<extension url="u">' * DEEP + "</extension>" * DEEP),
    "contained in contained": patient(
        f"<contained><Patient {NS}>" * 10_000 + "</Patient></contained>" * 10_000
    ),
    "a billion laughs": patient(
        '<gender value="&l9;"/>', f'<!DOCTYPE Patient [<!ENTITY l0 "ha">{LAUGHS}]>'
    ),
    "a quadratic one": patient(
        f'<gender value="{"&a;" * 10_000}"/>',
        f'<!DOCTYPE Patient [<!ENTITY a "{"a" * 100_000}">]>',
    ),
    "an entity that means itself": patient(
        '<gender value="&a;"/>', '<!DOCTYPE Patient [<!ENTITY a "&b;"><!ENTITY b "&a;">]>'
    ),
    "a file": patient(
        '<gender value="&f;"/>', '<!DOCTYPE Patient [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    ),
    "an address": patient(
        '<gender value="&f;"/>', '<!DOCTYPE Patient [<!ENTITY f SYSTEM "http://127.0.0.1:9/">]>'
    ),
    "a parameter entity": patient(
        "", '<!DOCTYPE Patient [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>'
    ),
    "a DTD elsewhere": patient("", '<!DOCTYPE Patient SYSTEM "http://127.0.0.1:9/a.dtd">'),
    "a DTD of nothing": patient("", "<!DOCTYPE Patient>"),
    "another file included": patient(
        '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>'
    ),
    "an entity of HTML": patient('<gender value="&nbsp;"/>'),
    "U+0000": patient('<gender value="&#0;"/>'),
    "U+0000 as it is": patient('<gender value="\x00"/>'),
    "half a surrogate pair": patient('<gender value="&#xD800;"/>'),
    "beyond Unicode": patient('<gender value="&#x110000;"/>'),
    "bytes that are no UTF-8": patient().replace(b"</", b"\xff\xfe</"),
    "an encoding that there is not": patient("", '<?xml version="1.0" encoding="x-none"?>'),
    "UTF-7": patient("", '<?xml version="1.0" encoding="UTF-7"?>'),
    "UTF-16 that says UTF-8": '<?xml version="1.0" encoding="UTF-8"?><Patient/>'.encode("utf-16"),
    "XML 1.1": patient('<gender value="&#1;"/>', '<?xml version="1.1"?>'),
    "100,000 attributes": patient(f"<active {ATTRIBUTES}/>"),
    "an attribute twice": patient('<active value="true" value="false"/>'),
    "100,000 namespaces": patient(f"<active {NAMESPACES}/>"),
    "a name of a million": patient(f"<{'a' * MILLION}/>"),
    "a value of a million": patient(f'<birthDate value="{"2" * MILLION}"/>'),
    "a million elements": patient("<x/>" * MILLION),
    "a million comments": patient("<!---->" * MILLION + "<nam/>"),
    "a million instructions": patient("<?a?>" * MILLION + "<nam/>"),
    "CDATA": patient("<![CDATA[" + "]" * MILLION + "]]>"),
    "two roots": patient() * 2,
    "a root that is none": f"<a {NS}/>".encode(),
    "the root in another namespace": b'<x:Patient xmlns:x="urn:x"/>',
    "the element in another namespace": patient('<active xmlns="urn:x" value="true"/>'),
    "a script as narrative": patient(
        '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">'
        "<script>alert(1)</script></div></text>"
    ),
    "a narrative that is deep": patient(
        '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">'
        + "<b>" * DEEP
        + "</b>" * DEEP
        + "</div></text>"
    ),
    "JSON": b'{"resourceType": "Patient"}',
    "HTML": b"<html><body><p>hello<br></body></html>",
    "a value where none can be": patient('<name value="x"/>'),
    "two where one can be": patient('<active value="true"/><active value="true"/>'),
    "a number as a boolean": patient('<active value="1"/>'),
    "NaN": patient('<multipleBirthInteger value="NaN"/>'),
    "a million digits": patient(f'<multipleBirthInteger value="{"9" * MILLION}"/>'),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_xml(server, body):
    with server.well_kept():
        for method, target in (("POST", "Patient"), ("PUT", "Patient/x"), ("POST", "")):
            got = refused(server.ask(method, target, body, XML))
            assert got.status in (400, 413, 422)
            assert b"root:" not in got.body
        refused(server.ask("PATCH", "Patient/known", body, XML))
    assert server.patients() == 1
