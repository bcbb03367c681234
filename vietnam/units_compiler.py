"""Compiles ``provinces.csv`` and ``networks/communes.csv`` from ``vietnamadminunits``.

``python -m vietnam.units_compiler FOLDER`` with the folder ``vietnamadminunits/data`` of an
unpacked wheel (version 1.0.4, MIT). Names and codes only: its coordinates come from a geocoding
service and are left out. Run once; the CSV files are committed.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PILOT_PROVINCES = ("19", "27", "74", "89")  # old codes: Thai Nguyen, Bac Ninh, Binh Duong, An Giang
NOTICE = """\
# Names and codes of administrative units, taken from vietnamadminunits 1.0.4
# (https://github.com/tranngocminhhieu/vietnamadminunits), MIT licence,
# Copyright (c) 2025 Tran Ngoc Minh Hieu.
# Compiled by vietnam/units_compiler.py; coordinates of the source are not used.
"""


def main(folder: str) -> None:
    """Writes both files beside this module."""
    data, here = Path(folder), Path(__file__).parent
    base = sqlite3.connect(data / "dataset.db")
    mapping = json.loads((data / "converter_2025.json").read_text(encoding="utf-8"))
    _write(
        here / "provinces.csv",
        "# Old provinces name their successor of 1 July 2025.\n",
        ("code", "name", "from", "to", "successor"),
        _provinces(base, mapping),
    )
    _write(
        here / "networks" / "communes.csv",
        "# Communes before 1 July 2025 of the four pilot provinces (old boundaries) and the\n"
        "# commune that took each over; where one was split, the largest part.\n",
        ("code", "name", "district_code", "province_code", "new_code", "new_name"),
        _communes(base, mapping),
    )


def _provinces(
    base: sqlite3.Connection, mapping: dict[str, dict[str, list[str]]]
) -> list[list[str]]:
    old = dict(base.execute("SELECT provinceKey, provinceCode FROM admin_units_legacy").fetchall())
    names = dict(base.execute("SELECT provinceCode, province FROM admin_units_legacy").fetchall())
    new = {
        key: (code, name)
        for key, code, name in base.execute(
            "SELECT DISTINCT provinceKey, provinceCode, province FROM admin_units"
        )
    }
    successor = {
        old[part]: new[key][0] for key, parts in mapping["DICT_PROVINCE"].items() for part in parts
    }
    before = [[c, names[c], "", "2025-06-30", successor[c]] for c in sorted(names)]
    return before + [[c, n, "2025-07-01", "", ""] for c, n in sorted(new.values())]


def _communes(base: sqlite3.Connection, mapping: dict[str, Any]) -> list[list[str]]:
    new = {
        (province, key): (code, name)
        for province, key, code, name in base.execute(
            "SELECT provinceKey, wardKey, wardCode, ward FROM admin_units"
        )
    }
    target: dict[str, tuple[str, str]] = {}
    for province, wards in mapping["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for key, parts in wards.items():
            target.update(dict.fromkeys(parts, new[province, key]))
    for province, parts in mapping["DICT_PROVINCE_WARD_DIVIDED"].items():
        for part, pieces in parts.items():
            largest = next(piece for piece in pieces if piece["isDefaultNewWard"])
            target[part] = new[province, largest["newWardKey"]]
    rows = base.execute(
        "SELECT wardCode, ward, districtCode, provinceCode, provinceKey, districtKey, wardKey"
        f" FROM admin_units_legacy WHERE provinceCode IN {PILOT_PROVINCES} ORDER BY wardCode"
    )
    return [
        [
            code,
            name.replace("Trấn", "trấn"),
            district,
            province,
            *target[f"{pkey}_{dkey}_{wkey}"],
        ]
        for code, name, district, province, pkey, dkey, wkey in rows
    ]


def _write(path: Path, note: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(NOTICE + note)
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main(sys.argv[1])
