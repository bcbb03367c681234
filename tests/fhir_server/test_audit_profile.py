"""The AuditEvents that a node makes fit our profile of them."""

from __future__ import annotations

import pytest

from fhir_profiles import systems
from fhir_profiles.validation.full import validate
from fhir_server.audit import KIND
from fhir_server.audit_events import audit_event
from tests.fhir_server.serving import PATIENT, serving
from tests.fhir_server.test_audit import ROWS

pytestmark = pytest.mark.spec("auditevent.html")
PROFILE = systems.definition("audit-event")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_an_event_fits(row):
    with serving("memory:", audited=True) as server:
        server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
        server.ask(row[0], row[1], x_requester="dr-a", x_purpose_of_use="TREAT", x_facility="79001")
        rows = list(server.store.rows(KIND))
    assert rows
    for one in rows:
        found = validate(audit_event(one, "test server"), profiles=[PROFILE], level="profile")
        assert [str(issue) for issue in found if issue.severity == "error"] == []
