"""A mock hospital: record store, order desk, laboratory, imaging (arrives with the live network).

Draws nothing and generates nobody: whatever is in it came in over FHIR. Faults are on demand.
"""
