"""The simulation: persons, orders and two worlds, with and without sharing; it knows no FHIR."""
