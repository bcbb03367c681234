"""Primitive values in extensions: one row a value that is refused or taken, and what is said."""

from typing import Any

import pytest

from fhir_profiles import json_text
from fhir_profiles.validation.structure import check


def patient(extension: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Patient", "extension": [extension]}


EXPECTED_DATE = "expected a date like 2025-03-01, 2025-03 or 2025, found "


@pytest.mark.parametrize(
    ("type_", "bad", "says"),
    [
        ("Date", "01/03/2025", EXPECTED_DATE + "'01/03/2025'"),
        ("Date", "2025-3-1", EXPECTED_DATE + "'2025-3-1'"),
        ("Date", "2025-02-30", "there is no 2025-02-30 in the calendar"),
        ("Date", "2023-02-29", "there is no 2023-02-29"),
        ("Date", "2025-13", "found '2025-13'"),
        ("Date", "0000", "found '0000'"),
        ("Date", "٢٠٢٥", "found '٢٠٢٥'"),
        ("Date", "2025-03-01\n", "found '2025-03-01\\n'"),
        ("Date", 2025, "found 2025"),
        ("Date", "2025-03-01T08:00:00Z", "expected a date"),
        ("DateTime", "2025-03-01T08:00:00", "a time needs its zone, such as +07:00"),
        ("DateTime", "2025-03-01T08:00+07:00", "a time needs seconds: 2025-03-01T08:00:00+07:00"),
        ("DateTime", "2025-03-01 08:00:00Z", "found '2025-03-01 08:00:00Z'"),
        ("DateTime", "2025-03-01T24:00:00Z", "found '2025-03-01T24:00:00Z'"),
        ("DateTime", "2025-03-01T08:00:00+15:00", "needs its zone"),
        ("DateTime", "2025-04-31T08:00:00Z", "there is no 2025-04-31"),
        ("Instant", "2025-03-01", "expected an instant like"),
        ("Instant", "2025-03-01T08:00Z", "a time needs seconds"),
        ("Time", "8:00:00", "08:30:00"),
        ("Time", "24:00:00", "found '24:00:00'"),
        ("Time", "08:00:00Z", "found"),
        ("Boolean", "false", "found 'false'"),
        ("Integer", "3", "expected a whole number"),
        ("Integer", True, "found true"),
        ("Integer", 2_147_483_648, "between -2147483648 and 2147483647"),
        ("Integer", json_text.Decimal("3.0"), "found 3.0"),
        ("PositiveInt", 0, "between 1 and"),
        ("UnsignedInt", -1, "between 0 and"),
        ("Decimal", "7.5", "a number like 7.50 without quotes, found '7.5'"),
        ("Decimal", True, "found true"),
        ("Code", " x", "without outer spaces"),
        ("Code", "x  y", "found 'x  y'"),
        ("Id", "a_b", "1 to 64 letters"),
        ("Id", "x" * 65, "1 to 64 letters"),
        ("Oid", "1.2.3", "like urn:oid:1.2.840.10008"),
        ("Uuid", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "small letters"),
        ("Uri", "a b", "without spaces"),
        ("Url", "http://x\ty", "without spaces"),
        ("Canonical", " http://x", "without spaces"),
        ("String", "a\x00b", "control character U+0000"),
        ("Markdown", "a\x1bb", "control character U+001B"),
        ("String", "x" * 1_048_577, "at most 1048576 characters"),
        ("Base64Binary", "JVBER", "multiple of four"),
        ("Base64Binary", "JVB*", "expected base64"),
        ("Base64Binary", "J===", "expected base64"),
        ("Base64Binary", " ", "expected base64"),
        ("Base64Binary", "JVBE\u00a0", "expected base64"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_primitive_values(type_, bad, says):
    name = f"value{type_}"
    good = {"url": "https://x.example", name: bad}
    (issue,) = check(patient(good))
    assert issue.code == ("too-long" if "at most" in says else "value")
    assert issue.expression == "Patient.extension[0].value"
    assert says in issue.diagnostics
    assert len(issue.diagnostics) < 250


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("Integer", -2_147_483_648),
        ("PositiveInt", 2_147_483_647),
        ("Decimal", json_text.Decimal("1E+5")),
        ("Decimal", 10**30),
        ("Time", "23:59:60.123"),
        ("Instant", "2025-03-01T08:00:00.123456789-14:00"),
        ("DateTime", "2025"),
        ("Code", "a b"),
        ("Id", "a-B.9"),
        ("Base64Binary", "JVBE\r\nRg=="),
        ("Markdown", "# Một\n\t* hai\r\n"),
        ("Uri", "urn:x"),
        ("Oid", "urn:oid:2.999.0"),
    ],
)
def test_good_primitive_values(type_, value):
    assert check(patient({"url": "x", f"value{type_}": value})) == []
