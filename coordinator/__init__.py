"""The coordination service: app > services > rules.

Today only the rulebook exists: ``coordinator.rules``, pure functions from facts to decisions.
"""
