"""Bulk Data export over real stores, with a process that dies in between."""
