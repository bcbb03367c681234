"""The rulebook: pure functions from small facts to verdict codes; no clock, file or network."""
