"""Speed of the live network over HTTP, beside bare floors (docs/reference/live-speed.md)."""
