"""The patient who is there before and after."""

from tests.fhir_server.serving import PATIENT

KNOWN = {**PATIENT, "id": "known"}
