"""A token that was verified before: what a server with a login does for every request."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import Final

TOKEN: Final = (
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJiZW5jaG1hcmsifQ." + "s" * 342
)  # as long as one of RSA
LIFE: Final = 86_400.0


class Tokens:
    """Digests of tokens with whom they name and until when; nothing else is kept of a token."""

    def __init__(self) -> None:
        self._known = {sha256(TOKEN.encode()).digest(): ("benchmark", time.monotonic() + LIFE)}

    def subject(self, header: str | None) -> str | None:
        """Whom the value of Authorization names; None: nobody."""
        scheme, _, token = (header or "").partition(" ")
        known = self._known.get(sha256(token.encode()).digest())
        if known is None or scheme.lower() != "bearer" or known[1] < time.monotonic():
            return None
        return known[0]
