"""Bulk import: which files are meant and may be fetched, and jobs that outlive the process."""
