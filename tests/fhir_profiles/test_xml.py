"""XML both ways, nothing lost (https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/json.html)."""

import json
from random import Random

import pytest
from lxml import etree

from fhir_profiles.conformance import examples, resources
from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.json_text import dump, parse
from fhir_profiles.xml_reading import XmlTrouble, to_json
from fhir_profiles.xml_writing import NotWritable, to_xml
from tests.fhir_profiles import samples
from tests.fhir_profiles.drawn import drawn

pytestmark = [pytest.mark.spec("xml.html"), pytest.mark.spec("json.html")]

NS = ' xmlns="http://hl7.org/fhir"'
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


# ---- both ways ---------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", sorted(resource_types()))
def test_nothing_is_lost_of_any_type(type_):
    for seed in range(8):
        body = dump(drawn(Random(f"{type_} {seed}"), type_))
        plain, pretty = to_xml(body), to_xml(body, pretty=True)
        assert parse(to_json(plain)) == parse(body)
        assert to_json(pretty) == to_json(plain)
        assert to_xml(to_json(plain)) == plain
        assert etree.fromstring(plain).tag == f"{{http://hl7.org/fhir}}{type_}"


@pytest.mark.parametrize("name", [name for name in vars(samples) if name.isupper()])
def test_nothing_is_lost_of_the_samples(name):
    tree = getattr(samples, name)
    if isinstance(tree, dict) and "resourceType" in tree:
        body = dump(tree)
        assert parse(to_json(to_xml(body))) == parse(body)


def test_nothing_is_lost_of_our_own_definitions():
    trees = [*resources().values(), *examples().values()]
    assert len(trees) > 20
    for tree in trees:
        body = dump(tree)
        assert parse(to_json(to_xml(body, pretty=True))) == parse(body)


ROWS = {
    "values of each kind": (
        '{"resourceType":"Patient","id":"a","active":true,"name":[{"family":"Trần"}],'
        '"birthDate":"1990","multipleBirthInteger":2}',
        f'<Patient{NS}><id value="a"/><active value="true"/><name><family value="Trần"/></name>'
        '<birthDate value="1990"/><multipleBirthInteger value="2"/></Patient>',
    ),
    "an order that is the specification's": (
        '{"gender":"male","name":[{"given":["B"],"family":"A","use":"usual"}],"id":"a",'
        '"resourceType":"Patient"}',
        f'<Patient{NS}><id value="a"/><name><use value="usual"/><family value="A"/>'
        '<given value="B"/></name><gender value="male"/></Patient>',
    ),
    "decimals with their digits": (
        '{"resourceType":"Observation","valueQuantity":{"value":7.50},'
        '"referenceRange":[{"low":{"value":1.0E-2},"high":{"value":100}}]}',
        f'<Observation{NS}><valueQuantity><value value="7.50"/></valueQuantity><referenceRange>'
        '<low><value value="1.0E-2"/></low><high><value value="100"/></high></referenceRange>'
        "</Observation>",
    ),
    "extensions of values, and gaps": (
        '{"resourceType":"Patient","name":[{"given":["A",null,"C"],"_given":[null,{"extension":'
        '[{"url":"http://x.org","valueCode":"c"}]},{"id":"i"}]}],"_birthDate":{"extension":'
        '[{"url":"http://x.org","valueBoolean":false}]}}',
        f'<Patient{NS}><name><given value="A"/><given><extension url="http://x.org">'
        '<valueCode value="c"/></extension></given><given id="i" value="C"/></name>'
        '<birthDate><extension url="http://x.org"><valueBoolean value="false"/></extension>'
        "</birthDate></Patient>",
    ),
    "ids are attributes, but of resources": (
        '{"resourceType":"Patient","id":"a","name":[{"id":"n","text":"A"}],'
        '"extension":[{"id":"e","url":"http://x.org","valueString":"v"}]}',
        f'<Patient{NS}><id value="a"/><extension id="e" url="http://x.org"><valueString value="v"/>'
        '</extension><name id="n"><text value="A"/></name></Patient>',
    ),
    "resources inside": (
        '{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":'
        '"Observation","contained":[{"resourceType":"Patient","id":"p"}],"status":"final"}},'
        '{"response":{"status":"200","outcome":{"resourceType":"OperationOutcome"}}}]}',
        f'<Bundle{NS}><type value="collection"/><entry><resource><Observation><contained><Patient>'
        '<id value="p"/></Patient></contained><status value="final"/></Observation></resource>'
        '</entry><entry><response><status value="200"/><outcome><OperationOutcome/></outcome>'
        "</response></entry></Bundle>",
    ),
    "Parameters in Parameters": (
        '{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","resource":'
        '{"resourceType":"Parameters","parameter":[{"name":"c","valueId":"d"}]}}]}]}',
        f'<Parameters{NS}><parameter><name value="a"/><part><name value="b"/><resource><Parameters>'
        '<parameter><name value="c"/><valueId value="d"/></parameter></Parameters></resource>'
        "</part></parameter></Parameters>",
    ),
    "lines and tabs": (
        '{"resourceType":"Basic","code":{"text":"a\\n\\tb\\r\\n\\"c\\" & <d>"}}',
        f'<Basic{NS}><code><text value="a&#10;&#9;b&#13;&#10;&quot;c&quot; &amp; &lt;d&gt;"/>'
        "</code></Basic>",
    ),
    "a narrative": (
        '{"resourceType":"Basic","text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.'
        'org/1999/xhtml\\"><p  class=\\"a\\">A &amp; B &#160;<br/>\\n</p><!-- c --></div>"}}',
        f'<Basic{NS}><text><status value="generated"/>{DIV}<p  class="a">A &amp; B &#160;<br/>\n'
        "</p><!-- c --></div></text></Basic>",
    ),
    "content that refers to other content": (
        '{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group",'
        '"item":[{"linkId":"1.1","type":"integer"}]}]}',
        f'<Questionnaire{NS}><status value="draft"/><item><linkId value="1"/><type value="group"/>'
        '<item><linkId value="1.1"/><type value="integer"/></item></item></Questionnaire>',
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_both_ways(row):
    text, xml = row
    assert to_xml(text.encode()).decode() == HEAD + xml
    assert parse(to_json(xml.encode())) == parse(text.encode())


def test_digits_of_a_decimal_are_those_of_the_text():
    xml = (
        f'<Observation{NS}><valueQuantity><value value="-0.0100e+3"/></valueQuantity></Observation>'
    )
    assert b'"value":-0.0100e+3' in to_json(xml.encode())
    assert to_xml(to_json(xml.encode())).decode() == HEAD + xml


def test_pretty_has_one_element_a_line():
    body = b'{"resourceType":"Patient","name":[{"text":"A"}]}'
    assert to_xml(body, pretty=True).decode().splitlines() == [
        HEAD,
        f"<Patient{NS}>",
        "  <name>",
        '    <text value="A"/>',
        "  </name>",
        "</Patient>",
    ]


# ---- forms of XML that other systems write -----------------------------------------------------

PATIENT = '{"resourceType":"Patient","active":true}'
FORMS = {
    "a prefix": ('<f:Patient xmlns:f="http://hl7.org/fhir"><f:active value="true"/></f:Patient>'),
    "a declaration": f'<?xml version="1.0"?>\n<Patient{NS}><active value="true"/></Patient>\n',
    "a byte order mark": f'\ufeff{HEAD}<Patient{NS}><active value="true"/></Patient>',
    "comments and instructions": f'<?xml-stylesheet href="a"?><!-- a --><Patient{NS}><!-- b -->'
    '<?c d?>\n\t<active value="true"><!-- e --> </active></Patient><!-- f -->',
    "where the schema is": f'<Patient{NS} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://hl7.org/fhir patient.xsd"><active value="true"/></Patient>',
    "single quotes and blanks": f"<Patient\n{NS} >  <active\nvalue = 'true'></active ></Patient >",
    "a character by its number": f'<Patient{NS}><active value="&#116;rue"/></Patient>',
}


@pytest.mark.parametrize("xml", FORMS.values(), ids=FORMS)
def test_forms(xml):
    assert to_json(xml.encode()).decode() == PATIENT


@pytest.mark.parametrize(
    ("div", "expected"),
    [
        (f"{DIV}a</div>", f"{DIV}a</div>"),
        (f"<!-- before -->\n{DIV}<b/></div>\n", f"{DIV}<b/></div>"),
        ('<div xmlns="http://www.w3.org/1999/xhtml"/>', DIV.replace(">", "/>")),
        ("<h:div><h:b>/></h:b></h:div>", '<h:div xmlns:h="http://www.w3.org/1999/xhtml">'
         "<h:b>/></h:b></h:div>"),
        (f"{DIV}<h:b>ế</h:b></div>", '<div xmlns:h="http://www.w3.org/1999/xhtml" '
         'xmlns="http://www.w3.org/1999/xhtml"><h:b>ế</h:b></div>'),
        (f"{DIV}<![CDATA[<p>]]></div >", f"{DIV}<![CDATA[<p>]]></div >"),
    ],
)  # fmt: skip
def test_a_narrative_stands_alone_in_json(div, expected):
    xml = (
        f'<Basic{NS} xmlns:h="http://www.w3.org/1999/xhtml"><text><status value="generated"/>'
        f"{div}</text></Basic>"
    )
    tree = json.loads(to_json(xml.encode()))
    assert tree["text"]["div"] == expected
    etree.fromstring(expected)
    assert json.loads(to_json(to_xml(dump(tree)))) == tree


# ---- what is refused ---------------------------------------------------------------------------

WRONG = {
    "nothing": ("", (1, 1), "", "empty"),
    "no XML": ("{}", (1, 1), "", "not XML"),
    "an end that is missing": (f"<Patient{NS}>\n <active", (2, 2), "", "not XML"),
    "an end too early": (f"<Patient{NS}>", (1, 38), "", "ends before"),
    "another end": (f"<Patient{NS}>\n<name></nam></Patient>", (2, 9), "", "does not belong"),
    "two roots": (f"<Patient{NS}/><Patient{NS}/>", (1, 39), "", "more after the end"),
    "no namespace": ("<Patient/>", (1, 1), "", "no namespace"),
    "another namespace": ('<Patient xmlns="urn:hl7-org:v3"/>', (1, 1), "", "urn:hl7-org:v3"),
    "no resource": (f"\n\n <Patiens{NS}/>", (3, 2), "", "did you mean Patient?"),
    "an unknown element": (
        f'<Patient{NS}>\n  <nam value="x"/></Patient>',
        (2, 3),
        "Patient.nam",
        "did you mean name?",
    ),
    "one below": (
        f'<Patient{NS}><name/>\n<name><text value="a"/><famly/></name></Patient>'.replace(
            "<name/>", '<name><text value="a"/></name>'
        ),
        (2, 24),
        "Patient.name[1].famly",
        "did you mean family?",
    ),
    "a wrong order": (
        f'<Patient{NS}><birthDate value="1990"/><gender value="male"/></Patient>',
        (1, 63),
        "Patient.gender",
        "gender before birthDate",
    ),
    "a list in two parts": (
        f'<Patient{NS}><name id="a"><text value="a"/></name><gender value="male"/>'
        '<name><text value="b"/></name></Patient>',
        (1, 97),
        "Patient.name[1]",
        "name before gender",
    ),
    "twice": (
        f'<Patient{NS}><active value="true"/><active value="true"/></Patient>',
        (1, 60),
        "Patient.active",
        "stands twice",
    ),
    "an unknown attribute": (
        f'<Patient{NS}><active valeu="x"/></Patient>',
        (1, 38),
        "Patient.active",
        "no attribute 'valeu'",
    ),
    "an attribute of a resource": (f'<Patient{NS} id="a"/>', (1, 1), "", "no attribute 'id'"),
    "a value where elements stand": (
        f'<Patient{NS}><name value="A"/></Patient>',
        (1, 38),
        "Patient.name[0]",
        "no attribute 'value'",
    ),
    "a url as an element": (
        f'<Patient{NS}><extension><url value="a"/></extension></Patient>',
        (1, 49),
        "Patient.extension[0].url",
        "is an attribute here",
    ),
    "text between": (f"<Patient{NS}>\n hello</Patient>", (2, 2), "Patient", "'hello'"),
    "text for a value": (
        f"<Patient{NS}><birthDate>1990</birthDate></Patient>",
        (1, 49),
        "Patient.birthDate",
        'write it as value="..."',
    ),
    "no value": (f"<Patient{NS}><active/></Patient>", (1, 38), "Patient.active", "needs a value"),
    "an empty value": (
        f'<Patient{NS}><birthDate value=""/></Patient>',
        (1, 38),
        "Patient.birthDate",
        "never empty",
    ),
    "an empty element": (
        f"<Patient{NS}><name></name></Patient>",
        (1, 44),
        "Patient.name[0]",
        "never empty",
    ),
    "no boolean": (
        f'<Patient{NS}><active value="1"/></Patient>',
        (1, 38),
        "Patient.active",
        "expected true or false, found '1'",
    ),
    "no number": (
        f'<Patient{NS}><multipleBirthInteger value="2.5"/></Patient>',
        (1, 38),
        "Patient.multipleBirthInteger",
        "whole number",
    ),
    "no decimal": (
        f'<Observation{NS}><valueQuantity><value value="7,5"/></valueQuantity></Observation>',
        (1, 57),
        "Observation.valueQuantity.value",
        "number like 7.50",
    ),
    "a resource that is missing": (
        f"<Bundle{NS}><entry><resource></resource></entry></Bundle>",
        (1, 54),
        "Bundle.entry[0].resource",
        "one resource inside",
    ),
    "two resources in one": (
        f"<Bundle{NS}><entry><resource><Patient/><Patient/></resource></entry></Bundle>",
        (1, 64),
        "Bundle.entry[0].resource",
        "holds one resource",
    ),
    "an error in a resource inside": (
        f'<Bundle{NS}><entry><fullUrl value="a"/></entry><entry><resource>\n<Patient><gender/>'
        "</Patient></resource></entry></Bundle>",
        (2, 10),
        "Bundle.entry[1].resource.gender",
        "needs a value",
    ),
    "a narrative without its namespace": (
        f'<Basic{NS}><text><status value="generated"/><div>a</div></text></Basic>',
        (1, 69),
        "Basic.text.div",
        "http://www.w3.org/1999/xhtml",
    ),
    "an element of XHTML outside a narrative": (
        f'<Patient{NS}><active xmlns="http://www.w3.org/1999/xhtml" value="true"/></Patient>',
        (1, 38),
        "Patient.active",
        "XHTML's namespace",
    ),
    "a DOCTYPE": (f"<!DOCTYPE a []>\n<Patient{NS}/>", (1, 1), "", "DOCTYPE is not allowed"),
    "an entity": (f'<Patient{NS}>\n<active value="&nbsp;"/></Patient>', (2, 1), "", "entities"),
    "a prefix that is none": ("<f:Patient/>", (1, 1), "", "not declared"),
    "another encoding": (
        f'<?xml version="1.0" encoding="latin1"?><Patient{NS}/>',
        (1, 1),
        "",
        "is sent in UTF-8",
    ),
    "a character that XML has not": (
        f'<Patient{NS}><birthDate value="&#0;"/></Patient>',
        (1, 56),
        "",
        "not XML",
    ),
}


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
def test_what_is_wrong_and_where(row):
    xml, place, path, said = row
    with pytest.raises(XmlTrouble) as refused:
        to_json(xml.encode())
    assert said in refused.value.problem
    assert ((refused.value.line, refused.value.column), refused.value.path) == (place, path)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f'<Patient{NS}><birthDate value="\xe9"/></Patient>'.encode("latin-1"), "not UTF-8"),
        (f"<Patient{NS}/>".encode("utf-16"), "UTF-16"),
        (b"<a>" * 100_000, "no namespace"),
        (f"<Patient{NS}>".encode() + b"<contained><Patient>" * 50, "deeper"),
        (f"<Bundle{NS}>".encode() + b"<entry/>" * 2_100_000, "more than 1000000 values"),
        (b"<Patient " + b'a="" ' * 2_100_000 + b"/>", "more than 1000000 values"),
        (f'<Basic{NS}><text>{DIV}{"<b>" * 1000}'.encode(), "nested deeper than 256"),
        (
            b'<!DOCTYPE a [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Patient>&b;</Patient>',
            "DOCTYPE",
        ),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Patient/>', "DOCTYPE"),
    ],
)  # fmt: skip
def test_hostile(body, said):
    with pytest.raises(XmlTrouble, match=said):
        to_json(body)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "resourceType"),
        ("[1", "no JSON"),
        ('{"resourceType":"Patiens"}', "resourceType"),
        ('{"resourceType":"Patient","nam":"x"}', "Patient: Patient has no element 'nam'"),
        ('{"resourceType":"Patient","active":"true"}', "Patient.active: expected true or false"),
        ('{"resourceType":"Patient","name":[{"family":1}]}', "Patient.name[0].family: expected a"),
        ('{"resourceType":"Patient","name":{"family":"A"}}', "Patient.name: expected an array"),
        ('{"resourceType":"Patient","name":[{}]}', "Patient.name[0]: an object is never empty"),
        ('{"resourceType":"Patient","name":[{"given":[null]}]}', "neither a value nor an ext"),
        ('{"resourceType":"Patient","birthDate":"a\\u0000"}', "character U+0000"),
        ('{"resourceType":"Patient","birthDate":"\\uffff"}', "character U+FFFF"),
        ('{"resourceType":"Patient","gender":""}', "never empty"),
        ('{"resourceType":"Basic","text":{"div":"<p>a</p>"}}', "Basic.text.div: the XHTML begins"),
        ('{"resourceType":"Basic","text":{"div":"a"}}', "not well formed"),
        ('{"resourceType":"Basic","text":{"div":"<!DOCTYPE a []><div/>"}}', "no DOCTYPE"),
        ('{"resourceType":"Basic","text":{"div":1}}', "XHTML in a string"),
        ('{"resourceType":"Bundle","entry":[{"resource":1}]}', "Bundle.entry[0].resource"),
        ('{"resourceType":"Observation","valueInteger":1.5}', "expected a number"),
        ('{"resourceType":"Basic","extension":' + '[{"extension":' * 3000 + "]}", ""),
    ],
)
def test_json_that_has_no_form_in_xml(text, said):
    with pytest.raises(NotWritable) as refused:
        to_xml(text.encode())
    assert said in str(refused.value)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_is_read_or_refused(seed):
    """Bytes of good XML and JSON changed, cut and repeated by chance: no other error ever."""
    rng = Random(seed)
    body = dump(drawn(rng, rng.choice(["Patient", "Observation", "Bundle", "Parameters"])))
    for convert, good in ((to_json, to_xml(body)), (to_xml, body)):
        for _ in range(100):
            text = bytearray(good)
            for _ in range(rng.choice((1, 1, 2, 5))):
                start = rng.randrange(len(text))
                end = min(len(text), start + rng.choice((1, 1, 3, 30)))
                other = rng.randrange(len(text))
                piece = rng.choice((b"", b"<", b">", b'"', b"&", b"/", b"\xff", text[other:][:20]))
                text[start:end] = piece
                text = text or bytearray(b" ")
            try:
                convert(bytes(text))
            except (XmlTrouble, NotWritable):
                continue
