"""XML on the wire: answers, bodies and errors; what is kept is JSON (https://hl7.org/fhir/R4/xml.html)."""

import pytest
from lxml import etree

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.operations import Operation
from tests.fhir_server.serving import JSON, PATIENT, serving

pytestmark = [pytest.mark.spec("http.html#mime-type"), pytest.mark.spec("xml.html")]
XML = "application/fhir+xml"
NS = "{http://hl7.org/fhir}"
KNOWN = {**PATIENT, "id": "a", "birthDate": "1990-12-31"}
PERSON = """<Patient xmlns="http://hl7.org/fhir">
  <id value="x"/>
  <name><family value="Trần"/></name>
</Patient>"""


async def echo(call):
    """Answers with what it was given."""
    return Answer(tree=call.document.tree)


ECHO = Operation("$echo", "", "system", echo, "https://example.org/echo")


@pytest.fixture
def server():
    with serving(operations=(ECHO,)) as running:
        running.ask("PUT", "Patient/a", KNOWN)
        yield running


def sent(server, method, path, xml, media=XML, **headers):
    body = xml if isinstance(xml, bytes) else xml.encode()
    return server.ask(method, path, body, content_type=media, **headers)


# ---- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "root"),
    [
        ("Patient/a", 200, "Patient"),
        ("Patient/a/_history/1", 200, "Patient"),
        ("Patient/a/_history", 200, "Bundle"),
        ("Patient", 200, "Bundle"),
        ("Patient?_summary=count", 200, "Bundle"),
        ("metadata", 200, "CapabilityStatement"),
        ("Patient/nobody", 404, "OperationOutcome"),
        ("Patiens/a", 404, "OperationOutcome"),
        ("no/such/place/at/all", 404, "OperationOutcome"),
        ("Patient?nam=x", 400, "OperationOutcome"),
        ("Patient?name=%ff", 400, "OperationOutcome"),
        ("Patient/_search", 405, "OperationOutcome"),
    ],
)
@pytest.mark.parametrize("by", ["Accept", "_format"])
def test_everything_in_xml(server, path, status, root, by):
    headers = {"accept": XML} if by == "Accept" else {"accept": JSON}
    asked = path if by == "Accept" else f"{path}{'&' if '?' in path else '?'}_format=xml"
    got = server.ask("GET", asked, **headers)
    assert got.status == status
    if (by, "%ff" in path) == ("_format", True):
        assert got.headers["content-type"].startswith(JSON)  # its query cannot be read
        return
    assert got.headers["content-type"] == f"{XML}; charset=utf-8"
    assert etree.fromstring(got.body).tag == f"{NS}{root}"


@pytest.mark.parametrize("media", ["application/xml", "text/xml"])
def test_other_names_of_xml(server, media):
    got = server.ask("GET", "Patient/a", accept=media)
    assert got.headers["content-type"] == f"{media}; charset=utf-8"
    assert etree.fromstring(got.body).find(f"{NS}name/{NS}family").get("value") == "Nguyễn"


def test_a_write_is_answered_in_xml_and_kept_as_json(server):
    got = server.ask("PUT", "Patient/b", {**KNOWN, "id": "b"}, accept=XML)
    assert (got.status, got.headers["etag"]) == (201, 'W/"1"')
    assert etree.fromstring(got.body).find(f"{NS}id").get("value") == "b"
    assert server.ask("GET", "Patient/b").json["birthDate"] == "1990-12-31"


def test_pretty_xml(server):
    plain = server.ask("GET", "Patient/a", accept=XML)
    pretty = server.ask("GET", "Patient/a?_pretty=true", accept=XML)
    assert plain.body.count(b"\n") < 3 < pretty.body.count(b"\n")
    assert etree.fromstring(pretty.body).find(f"{NS}birthDate").get("value") == "1990-12-31"


def test_packed_xml_and_its_head(server):
    got = server.ask("GET", "metadata", accept=XML, accept_encoding="gzip")
    assert got.headers["content-encoding"] == "gzip"
    assert etree.fromstring(got.body).tag == f"{NS}CapabilityStatement"
    head = server.ask("HEAD", "Patient/a", accept=XML)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(
        len(server.ask("GET", "Patient/a", accept=XML).body)
    )


def test_xml_is_announced(server):
    assert {"application/fhir+xml", "xml"} <= set(server.ask("GET", "metadata").json["format"])


class Closed:
    """A guard that knows nobody."""

    async def admit(self, request):
        raise FhirError(Kind.LOGIN, "say who you are")


def test_who_is_not_let_in_reads_why_in_xml():
    with serving(guard=Closed()) as server:
        got = server.ask("GET", "Patient/a", accept=XML)
        assert got.status == 401
        assert etree.fromstring(got.body).find(f"{NS}issue/{NS}code").get("value") == "login"


# ---- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media",
    [
        *(XML, "application/xml", "text/xml", f"{XML}; charset=utf-8", f"{XML}; charset=UTF-8"),
        f"{XML}; fhirVersion=4.0",
    ],
)
def test_create_and_update(server, media):
    made = sent(server, "POST", "Patient", PERSON, media)
    assert made.status == 201
    assert made.json["name"] == [{"family": "Trần"}]
    again = sent(server, "PUT", "Patient/x", PERSON, media)
    assert (again.status, again.json["id"]) == (201, "x")
    stored = server.store.read("Patient", "x")
    assert stored.body.startswith(b'{"resourceType":"Patient"')


def test_a_decimal_keeps_its_digits(server):
    observation = """<Observation xmlns="http://hl7.org/fhir"><status value="final"/>
      <code><text value="HbA1c"/></code>
      <valueQuantity><value value="7.50"/><unit value="%"/></valueQuantity></Observation>"""
    made = sent(server, "POST", "Observation", observation)
    assert made.status == 201
    assert b'"value":7.50' in made.body
    xml = server.ask("GET", f"Observation/{made.json['id']}", accept=XML)
    assert b'value="7.50"' in xml.body


def test_what_comes_back_may_be_sent_again(server):
    """Read as XML, put as XML: a new version of the same."""
    before = server.ask("GET", "Patient/a")
    xml = server.ask("GET", "Patient/a", accept=XML).body
    got = sent(server, "PUT", "Patient/a", xml, if_match='W/"1"')
    assert (got.status, got.headers["etag"]) == (200, 'W/"2"')
    without = {"meta"}
    assert {k: v for k, v in got.json.items() if k not in without} == {
        k: v for k, v in before.json.items() if k not in without
    }


@pytest.mark.spec("http.html#transaction")
@pytest.mark.parametrize("type_", ["batch", "transaction"])
def test_bundles(server, type_):
    bundle = f"""<Bundle xmlns="http://hl7.org/fhir"><type value="{type_}"/>
      <entry><fullUrl value="urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"/>
        <resource>{PERSON}</resource>
        <request><method value="PUT"/><url value="Patient/x"/></request></entry>
      <entry><request><method value="GET"/><url value="Patient/a"/></request></entry></Bundle>"""
    got = sent(server, "POST", "", bundle, accept=XML)
    assert got.status == 200, got.body
    tree = etree.fromstring(got.body)
    statuses = [one.get("value")[:3] for one in tree.iter(f"{NS}status")]
    assert statuses == ["201", "200"]
    assert server.ask("GET", "Patient/x").json["name"] == [{"family": "Trần"}]


@pytest.mark.spec("http.html#patch")
def test_fhirpath_patch(server):
    patch = """<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>
      <part><name value="type"/><valueCode value="replace"/></part>
      <part><name value="path"/><valueString value="Patient.birthDate"/></part>
      <part><name value="value"/><valueDate value="1991-01-01"/></part></parameter></Parameters>"""
    got = sent(server, "PATCH", "Patient/a", patch)
    assert (got.status, got.json["birthDate"]) == (200, "1991-01-01")


@pytest.mark.spec("operations.html")
def test_an_operation_with_xml_parameters(server):
    parameters = """<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="n"/>
      <valueInteger value="7"/></parameter></Parameters>"""
    got = sent(server, "POST", "$echo", parameters)
    assert got.json["parameter"] == [{"name": "n", "valueInteger": 7}]
    xml = sent(server, "POST", "$echo", parameters, accept=XML)
    assert etree.fromstring(xml.body).tag == f"{NS}Parameters"


@pytest.mark.spec("binary.html")
def test_binary_in_xml_and_xml_in_binary(server):
    as_resource = """<Binary xmlns="http://hl7.org/fhir"><contentType value="text/plain"/>
      <data value="aGVsbG8="/></Binary>"""
    made = sent(server, "POST", "Binary", as_resource)
    path = f"Binary/{made.headers['location'].split('/')[-3]}"
    assert server.ask("GET", path, accept="text/plain").body == b"hello"
    assert etree.fromstring(server.ask("GET", path, accept=XML).body).tag == f"{NS}Binary"
    content = b"<note>hello</note>"
    made = sent(server, "POST", "Binary", content, "application/xml")
    path = f"Binary/{made.headers['location'].split('/')[-3]}"
    assert server.ask("GET", path, accept="application/xml").body == content


# ---- what is refused ---------------------------------------------------------------------------

HEAD = '<Patient xmlns="http://hl7.org/fhir">'
BAD = {
    "nothing": ("", XML, 400, True),
    "not closed": (f"{HEAD}\n <active", XML, 400, True),
    "wrong end": (f"{HEAD}\n <active></Patient>", XML, 400, True),
    "no XML": ("{}", XML, 400, True),
    "no namespace": ("<Patient/>", XML, 400, True),
    "another namespace": ('<Patient xmlns="urn:hl7-org:v3"/>', XML, 400, True),
    "a type that is none": ('<Patiens xmlns="http://hl7.org/fhir"/>', XML, 400, True),
    "an element that is none": (f'{HEAD}\n<nam value="x"/></Patient>', XML, 400, True),
    "an attribute that is none": (f'{HEAD}\n<active valeu="x"/></Patient>', XML, 400, True),
    "text between": (f"{HEAD}\nhello</Patient>", XML, 400, True),
    "a DTD": (f"<!DOCTYPE a []>{HEAD}</Patient>", XML, 400, True),
    "an entity": (f'{HEAD}\n<active value="&nbsp;"/></Patient>', XML, 400, True),
    "latin-1": (PERSON, f"{XML}; charset=iso-8859-1", 415, False),
    "another release": (PERSON, f"{XML}; fhirVersion=5.0", 415, False),
    "another type": (PERSON.replace("Patient", "Person"), XML, 400, False),
    "not valid": (f'{HEAD}<birthDate value="x"/></Patient>', XML, 422, False),
}


@pytest.mark.parametrize("row", BAD.values(), ids=BAD)
def test_refused(server, row):
    xml, media, status, placed = row
    got = sent(server, "POST", "Patient", xml, media)
    assert got.status == status, got.body
    issue = got.issues[0]
    assert ("location" in issue) == placed, issue
    if placed:
        line = 2 if "\n" in xml else 1
        assert issue["location"][0].startswith(f"line {line}, column ")
    assert server.store.counts() == {"Patient": 1}


def test_validation_speaks_of_elements_not_of_places_in_text_that_nobody_sent(server):
    got = sent(server, "POST", "Patient", f'{HEAD}<gender value="M"/></Patient>')
    assert (got.status, got.expression) == (422, "Patient.gender")
    assert "location" not in got.issues[0]
