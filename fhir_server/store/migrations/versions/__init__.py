"""The steps, one a file, oldest first."""
