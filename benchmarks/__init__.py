"""Speed, measured beside a bare event loop in the same run; see README.md in this folder."""
