"""Engines against theory: exact paths where a recursion exists, z-tests with power elsewhere."""
