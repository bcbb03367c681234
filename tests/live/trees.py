"""FHIR JSON in small, for the tests of loading."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


def patient(id_: str = "1", **more: Any) -> Json:
    return {"resourceType": "Patient", **({"id": id_} if id_ else {}), **more}


def bundle(type_: str, *entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries)}


def post(resource: Json, **more: Any) -> Json:
    return {"resource": resource, "request": {"method": "POST", "url": "Patient"}, **more}


def text(*trees: Json) -> bytes:
    return b"\n".join(json.dumps(tree).encode() for tree in trees)


TRANSACTION = text(bundle("transaction", post(patient("a")), post(patient("b"))))
LINES = text(patient("a"), patient("b"), patient(""))
