"""Short ways to send transactions and to look at what came of them."""

import base64
import json

from tests.fhir_server.serving import PATIENT, transaction


def numbered(number, id_=None, **more):
    tree = {**PATIENT, "identifier": [{"system": "urn:mrn", "value": number}], **more}
    return {**tree, "id": id_} if id_ else tree


def binary(operations, media="application/json-patch+json"):
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": media, "data": data}


def female(path="/gender"):
    return binary([{"op": "add", "path": path, "value": "female"}])


def fhirpath(type_, path, **more):
    parts = [{"name": "type", "valueCode": type_}, {"name": "path", "valueString": path}]
    for name, (kind, value) in more.items():
        parts.append({"name": name, kind: value})
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def send(server, *entries, type_="transaction", **headers):
    return server.ask("POST", "", transaction(*entries, type_=type_), **headers)


def statuses(got):
    assert got.status == 200, got.body
    return [int(one["response"]["status"][:3]) for one in got.json["entry"]]


def make(server, *ids, number=""):
    for id_ in ids:
        assert server.ask("PUT", f"Patient/{id_}", numbered(number or id_, id_)).status == 201


def version(server, id_):
    got = server.ask("GET", f"Patient/{id_}")
    return int(got.json["meta"]["versionId"]) if got.status == 200 else got.status
