"""A FHIR R4 REST engine for nobody in particular: interactions, search, store, audit trail.

Hospitals and the coordination service both run on it: https://hl7.org/fhir/R4/http.html
"""
