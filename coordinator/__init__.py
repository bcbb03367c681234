"""The coordination service: app > services > rules.

``coordinator.rules`` is the rulebook, pure functions from facts to decisions; the simulation calls
the same ones.
"""
