"""What we know about FHIR R4 and its Vietnamese profiles (arrives with the live network).

Follows the public rules of VN Core 0.6; ADR 0001 says which models stand at which edge.
"""
