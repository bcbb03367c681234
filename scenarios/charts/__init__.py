"""Lives as FHIR R4: what hospital software writes down of persons, visits, orders and results."""
