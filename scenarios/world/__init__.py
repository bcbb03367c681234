"""Persons, illness and demand: the only generator of persons, a pure function of (seed, person)."""
