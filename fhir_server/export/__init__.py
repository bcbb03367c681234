"""Bulk Data export: what is asked for, which resources that is, jobs that outlive the process."""
