"""Interactions of the FHIR server, asked over real ASGI: request -> status, issue, place."""
