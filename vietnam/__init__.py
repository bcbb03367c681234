"""What is true of the country whatever the data format; no FHIR, no clock, no network."""
