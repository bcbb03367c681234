"""Stores of resources behind one port: in memory (the slow reference), SQLite, PostgreSQL."""
