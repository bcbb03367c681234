"""Speed of the live network over HTTP, beside bare floors in the same run (docs/reference/speed.md)."""
