"""lienthong: a Vietnamese health data coordination network, simulated.

The whole public Python API; everything is imported only when it is asked for::

    import lienthong

    result = lienthong.run("pilots", scale=0.01, replications=2, draws=4)
    result.summary["measures"]["repeats_avoided_share"]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lienthong.comparison import compare
    from lienthong.runs import run
    from scenarios.experiments.run import Result
    from scenarios.scenario import load_scenario
    from vietnam.facilities import load_network

__all__ = ["Result", "compare", "load_network", "load_scenario", "run"]

_HOMES = {
    "Result": "scenarios.experiments.run",
    "compare": "lienthong.comparison",
    "load_network": "vietnam.facilities",
    "load_scenario": "scenarios.scenario",
    "run": "lienthong.runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lienthong' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
