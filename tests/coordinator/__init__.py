"""The coordination service: what its services know, and what they answer over HTTP."""
