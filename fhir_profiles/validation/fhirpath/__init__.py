"""FHIRPath for invariants (http://hl7.org/fhirpath/N1/): compiled once, typed, no side effects."""
