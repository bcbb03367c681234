"""Bulk import over real stores, from a real server of files, with a process that dies."""
