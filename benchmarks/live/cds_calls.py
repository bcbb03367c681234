"""CDS calls as hospitals make them, from orders, patients and encounters that a network holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import httpx2
import orjson

from benchmarks.live.generator import request

SERVICE: Final = "/cds-services/vn-result-reuse"
A_HOSPITAL: Final = 40  # orders of a hospital that are asked about at most


def calls(url: str) -> list[bytes]:
    """Whole requests, one for each order. RuntimeError: there are no orders."""
    made: list[bytes] = []
    with httpx2.Client(base_url=url, timeout=60) as http:
        for code in http.get("/").json()["hospitals"]:
            bodies = map(orjson.dumps, _of_hospital(http, url, code))
            made += [request("POST", SERVICE, body) for body in bodies]
    if not made:
        raise RuntimeError("no hospital of the network holds an order; drive persons first")
    return made


def _of_hospital(http: httpx2.Client, url: str, code: str) -> Iterator[dict[str, Any]]:
    base = f"/hospitals/{code}/fhir"
    include = [("_include", f"ServiceRequest:{name}") for name in ("subject", "encounter")]
    answer = http.get(f"{base}/ServiceRequest", params=[("_count", str(A_HOSPITAL)), *include])
    answer.raise_for_status()
    held = [entry["resource"] for entry in answer.json().get("entry", [])]
    by_name = {f"{tree['resourceType']}/{tree['id']}": tree for tree in held}
    for order in held:
        patient = by_name.get(order.get("subject", {}).get("reference", ""))
        encounter = by_name.get(order.get("encounter", {}).get("reference", ""))
        if order["resourceType"] == "ServiceRequest" and patient and encounter:
            yield _call(f"{url}{base}", order, patient, encounter)


def _call(
    server: str, order: dict[str, Any], patient: dict[str, Any], encounter: dict[str, Any]
) -> dict[str, Any]:
    draft = {**order, "status": "draft"}
    return {
        "hook": "order-sign",
        "hookInstance": "00000000-0000-4000-8000-000000000000",
        "fhirServer": server,
        "context": {
            "userId": "Practitioner/1",
            "patientId": patient["id"],
            "encounterId": encounter["id"],
            "draftOrders": {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": draft}],
            },
        },
        "prefetch": {"patient": patient, "encounter": encounter},
    }
