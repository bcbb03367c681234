"""Persons of a scenario replayed over HTTP, and the proof that both clocks tell one story."""
