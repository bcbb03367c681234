"""Diagnostic desks of a kind of facility: volumes, places, minutes (desks.yaml; model.md 9).

Numbers become distributions by inversion only: one uniform in, whole minutes out, monotone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from scenarios.desk_file import DESKS_FILE, MODALITIES, SETTINGS, TIERS, check_desks_file
from vietnam.datafiles import Document, InputError, read_yaml

WEEK = 7 * 24 * 60  # minutes
WORKING_DAYS = range(5)


@dataclass(frozen=True)
class Spread:
    """A distribution of minutes given by quantiles, straight lines between them.

    ``points``: (share in 0..1, minutes), increasing in both, from share 0 to share 1.
    """

    points: tuple[tuple[float, float], ...]
    _shares: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_shares", tuple(share for share, _ in self.points))

    @classmethod
    def of(cls, quantiles: Mapping[str, float]) -> Spread:
        """From per cent -> minutes as a file has them."""
        return cls(tuple((float(q) / 100, float(minutes)) for q, minutes in quantiles.items()))

    def minutes(self, u: float) -> int:
        """Whole minutes (at least 1) at the share u in (0, 1); never falls when u grows."""
        right = min(bisect_right(self._shares, u), len(self.points) - 1)
        (low, fast), (high, slow) = self.points[right - 1], self.points[right]
        return max(1, int(fast + (slow - fast) * (u - low) / (high - low) + 0.5))

    def mean(self) -> float:
        """Mean of the whole minutes that `minutes` returns (10,000 midpoints of u)."""
        return sum(self.minutes((i + 0.5) / 10_000) for i in range(10_000)) / 10_000


@dataclass(frozen=True)
class Arrivals:
    """When orders come: shares of a day by hour, weights by weekday (Monday first), by setting."""

    hours: Mapping[str, tuple[float, ...]]
    weekdays: Mapping[str, tuple[float, ...]]

    def weight(self, setting: str, weekday: int, hour: int) -> float:
        """Orders in this hour as a share of the orders of an average working day."""
        return self.weekdays[setting][weekday] * self.hours[setting][hour]

    def working_days_a_year(self, setting: str) -> float:
        """A year in average working days: what yearly volumes are divided by."""
        return 365 / 7 * sum(self.weekdays[setting])


@dataclass(frozen=True)
class DeskPlan:
    """One kind of facility: yearly visits, orders per visit, places at each desk.

    ``visits``: per year by setting. ``servers``: modality -> (places in the day shift, otherwise);
    a modality that is missing is not offered and its orders go to the tier ``forward``.
    ``key``: where the plan stands in its file, for messages.
    """

    tier: str
    facility_class: str
    beds: int
    visits: Mapping[str, float]
    intensity: Mapping[str, float]
    servers: Mapping[str, tuple[int, int]]
    background_share: float
    forward: str
    arrivals: Arrivals
    orders_per_visit: Mapping[str, Mapping[str, float]]
    service: Mapping[str, Spread]
    report: Mapping[str, Mapping[str, Spread]]
    shift: tuple[int, int]
    key: tuple[str | int, ...] = ()

    def orders_a_day(self, modality: str, setting: str) -> float:
        """Orders on an average working day."""
        visits = self.visits[setting] / self.arrivals.working_days_a_year(setting)
        share = self.orders_per_visit[setting].get(modality, 0.0)
        return visits * share * self.intensity.get(modality, 1.0)

    def orders_an_hour(self, modality: str, weekday: int, hour: int) -> float:
        """Orders expected in this hour of the week, all settings."""
        return sum(
            self.orders_a_day(modality, setting) * self.arrivals.weight(setting, weekday, hour)
            for setting in SETTINGS
        )

    def on_shift(self, hour: int) -> bool:
        return self.shift[0] <= hour < self.shift[1]

    def places(self, modality: str, weekday: int, hour: int) -> int:
        """Servers on duty; on Sunday the night number stays."""
        day, night = self.servers[modality]
        return day if self.on_shift(hour) and weekday < 6 else night

    def utilisation(self, modality: str) -> float:
        """Share of the day shift of a working day that a place is busy."""
        hours = range(*self.shift)
        orders = sum(self.orders_an_hour(modality, d, h) for d in WORKING_DAYS for h in hours) / 5
        minutes = self.servers[modality][0] * len(hours) * 60
        return orders * self.mean_service(modality) / minutes

    def utilisation_off_shift(self, modality: str) -> float:
        """The same for nights and Sundays, all week."""
        pairs = [(d, h) for d in range(7) for h in range(24) if not (self.on_shift(h) and d < 6)]
        orders = sum(self.orders_an_hour(modality, d, h) for d, h in pairs)
        return orders * self.mean_service(modality) / (self.servers[modality][1] * len(pairs) * 60)

    def mean_service(self, modality: str) -> float:
        return _mean(self.service[modality])

    def sized(self, factor: float) -> DeskPlan:
        """A larger or smaller facility of this kind: volume times factor, places rounded up."""
        servers = {
            m: (max(1, math.ceil(day * factor)), max(1, math.ceil(night * factor)))
            for m, (day, night) in self.servers.items()
        }
        visits = {setting: v * factor for setting, v in self.visits.items()}
        return replace(self, beds=max(1, round(self.beds * factor)), visits=visits, servers=servers)

    def staffed(self, orders_a_day: Mapping[tuple[str, str], float], target: float) -> DeskPlan:
        """The plan for a measured demand: (modality, setting) -> orders on an average working day.

        The volume becomes that demand; each desk gets the fewest places that keep both utilisations
        at or under ``target``, and never fewer than now. A modality that is ordered gets a desk.
        """
        offered = {m for (m, _), orders in orders_a_day.items() if orders > 0} | set(self.servers)
        plan = replace(
            self,
            visits={s: self.arrivals.working_days_a_year(s) for s in SETTINGS},
            orders_per_visit={
                s: {m: orders_a_day.get((m, s), 0.0) for m in MODALITIES} for s in SETTINGS
            },
            intensity={},
            servers={m: (1, 1) for m in MODALITIES if m in offered},
        )
        servers = {}
        for m in plan.servers:
            now = self.servers.get(m, (1, 1))
            night = max(now[1], math.ceil(plan.utilisation_off_shift(m) / target))
            day = max(now[0], night, math.ceil(plan.utilisation(m) / target))
            servers[m] = (day, night)
        return replace(plan, servers=servers)


@lru_cache(maxsize=256)
def _mean(spread: Spread) -> float:
    return spread.mean()


@dataclass(frozen=True)
class DeskPlans:
    """All plans of a file; the first plan of a tier stands in for classes that are not named."""

    plans: tuple[DeskPlan, ...]

    def for_kind(self, tier: str, facility_class: str = "") -> DeskPlan:
        """KeyError for a tier without desks (`elsewhere`: use the turnaround table)."""
        of_tier = [plan for plan in self.plans if plan.tier == tier]
        if not of_tier:
            raise KeyError(f"no desks are planned for the tier {tier!r}")
        named = [plan for plan in of_tier if plan.facility_class == facility_class]
        return (named or of_tier)[0]

    def for_facility(self, tier: str, beds: int) -> DeskPlan:
        """The plan of the tier whose size is nearest (by ratio), sized by the beds."""
        plan = self.for_kind(tier)
        if beds <= 0:
            return plan
        of_tier = [plan for plan in self.plans if plan.tier == tier]
        plan = min(of_tier, key=lambda plan: abs(math.log(beds / plan.beds)))
        return plan.sized(beds / plan.beds)


def load_desk_plans(path: str | Path = DESKS_FILE) -> DeskPlans:
    """Plans of ``desks.yaml`` or of a file of the same form. InputError names line and remedy."""
    document = read_yaml(path)
    check_desks_file(document)
    return DeskPlans(tuple(_plan(document, i) for i in range(len(document.value["plans"]))))


def _arrivals(value: Mapping[str, Mapping[str, list[float]]]) -> Arrivals:
    hours = {s: tuple(w / sum(value["hours"][s]) for w in value["hours"][s]) for s in SETTINGS}
    weekdays = {}
    for s in SETTINGS:
        weights = value["weekdays"][s]
        working = sum(weights[d] for d in WORKING_DAYS) / 5
        weekdays[s] = tuple(w / working for w in weights)
    return Arrivals(hours, weekdays)


def _plan(document: Document, index: int) -> DeskPlan:
    value, row = document.value, document.value["plans"][index]
    per_100 = value["orders_per_100_visits"]
    plan = DeskPlan(
        tier=row["tier"],
        facility_class=row["facility_class"],
        beds=row["beds"],
        visits=dict(row["visits_per_year"]),
        intensity=dict(row.get("intensity", {})),
        servers={m: (day, night) for m, (day, night) in row["servers"].items()},
        background_share=row["background_share"],
        forward=row.get("forward", row["tier"]),
        arrivals=_arrivals(value["arrivals"]),
        orders_per_visit={s: {m: n / 100 for m, n in per_100[s].items()} for s in SETTINGS},
        service={m: Spread.of(value["service_minutes"][m]["minutes"]) for m in MODALITIES},
        report={
            m: {s: Spread.of(value["report_minutes"][m][s]) for s in SETTINGS} for m in MODALITIES
        },
        shift=(value["day_shift"]["from"], value["day_shift"]["to"]),
        key=("plans", index),
    )
    _refuse_overload(document, plan)
    return plan


def _refuse_overload(document: Document, plan: DeskPlan) -> None:
    for modality, (day, night) in plan.servers.items():
        checks = (
            (0, "in the day shift", plan.utilisation(modality), day),
            (1, "outside of it", plan.utilisation_off_shift(modality), night),
        )
        for place, when, load, servers in checks:
            if load >= 1:
                needed = math.floor(load * servers) + 1
                raise document.error(
                    (*plan.key, "servers", modality, place),
                    f"{servers} places would be busy {load:.0%} of the time {when}, "
                    "so the queue would grow without end",
                    f"Plan at least {needed} places, or fewer visits or orders per visit",
                )


def table(plans: DeskPlans) -> str:
    """Every desk with its load, as text: what `python -m scenarios.desk_plans` prints."""
    lines = [f"{'tier/class':<22}{'modality':<12}{'a day':>9}{'places':>12}{'day':>7}{'else':>7}"]
    for plan in plans.plans:
        for m, (day, night) in plan.servers.items():
            orders = sum(plan.orders_a_day(m, s) for s in SETTINGS)
            lines.append(
                f"{plan.tier + '/' + plan.facility_class:<22}{m:<12}{orders:>9.1f}"
                f"{f'{day}+{night}':>12}{plan.utilisation(m):>7.2f}"
                f"{plan.utilisation_off_shift(m):>7.2f}"
            )
    return "\n".join(lines)


__all__ = [
    "MODALITIES",
    "SETTINGS",
    "TIERS",
    "WEEK",
    "Arrivals",
    "DeskPlan",
    "DeskPlans",
    "InputError",
    "Spread",
    "load_desk_plans",
    "table",
]

if __name__ == "__main__":
    print(table(load_desk_plans()))  # noqa: T201
