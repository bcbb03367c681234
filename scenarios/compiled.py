"""How engines are compiled: `entry` can be called from Python, `inner` only from compiled code.

`inner` leaves out the wrappers that unpack tables of fifty arrays. That halves the time to compile.
With NUMBA_DISABLE_JIT=1 both are plain functions.

Numba's cache on disk only notices that the file of a function changed, not the files it calls. So
the cache lies in a folder named after the content of all engine sources.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from pathlib import Path

import numba
from numba import njit

_HERE = Path(__file__).parent
_PREFIX = "compiled-"


def _sources() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(
        (*_HERE.glob("*.py"), *_HERE.glob("world/*.py"), *_HERE.glob("engines/*.py"))
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    """A writable folder for compiled code: by the package, in the user's cache, or temporary."""
    name = _PREFIX + _sources()
    for parent in (_HERE / "__pycache__", Path.home() / ".cache" / "lienthong"):
        with contextlib.suppress(OSError):
            folder = parent / name
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
    return Path(tempfile.gettempdir()) / name


numba.config.CACHE_DIR = str(_cache_folder())

# Nothing is allocated in compiled code, so arrays need no reference counts: with them, handing the
# tables of a study from function to function costs more than the model itself.
_OPTIONS = {"cache": True, "error_model": "numpy", "_nrt": False}
entry = njit(**_OPTIONS)
inner = njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)
