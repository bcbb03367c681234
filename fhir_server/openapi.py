"""The route table as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0).

For people who look around with OpenAPI tools; the CapabilityStatement, FHIR's own way, says more.
"""

from __future__ import annotations

import re
from typing import Any, Final

from fhir_server.call import Engine

_NAME = re.compile(r"\{(\w+)\}")
_CONTENT: Final = {
    "application/fhir+json": {"schema": {"type": "object"}},
    "application/fhir+xml": {"schema": {"type": "object"}},
}


def describe(engine: Engine) -> dict[str, Any]:
    """All paths that do something; every one of them answers errors with an OperationOutcome."""
    capabilities = engine.capabilities
    paths: dict[str, Any] = {}
    for path, methods in engine.table.rows.items():
        served = {
            method.lower(): _one(path, interaction.code, method)
            for method, interaction in methods.items()
            if interaction.supported
        }
        if served:
            paths[path] = served
    return {
        "openapi": "3.1.0",
        "info": {
            "title": capabilities.software,
            "version": capabilities.version,
            "description": capabilities.description,
        },
        "paths": paths,
    }


def _one(path: str, code: str, method: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": code,
        "operationId": f"{method.lower()} {path}",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _NAME.findall(path)
        ],
        "responses": {
            "default": {"description": "a resource, or an OperationOutcome", "content": _CONTENT}
        },
    }
    if method in ("POST", "PUT", "PATCH"):
        described["requestBody"] = {"content": _CONTENT}
    return described
