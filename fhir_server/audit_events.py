"""AuditEvents out of audit rows, made when somebody asks for them.

Shape: https://profiles.ihe.net/ITI/BALP/ (a query is base64 in `entity.query`, the patient and the
X-Request-Id are entities of their own) on https://hl7.org/fhir/R4/auditevent.html.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_server.audit import KIND, AuditSink, Entry, entry_of
from fhir_server.store.port import Document, Row, Writer

TYPE: Final = "AuditEvent"
_AT_ONCE: Final = 500  # rows rendered in one write transaction; other writes get in between

_AUDIT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_ENTITY = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_SOURCE = "http://terminology.hl7.org/CodeSystem/security-source-type"
_BALP_ENTITY = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"

_ACTIONS: Final = {
    "create": "C",
    "read": "R",
    "vread": "R",
    "history-instance": "R",
    "history-type": "R",
    "history-system": "R",
    "update": "U",
    "patch": "U",
    "delete": "D",
}

_INTERACTIONS: Final = frozenset(
    {
        *_ACTIONS,
        *("search-type", "search-system", "capabilities", "transaction", "batch", "operation"),
    }
)
"""Those of https://hl7.org/fhir/R4/valueset-restful-interaction.html that are served."""


def render_pending(sink: AuditSink) -> int:
    """Stores the AuditEvents of all rows that have none yet; how many. Blocks: not for the loop."""
    done = 0
    while made := sink.store.write(lambda writer: _render_some(writer, sink.observer)).result():
        done += made
        if made < _AT_ONCE:
            break
    return done


def _render_some(writer: Writer, observer: str) -> int:
    rows = writer.rows(KIND, limit=_AT_ONCE, unsettled=True)
    for row in rows:
        tree = audit_event(row, observer)
        document = Document(tree=tree, body=json_text.dump(tree))
        writer.put(document, id_=tree["id"], method="POST", at=row.at)
    if rows:
        writer.settle(KIND, [row.seq for row in rows])
    return len(rows)


def audit_event(row: Row, observer: str) -> Tree:
    """The AuditEvent that a row stands for."""
    entry = entry_of(row)
    tree: Tree = {
        "resourceType": TYPE,
        "id": f"audit-{row.seq}",
        "type": {"system": _AUDIT_TYPE, "code": "rest", "display": "RESTful Operation"},
        "subtype": [_subtype(entry.interaction)],
        "action": _ACTIONS.get(entry.interaction, "E"),
        "recorded": entry.at,
        "outcome": _outcome(entry.status),
        "outcomeDesc": f"HTTP {entry.status}",
        "agent": _agents(entry, observer),
        "source": {
            "observer": {"display": observer},
            "type": [{"system": _SOURCE, "code": "4", "display": "Application Server"}],
        },
    }
    if entry.purpose:
        tree["purposeOfEvent"] = [{"coding": [{"system": _REASON, "code": entry.purpose}]}]
    if entities := _entities(entry):
        tree["entity"] = entities
    return tree


def _subtype(interaction: str) -> Tree:
    """A `$operation` is the interaction "operation"; which one is its display."""
    if interaction.startswith("$"):
        return {"system": _INTERACTION, "code": "operation", "display": interaction}
    if interaction == "search-compartment":  # R4 has no code of its own for it
        return {"system": _INTERACTION, "code": "search", "display": "search in a compartment"}
    if interaction not in _INTERACTIONS:
        return {"display": interaction}  # no code says that somebody sent BREW
    return {"system": _INTERACTION, "code": interaction}


def _outcome(status: int) -> str:
    """https://hl7.org/fhir/R4/valueset-audit-event-outcome.html"""
    if status < 400:
        return "0"
    return "4" if status < 500 else "8"


def _agents(entry: Entry, observer: str) -> list[Tree]:
    who: Tree = {"identifier": {"value": entry.caller}}
    if entry.name:
        who["display"] = entry.name
    client: Tree = {
        "type": _coding(_DICOM, "110153", "Source Role ID"),
        "who": who,
        "requestor": True,
    }
    if entry.purpose:
        client["purposeOfUse"] = [{"coding": [{"system": _REASON, "code": entry.purpose}]}]
    server: Tree = {
        "type": _coding(_DICOM, "110152", "Destination Role ID"),
        "who": {"display": observer},
        "requestor": False,
    }
    if not entry.facility:
        return [client, server]
    custodian: Tree = {
        "type": _coding(_PARTICIPANT, "CST", "custodian"),
        "who": {"identifier": {"value": entry.facility}},
        "requestor": False,
    }
    return [client, server, custodian]


def _entities(entry: Entry) -> Sequence[Tree]:
    found: list[Tree] = []
    if entry.id:
        what = f"{entry.type}/{entry.id}"
        if entry.version:
            what += f"/_history/{entry.version}"
        found.append(_entity("2", "4", {"what": {"reference": what}}))
    if entry.patient:
        found.append(_entity("1", "1", {"what": {"reference": entry.patient}}))
    if entry.query:
        sent = base64.b64encode(entry.query.encode()).decode()
        found.append(_entity("2", "24", {"query": sent}))
    if entry.request:
        found.append(
            {
                "what": {"identifier": {"value": entry.request}},
                "type": {"system": _BALP_ENTITY, "code": "XrequestId"},
            }
        )
    return found


def _entity(type_: str, role: str, rest: dict[str, Any]) -> Tree:
    return {
        "type": {"system": _ENTITY, "code": type_},
        "role": {"system": _ROLE, "code": role},
        **rest,
    }


def _coding(system: str, code: str, display: str) -> Tree:
    return {"coding": [{"system": system, "code": code, "display": display}]}
