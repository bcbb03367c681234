"""A mock hospital: its FHIR base, an outbox of new results, and who publishes them.

Draws nothing and generates nobody: whatever is in it came in over FHIR. Faults are on demand.
"""
