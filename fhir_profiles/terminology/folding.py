"""Text as it is searched: without case and accents, `đ` as `d`."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """
    >>> folded("Đường huyết")
    'duong huyet'
    """
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return plain.replace("đ", "d")
