"""What we know about FHIR R4 (definitions, validation, outcomes) and its Vietnamese profiles.

Follows the public rules of VN Core 0.6; ADR 0001 says which models stand at which edge.
"""
