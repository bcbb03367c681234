"""The ledger: one row an order of the count period, from blocks of integers to one Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scenarios.engines.tally import DAY
from scenarios.experiments.breakdown import COLUMN, Cuts
from scenarios.orders import CLASS_NAMES, OrderClass
from scenarios.plan import Plan
from scenarios.world.life import KINDS, SETTINGS
from scenarios.world.tables import TIERS

Array = NDArray[Any]


def write_ledger(plan: Plan, blocks: list[Path], path: Path) -> int:
    """Blocks of `on_block` rows -> Parquet, one row group a block; returns the number of rows.

    `minute` counts from the first counted day. The file appears only when it is complete.
    """
    part = path.with_suffix(".part")
    schema = None
    writer = None
    rows = 0
    try:
        for block in blocks:
            table = ledger_table(plan, np.load(block))
            if writer is None:
                schema = table.schema
                writer = pq.ParquetWriter(part, schema, compression="zstd")
            writer.write_table(table)
            rows += table.num_rows
    finally:
        if writer is not None:
            writer.close()
    if writer is not None:
        part.replace(path)
    return rows


def ledger_table(plan: Plan, rows: Array) -> pa.Table:
    """One block as a table with names instead of codes."""
    cuts = Cuts(plan)
    facilities = [f.code for f in plan.network.facilities]
    tests = [g.key for g in plan.catalogue.groups]
    shared = rows[:, COLUMN["class_with"]]
    prior = rows[:, COLUMN["prior_facility"]]
    has_prior = prior >= 0
    lost = (shared > OrderClass.LOST) & (shared < OrderClass.UNSAFE_MISSED_CHANGE)
    regions = [
        plan.catalogue.groups[t].regions[r] if plan.catalogue.groups[t].regions else None
        for t, r in zip(rows[:, COLUMN["test"]], rows[:, COLUMN["region"]], strict=True)
    ]
    minute = rows[:, COLUMN["minute"]]
    months = [f"{m:%Y-%m}" for m in cuts.months]
    needed = (shared == OrderClass.NEEDED_PERFORMED) | (shared == OrderClass.UNSAFE_MISSED_CHANGE)
    return pa.table(
        {
            "person": rows[:, COLUMN["person"]].astype(np.int32),
            "visit": rows[:, COLUMN["visit"]],
            "order": rows[:, COLUMN["order"]],
            "minute": (minute - plan.period.begin).astype(np.int32),
            "month": _names(cuts.month[minute // DAY], months),
            "test": _names(rows[:, COLUMN["test"]], tests),
            "region": pa.array(regions, pa.string()).dictionary_encode(),
            "facility": _names(rows[:, COLUMN["facility"]], facilities),
            "tier": _names(plan.calendars.tier[rows[:, COLUMN["facility"]]], list(TIERS)),
            "home_province": _names(cuts.home[rows[:, COLUMN["home_commune"]]], cuts.homes),
            "kind": _names(rows[:, COLUMN["kind"]], list(KINDS)),
            "setting": _names(rows[:, COLUMN["setting"]], list(SETTINGS)),
            "class_without": _names(rows[:, COLUMN["class_without"]], list(CLASS_NAMES)),
            "class_with": _names(shared, list(CLASS_NAMES)),
            "gate": np.where(lost, shared - OrderClass.LOST, 0).astype(np.int8),
            "failed": rows[:, COLUMN["failed_gates"]].astype(np.int32),
            "avoidable": rows[:, COLUMN["avoidable"]].astype(bool),
            "needed": needed,
            "prior_facility": pa.array(
                [facilities[p] if p >= 0 else None for p in prior], pa.string()
            ).dictionary_encode(),
            "prior_age_minutes": pa.array(
                np.where(has_prior, minute - rows[:, COLUMN["prior_minute"]], 0).astype(np.int32),
                mask=~has_prior,
            ),
        }
    )


def _names(codes: Array, names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(names, pa.string())
    )
