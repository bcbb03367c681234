"""Reading that is given up when it takes long, so that it can be tried where nothing may wait.

Whoever answers requests in an event loop saves the way to a worker thread and back, which costs as
much as an ordinary search, by trying it at once:

    with briefly():
        found = store.search(request)  # or TooLong, after about a millisecond

A store that cannot promise that (another process answers it, or it goes through everything) gives
up at once. What is tried must not write.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TooLong(Exception):
    """This is not for the event loop: do it again, in a worker thread."""


class _Thread(threading.local):
    brief = False


_THREAD = _Thread()


@contextmanager
def briefly() -> Iterator[None]:
    """Within this, in this thread, stores give up what takes long."""
    _THREAD.brief = True
    try:
        yield
    finally:
        _THREAD.brief = False


def is_brief() -> bool:
    return _THREAD.brief


def need_time() -> None:
    """Before what takes, or may take, long. TooLong: nobody has time."""
    if _THREAD.brief:
        raise TooLong
