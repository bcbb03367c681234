"""The harness itself: small, quick, no figures."""
