"""Our conformance resources, one JSON a file; `fhir_profiles/conformance.py` reads them."""
