"""What FHIR R4 (4.0.1) says about itself: compact tables, their compiler and their loader."""
