"""A mock hospital: record store, order desk, laboratory, imaging, faults on demand (arrives with the live network).

Draws nothing and generates nobody: whatever is in it came in over FHIR.
"""
