"""Refuses a desks file that does not say what `desk_plans` needs: file, line, key, remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vietnam.datafiles import Document, did_you_mean

MODALITIES = ("laboratory", "xray", "ultrasound", "ct", "mri", "ecg", "endoscopy")
SETTINGS = ("outpatient", "emergency", "inpatient")
TIERS = ("central", "provincial", "district", "commune", "private", "elsewhere")
DESKS_FILE = Path(__file__).with_name("desks.yaml")

_TOP = (
    "day_shift",
    "arrivals",
    "orders_per_100_visits",
    "service_minutes",
    "report_minutes",
    "plans",
)
_PLAN_REQUIRED = (
    "tier",
    "facility_class",
    "beds",
    "visits_per_year",
    "servers",
    "background_share",
    "range",
    "reason",
)
_PLAN_OPTIONAL = ("intensity", "forward")
KeyPath = tuple[str | int, ...]


def check_desks_file(document: Document) -> None:
    """Raises InputError at the first thing that cannot be used."""
    keys(document, (), _TOP)
    keys(document, ("day_shift",), ("from", "to"))
    start = whole(document, ("day_shift", "from"), 0, 23)
    whole(document, ("day_shift", "to"), start + 1, 24)
    _check_arrivals(document)
    keys(document, ("orders_per_100_visits",), (*SETTINGS, "range", "reason"))
    for setting in SETTINGS:
        path = ("orders_per_100_visits", setting)
        keys(document, path, MODALITIES)
        for modality in MODALITIES:
            number(document, (*path, modality), 0, 10_000)
    _check_minutes(document)
    plans = at(document, ("plans",))
    if not isinstance(plans, list) or not plans:
        raise document.error(("plans",), "there is no plan", "List at least one facility kind")
    for index in range(len(plans)):
        _check_plan(document, ("plans", index))


def _check_arrivals(document: Document) -> None:
    keys(document, ("arrivals",), ("range", "reason", "hours", "weekdays"))
    for name, length in (("hours", 24), ("weekdays", 7)):
        keys(document, ("arrivals", name), SETTINGS)
        for setting in SETTINGS:
            path = ("arrivals", name, setting)
            weights = at(document, path)
            if not isinstance(weights, list) or len(weights) != length:
                raise document.error(
                    path, f"this is not a list of {length} weights", f"Write {length} numbers"
                )
            for i in range(length):
                number(document, (*path, i), 0, 1e6)
            if sum(weights[:5] if name == "weekdays" else weights) <= 0:
                raise document.error(path, "all weights are 0", "Give one of them a weight")


def _check_minutes(document: Document) -> None:
    keys(document, ("service_minutes",), MODALITIES)
    keys(document, ("report_minutes",), MODALITIES)
    for modality in MODALITIES:
        path: KeyPath = ("service_minutes", modality)
        keys(document, path, ("range", "reason", "minutes"))
        check_spread(document, (*path, "minutes"))
        path = ("report_minutes", modality)
        keys(document, path, ("range", "reason", *SETTINGS))
        for setting in SETTINGS:
            check_spread(document, (*path, setting))


def check_spread(document: Document, path: KeyPath) -> None:
    quantiles = at(document, path)
    if not isinstance(quantiles, dict) or len(quantiles) < 2:
        raise document.error(
            path, "these are not quantiles", "Write for example {0: 2, 50: 5, 100: 20}"
        )
    before, share_before = 0.0, -1.0
    for key in quantiles:
        try:
            share = float(key)
        except ValueError:
            raise document.error(
                (*path, key), f"{key!r} is not a percentage", "Use 0 to 100"
            ) from None
        minutes = number(document, (*path, key), 0, 100_000)
        if not share_before < share <= 100 or minutes < before:
            raise document.error(
                (*path, key), "percentages and minutes must grow", "Sort them from 0 to 100"
            )
        before, share_before = minutes, share
    shares = [float(key) for key in quantiles]
    if shares[0] != 0 or shares[-1] != 100:
        raise document.error(
            path, "the quantiles do not run from 0 to 100", "Add minutes for 0 and for 100"
        )


def _check_plan(document: Document, path: KeyPath) -> None:
    keys(document, path, _PLAN_REQUIRED, _PLAN_OPTIONAL)
    row = at(document, path)
    for name in ("tier", "forward"):
        if name in row:
            word(document, (*path, name), TIERS)
    whole(document, (*path, "beds"), 1, 100_000)
    number(document, (*path, "background_share"), 0, 1)
    keys(document, (*path, "visits_per_year"), SETTINGS)
    for setting in SETTINGS:
        number(document, (*path, "visits_per_year", setting), 0, 1e8)
    for name in ("servers", "intensity"):
        keys(document, (*path, name), (), MODALITIES)
        for modality in row.get(name, {}):
            if name == "intensity":
                number(document, (*path, name, modality), 0, 1000)
            else:
                _check_servers(document, (*path, name, modality))
    for modality in MODALITIES:
        if not _offered(at(document, ("plans",)), row, modality):
            raise document.error(
                (*path, "servers"),
                f"there is no desk for {modality} and no plan that takes these orders",
                "Add the desk, or name in `forward` a tier that has one",
            )


def _offered(plans: Any, row: dict[str, Any], modality: str) -> bool:
    """Whether the facility, or the tiers it forwards to, one after another, have such a desk."""
    for _ in TIERS:
        if modality in row["servers"]:
            return True
        above = [
            plan
            for plan in plans
            if isinstance(plan, dict)
            and plan.get("tier") == row.get("forward")
            and isinstance(plan.get("servers"), dict)
        ]
        if not above:
            return False
        row = next((plan for plan in above if modality in plan["servers"]), above[0])
    return False


def _check_servers(document: Document, path: KeyPath) -> None:
    value = at(document, path)
    if not isinstance(value, list) or len(value) != 2:
        raise document.error(path, "this is not [day shift, other hours]", "Write two numbers")
    day = whole(document, (*path, 0), 1, 10_000)
    whole(document, (*path, 1), 1, day)


# --- small checks -------------------------------------------------------------------------------


def at(document: Document, path: KeyPath) -> Any:
    value = document.value
    for part in path:
        value = value.get(part) if isinstance(value, dict) else value[int(part)]
    return value


def keys(
    document: Document, path: KeyPath, required: Sequence[str], optional: Iterable[str] = ()
) -> None:
    value = at(document, path)
    known = (*required, *optional)
    if value is None and not required:
        return
    if not isinstance(value, dict):
        raise document.error(path, "this is not a block of keys", f"Give {', '.join(known)}")
    for key in value:
        if key not in known:
            raise document.error((*path, key), "unknown key", did_you_mean(str(key), known))
    for key in required:
        if key not in value:
            raise document.error((*path, key), "this key is missing", "Add it")
    if "range" in value:
        check_range(document, (*path, "range"))


def check_range(document: Document, path: KeyPath) -> None:
    """The factors (low, high) that an assumption may be off by."""
    value = at(document, path)
    if not isinstance(value, list) or len(value) != 2:
        raise document.error(path, "this is not [low, high]", "Write two factors, as in [0.5, 2]")
    number(document, (*path, 0), 0, 1)
    number(document, (*path, 1), 1, 100)


def number(document: Document, path: KeyPath, low: float, high: float) -> float:
    value = at(document, path)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise document.error(
            path, f"{value!r} is not a number from {low:g} to {high:g}", "Correct it"
        )
    return float(value)


def whole(document: Document, path: KeyPath, low: int, high: int) -> int:
    value = at(document, path)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise document.error(
            path, f"{value!r} is not a whole number from {low} to {high}", "Correct it"
        )
    return value


def word(document: Document, path: KeyPath, known: Sequence[str]) -> None:
    value = at(document, path)
    if value not in known:
        raise document.error(path, f"{value!r} is not known here", did_you_mean(str(value), known))
