"""The count period and what orders are worth in it: prices, doses, provinces by date."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]


class Period(NamedTuple):
    """What the tally needs of the count period and its values."""

    begin: int
    end: int
    price: Array  # [tests, facilities] VND of one order
    lines: Array  # [tests]
    dose: Array  # [tests, 4 regions] mSv
    province_before: Array  # [facilities] province number before and after the merger
    province_after: Array
    home_before: Array  # [communes]
    home_after: Array
    merger: int
