"""Turnaround tables measured in a 1:1 run of one facility per tier (model.md section 9).

Below full scale queues cannot be scaled, so engines draw turnaround from ``turnaround.csv``.
``python -m scenarios.turnaround --write`` makes that file again, byte by byte.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from simpy import Environment

from scenarios import draws
from scenarios.desk_file import DESKS_FILE, MODALITIES, SETTINGS, TIERS
from scenarios.desk_plans import WEEK, DeskPlan, DeskPlans, load_desk_plans
from scenarios.desks import BackgroundLoad, FacilityDesks
from vietnam.datafiles import InputError, read_csv

TURNAROUND_FILE = Path(__file__).with_name("turnaround.csv")
PERCENT = tuple(range(0, 101, 5))
SEED = 20251122
WARM_UP_WEEKS = 1
ORDERS = 30_000  # orders counted per desk, unless ten years bring fewer
VERSION = 1  # raised when the way of measuring changes
# `elsewhere` stands for care outside the network: ASSUMPTION, shares of that care by tier
# (range of each 0.5-1.5 times).
ELSEWHERE = {"central": 0.15, "provincial": 0.3, "district": 0.35, "private": 0.2}
MINIMUM = 200  # orders in a cell; with fewer the outpatient cell of the same desk is used

Samples = dict[str, list[int]]


@dataclass(frozen=True)
class Row:
    """One cell with its sample: minutes from order to result, in order of availability."""

    tier: str
    modality: str
    setting: str
    measured_at: str
    orders: int
    sample: Sequence[int]


@dataclass(frozen=True)
class Turnaround:
    """``minutes``: int32 [tier 6, modality 7, setting 3, quantile 21], order to result available.

    Orders of the axes: TIERS, MODALITIES, SETTINGS of `desk_file`; quantiles 0, 5, ... 100 %.
    """

    minutes: NDArray[np.int32]

    def lookup(self, tier: int, modality: int, setting: int, u: float) -> int:
        """Whole minutes (>= 1) at the share u in (0, 1); never falls when u grows."""
        row = self.minutes[tier, modality, setting]
        place = u * (len(PERCENT) - 1)
        left = min(int(place), len(PERCENT) - 2)
        low, high = int(row[left]), int(row[left + 1])
        return max(1, int(low + (high - low) * (place - left) + 0.5))


def load_turnaround(path: str | Path = TURNAROUND_FILE) -> Turnaround:
    """The shipped table, or one of the same form. InputError: cells missing, not rising, twice."""
    columns = {
        "tier": _one_of(TIERS),
        "modality": _one_of(MODALITIES),
        "setting": _one_of(SETTINGS),
    }
    rows = read_csv(
        path,
        {**columns, "measured_at": str, "orders": int, **{f"q{q}": _minutes for q in PERCENT}},
    )
    minutes = np.zeros((len(TIERS), len(MODALITIES), len(SETTINGS), len(PERCENT)), np.int32)
    for row in rows:
        key = f"{row['tier']} {row['modality']} {row['setting']}"
        cell = minutes[
            TIERS.index(row["tier"]),
            MODALITIES.index(row["modality"]),
            SETTINGS.index(row["setting"]),
        ]
        values = [row[f"q{q}"] for q in PERCENT]
        if cell[-1]:
            raise InputError(str(path), None, key, "this row is there twice", "Keep one of them")
        if values != sorted(values):
            raise InputError(str(path), None, key, "the quantiles fall", "Sort them")
        cell[:] = values
    for index in np.argwhere(minutes[..., -1] == 0)[:1]:
        key = " ".join((TIERS[index[0]], MODALITIES[index[1]], SETTINGS[index[2]]))
        raise InputError(
            str(path), None, key, "this row is missing", "Write the file again (--write)"
        )
    minutes.setflags(write=False)
    return Turnaround(minutes)


def _one_of(known: tuple[str, ...]) -> Any:
    def convert(text: str) -> str:
        if text not in known:
            raise ValueError(f"known are {', '.join(known)}")
        return text

    return convert


def _minutes(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise ValueError("minutes must be 1 to 1,000,000")
    return value


# --- measuring ----------------------------------------------------------------------------------


def measure(plan: DeskPlan, modality: str, facility: int, seed: int = SEED) -> Samples:
    """Turnaround of every order at one desk of a facility at full volume, by setting.

    Desks do not share places, so each is played alone, for as many weeks as give about
    ORDERS orders. Monday 0:00 first; orders placed in the warm-up week are not counted.
    """
    samples: Samples = {setting: [] for setting in SETTINGS}
    start = WARM_UP_WEEKS * WEEK
    end = start + weeks_to_play(plan, modality) * WEEK

    def watch(_: str, setting: str, ordered: int, available: int) -> None:
        if start <= ordered < end:
            samples[setting].append(available - ordered)

    def draw(entity: int, occurrence: int) -> float:
        return float(draws.uniform(seed, 0, draws.BACKGROUND, entity, occurrence))

    env = Environment()
    desks = FacilityDesks(env, replace(plan, servers={modality: plan.servers[modality]}))
    BackgroundLoad(desks, draw, facility=facility, share=1.0, watch=watch)
    env.run(until=end + WEEK)
    return samples


def weeks_to_play(plan: DeskPlan, modality: str) -> int:
    """Whole weeks, at least 2 (a day and week pattern) and at most ten years."""
    a_week = sum(plan.orders_a_day(modality, s) * sum(plan.arrivals.weekdays[s]) for s in SETTINGS)
    return min(520, max(2, round(ORDERS / a_week)))


def quantiles(sample: Sequence[int]) -> list[int]:
    """Order statistics at 0, 5, ... 100 %, at least 1 minute each."""
    ranked = sorted(sample)
    return [max(1, ranked[(len(ranked) - 1) * q // 100]) for q in PERCENT]


def tier_rows(
    plans: DeskPlans, tier: str, seed: int = SEED, only: tuple[str, ...] = MODALITIES
) -> list[Row]:
    """Rows of the desks of one tier, measured at the first plan of the tier (the common one)."""
    rows = []
    plan, number = plans.for_kind(tier), TIERS.index(tier)
    for modality in MODALITIES:
        if modality not in plan.servers or modality not in only:
            continue
        samples = measure(plan, modality, number, seed)
        for setting in SETTINGS:
            used = setting if len(samples[setting]) >= MINIMUM else "outpatient"
            place = f"{tier}/{plan.facility_class} {used}"
            rows.append(Row(tier, modality, setting, place, len(samples[used]), samples[used]))
    return rows


def all_rows(plans: DeskPlans, seed: int = SEED) -> list[Row]:
    """Every cell: measured, or forwarded to the tier that takes the order, or mixed."""
    found = {
        (row.tier, row.modality, row.setting): row
        for tier in TIERS[:-1]
        for row in tier_rows(plans, tier, seed)
    }
    rows = []
    for tier in TIERS:
        for modality in MODALITIES:
            for setting in SETTINGS:
                if tier == "elsewhere":
                    rows.append(_mixed(found, plans, modality, setting))
                    continue
                row = found[_serving(plans, tier, modality), modality, setting]
                rows.append(replace(row, tier=tier))
    return rows


def _serving(plans: DeskPlans, tier: str, modality: str) -> str:
    """The tier whose desk does this: itself, or the first one up that offers it."""
    while modality not in plans.for_kind(tier).servers:
        tier = plans.for_kind(tier).forward
    return tier


def _mixed(
    found: Mapping[tuple[str, str, str], Row], plans: DeskPlans, modality: str, setting: str
) -> Row:
    """`elsewhere`: evenly spaced order statistics of the tiers, as many as their share."""
    pool: list[int] = []
    for tier, share in ELSEWHERE.items():
        sample = sorted(found[_serving(plans, tier, modality), modality, setting].sample)
        count = round(1000 * share)
        pool += [sample[(2 * i + 1) * len(sample) // (2 * count)] for i in range(count)]
    return Row("elsewhere", modality, setting, f"mixture {setting}", len(pool), pool)


def text_of(rows: Sequence[Row]) -> str:
    """The lines of the file below its notice."""
    head = ["tier", "modality", "setting", "measured_at", "orders", *(f"q{q}" for q in PERCENT)]
    lines = [",".join(head)]
    for row in rows:
        cells = [row.tier, row.modality, row.setting, row.measured_at, str(row.orders)]
        lines.append(",".join([*cells, *(str(q) for q in quantiles(row.sample))]))
    return "\n".join(lines) + "\n"


def notice(plans_text: str) -> str:
    """What made the table, under which assumptions."""
    mixture = ", ".join(f"{tier} {share:g}" for tier, share in ELSEWHERE.items())
    lines = [
        "Minutes from order to available result, quantiles in per cent; model.md section 9.",
        "Made by: python -m scenarios.turnaround --write",
        f"Seed {SEED}, table version {VERSION}, desks.yaml sha256 "
        f"{hashlib.sha256(plans_text.encode()).hexdigest()[:16]}.",
        "Each desk of a full-size facility alone, at least two weeks after a warm-up week,",
        f"as many as bring about {ORDERS} orders (at most ten years), by hour and weekday,",
        "emergencies first, fewer places outside the day shift.",
        "ASSUMPTION: volumes, places and minutes are those of scenarios/desks.yaml, with the",
        "ranges given there; no Vietnamese measurement of turnaround was found.",
        "measured_at: where the sample comes from. A desk that a tier does not have takes the row",
        f"of the tier its orders go to; a setting with under {MINIMUM} orders takes outpatients'.",
        f"elsewhere is a mixture (ASSUMPTION, shares x 0.5-1.5): {mixture}.",
    ]
    return "".join(f"# {line}\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true", help="measure again and write the table")
    if parser.parse_args().write:
        plans_text = DESKS_FILE.read_text(encoding="utf-8")
        text = notice(plans_text) + text_of(all_rows(load_desk_plans()))
        TURNAROUND_FILE.write_text(text, encoding="utf-8", newline="\n")
    else:
        parser.print_help()


if __name__ == "__main__":
    main()
