"""Bad addresses: every kind of parameter, every place of a path, every header with a meaning."""

from urllib.parse import quote

import pytest

from fhir_server.audit import KIND
from tests.fhir_server.hostile.conftest import refused
from tests.fhir_server.hostile.known import KNOWN
from tests.fhir_server.serving import entry, transaction

pytestmark = pytest.mark.spec("http.html#Status-Codes")

SQL = [
    "' OR '1'='1",
    "'; DROP TABLE resource; --",
    '" OR ""="',
    "x') UNION SELECT 1,2,3 --",
    "1; DELETE FROM resource",
    "known' AND (SELECT count(*) FROM sqlite_master) > 0 --",
    "'||(SELECT pg_sleep(9))||'",
    "\\'; --",
    "$$; SELECT 1; $$",
    "%' ESCAPE '",
    "known%",
    "kno_n",
    "*",
    "?",
    ":1",
    "%(id)s",
    "{0}",
]
PATTERNS = ["(a+)+$", "^(.*)*$", ".*", "[", "\\", "(?=x)", "a{1,99999999}", "${jndi:ldap://x}"]
TEXT = ["\x00", "a\x00b", "\x1f", "\u202e", "\ufeff", "𝒳" * 1000, "ễ" * 1000, "\u0300" * 1000]
NUMBERS = [
    *("1e999999999", "-1e-999999999", "9" * 5000, "0." + "9" * 5000, "NaN", "Infinity", "-0"),
    *("0x10", "١٢", "1_000", "+1", "--1", "1e", "e1", "ge", "gegege1", "sa-1e400", "1,,2", ","),
    *("1|2|3|4", "|", "||", "5.4|http://unitsofmeasure.org|mg", "1e400||mg"),
]
DATES = [
    *("0000-00-00", "9999-12-31T23:59:59.999Z", "99999-01-01", "2026-02-30", "2026-13", "-1-1-1"),
    *("2026-01-01T25:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+99:99", "0001-01-01"),
    *("2026-01-01T00:00:00.12345678901234567890Z", "ap0001", "ap9999", "lt0001-01-01T00:00:00Z"),
    "9999-12-31T23:59:59-14:00",
]
VALUES = [*SQL, *PATTERNS, *TEXT, *NUMBERS, *DATES]

PARAMETERS = [
    *("Patient?name", "Patient?name:exact", "Patient?name:contains", "Patient?gender"),
    *("Patient?identifier", "Patient?identifier:of-type", "Patient?gender:not", "Patient?_id"),
    *("Patient?birthdate", "Patient?_lastUpdated", "Patient?_tag", "Patient?_profile"),
    *("Patient?name:missing", "Patient?general-practitioner", "Patient?organization.name"),
    *("Patient?_has:Observation:patient:code", "Patient?_sort", "Patient?_count", "Patient?_page"),
    *("Patient?_include", "Patient?_revinclude", "Patient?_include:iterate", "Patient?_elements"),
    *("Patient?_summary", "Patient?_total", "Patient?_format", "Patient?_pretty", "Patient?_text"),
    *("Observation?subject", "Observation?subject:Patient", "Observation?subject:identifier"),
    *("Observation?value-quantity", "Observation?code", "Observation?code:in", "Observation?date"),
    *("Observation?code-value-quantity", "Observation?subject:Patient.name", "Patient?_filter"),
    *("RiskAssessment?probability", "ValueSet?url", "ValueSet?url:below", "Location?near"),
    *("Patient/known/_history?_count", "Patient/known/_history?_since", "metadata?mode"),
    *("Patient/known?_elements", "Patient/known?_summary", "Patient/known/_history?_at"),
]


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_values(server, parameter):
    """A value finds nothing, or is refused; it never means more than itself."""
    with server.well_kept():
        for value in VALUES:
            got = server.ask("GET", f"{parameter}={quote(value)}")
            if got.status != 200:
                assert refused(got).status in (400, 404, 406, 501), value
        assert server.patients() == 1


@pytest.mark.parametrize("parameter", ["name", "name:exact", "gender", "_id", "identifier"])
def test_nothing_in_a_value_finds_everybody(server, parameter):
    for value in [*SQL, *PATTERNS]:
        got = server.ask("GET", f"Patient?{parameter}={quote(value)}")
        assert got.status == 400 or got.json["total"] == 0, value


@pytest.mark.parametrize(
    "query",
    [
        *("{}=x", "name:{}=x", "organization.{}=x", "_has:{}:{}:{}=x", "_sort=-{}"),
        *("_include=Patient:{}:{}", "_revinclude={}:patient", "_format={}", "_pretty={}"),
    ],
)
def test_names(server, query):
    for value in [*SQL, *PATTERNS, *TEXT, "." * 500, "a" * 1_000_000]:
        with server.well_kept():
            refused(server.ask("GET", f"Patient?{query.replace('{}', quote(value, safe=''))}"))


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", ["{}", "{}/known", "Patient/{}", "Patient/known/_history/{}", "Patient/known/{}", "${}"]
)
def test_paths(server, path, method):
    for value in [*SQL, *PATTERNS, *TEXT, "..", ".", "a" * 65, "a" * 1_000_000]:
        if path == "Patient/{}" and value in (".", ".."):
            continue  # dots are an id like any other
        if path == "Patient/known/{}" and value == "*" and method == "GET":
            continue  # all that is in the compartment
        with server.well_kept():
            got = server.ask(method, path.format(quote(value, safe="")), {**KNOWN, "id": "x"})
            refused(got)


GARBAGE = [
    *("%", "%%", "%zz", "%ff%fe", "%c0%ae%c0%ae/", "%ed%a0%80", "%u0041", "name=%", "name=%e1%bb"),
    *("name=%FF", "=", "&&&&", "====", "=x", "&=&=&", ";", "name", "name=a&name", "name[]=a"),
    *("name=%00", "na%00me=x", "name=%F4%90%80%80", "?name=x", "#name=x", "name=%250027", "\xff"),
]


@pytest.mark.parametrize("query", GARBAGE)
def test_percent_garbage(server, query):
    with server.well_kept():
        got = server.ask("GET", f"Patient?{query}")
        if got.status != 200:
            refused(got)


TOO_MUCH = {
    "one parameter 10,000 times": "&".join(["name=a"] * 10_000),
    "10,000 parameters": "&".join(f"p{n}=a" for n in range(10_000)),
    "900 conditions": "&".join(["name:missing=true"] * 900),
    "a million letters": "name=" + "a" * 1_000_000,
    "a million commas": "name=" + "," * 1_000_000,
    "100,000 ids": "_id=" + ",".join(f"i{n}" for n in range(100_000)),
    "a million bars": "identifier=" + "|" * 1_000_000,
    "a million backslashes": "name=" + "\\" * 1_000_001,
    "a year of a million digits": "birthdate=" + "2" * 1_000_000,
    "10,000 orders": "_sort=" + ",".join(["name"] * 10_000),
    "10,000 elements": "_elements=" + ",".join(["name"] * 10_000),
    "a long include": "_include=" + "Patient:" * 100_000,
    "a long chain": "organization." * 10_000 + "name=a",
    "a long reverse chain": "_has:Observation:patient:" * 10_000 + "code=a",
    "800 includes": "&".join(["_include=*", "_revinclude=*"] * 400),
    "a name of a million letters": "a" * 1_000_000 + "=b",
}


@pytest.mark.parametrize("query", TOO_MUCH.values(), ids=TOO_MUCH)
def test_too_much(server, query):
    with server.well_kept():
        got = server.ask("GET", f"Patient?{query}")
        if got.status != 200:
            refused(got)


def test_a_form_of_a_million_parameters(server):
    form = ("content-type", "application/x-www-form-urlencoded")
    with server.well_kept():
        refused(server.ask("POST", "Patient/_search", b"name=a&" * 1_000_000, form))
        row = server.server.store.last_row(KIND)
        assert len(row.data) < 20_000  # the trail does not grow by what is thrown at it
        refused(server.ask("POST", "Patient/_search", b"\xff\x00=%", form))


HEADERS = [
    *("if-match", "if-none-match", "if-none-exist", "if-modified-since", "prefer", "accept"),
    *("accept-encoding", "content-type", "content-encoding", "content-length", "x-request-id"),
    *("x-requester", "x-purpose-of-use", "x-facility", "origin", "host", "x-security-context"),
    *("authorization", "x-provenance", "x-http-method-override", "forwarded", "expect", "range"),
]


@pytest.mark.parametrize("name", HEADERS)
def test_headers(server, name):
    """A header is read or passed over; it never breaks anything and never lets a write through."""
    values = [*SQL, *PATTERNS, b"\xff\x80", "", ",;=", "a" * 1_000_000, '"' * 9999, 'W/"' * 9999]
    for value in values:
        if (name, value) == ("if-match", "*"):
            continue  # which lets the write through, as it should
        with server.well_kept():
            for method, path in (("GET", "Patient/known"), ("PUT", "Patient/known")):
                headers = {"if-match": 'W/"99"', name: value or "x"}
                got = server.ask(method, path, KNOWN, *headers.items())
                if got.status not in (200, 304):
                    refused(got)
            criteria = {"if-none-exist": "_id=known", name: value}
            got = server.ask("POST", "Patient", KNOWN, *criteria.items())
            if got.status != 200:
                refused(got)
        assert server.patients() == 1


@pytest.mark.parametrize(
    "method", ["BREW", "TRACE", "CONNECT", "OPTIONS", "get", "G" * 10_000, "Ä"]
)
def test_methods(server, method):
    with server.well_kept():
        assert refused(server.ask(method, "Patient/known")).status == 405


ROUND = [
    {
        "resourceType": "Organization",
        "id": f"o{n}",
        "partOf": {"reference": f"Organization/o{(n + 1) % 50}"},
    }
    for n in range(50)
]
SELF = {**ROUND[0], "id": "self", "partOf": {"reference": "Organization/self"}}


@pytest.mark.parametrize("value", ["Organization:partof", "Organization:partof:Organization", "*"])
@pytest.mark.parametrize("include", ["_include", "_include:iterate", "_revinclude:iterate"])
def test_who_is_part_of_whom_goes_round_in_a_circle(server, include, value):
    if value == "*" and include.startswith("_revinclude"):
        value = "Organization:*"  # of all types it also goes through the whole audit trail
    entries = [entry("PUT", f"Organization/{one['id']}", one) for one in (*ROUND, SELF)]
    assert server.ask("POST", "", transaction(*entries)).status == 200
    for id_ in ("o0", "self"):
        with server.well_kept():
            got = server.ask("GET", f"Organization?_id={id_}&{include}={value}")
            if got.status == 200:
                listed = [one["resource"] for one in got.json["entry"]]
                # `*` also brings what the audit trail says of it.
                found = [one["id"] for one in listed if one["resourceType"] != "AuditEvent"]
                assert len(found) == len(set(found)) <= len(ROUND)
            else:
                assert refused(got).status == 400
