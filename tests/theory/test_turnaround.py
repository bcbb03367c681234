"""The shipped turnaround table: what it holds, that it can be made again, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios import turnaround
from scenarios.desk_file import DESKS_FILE, MODALITIES, SETTINGS, TIERS
from scenarios.desk_plans import load_desk_plans
from scenarios.turnaround import PERCENT, TURNAROUND_FILE, load_turnaround
from vietnam.datafiles import InputError

SHIPPED = TURNAROUND_FILE.read_text(encoding="utf-8")
TABLE = load_turnaround()


def test_shape_and_axes() -> None:
    assert (
        TABLE.minutes.shape
        == (6, 7, 3, 21)
        == (
            len(TIERS),
            len(MODALITIES),
            len(SETTINGS),
            len(PERCENT),
        )
    )
    assert TABLE.minutes.dtype == "int32"
    assert TABLE.minutes.min() >= 1
    assert (TABLE.minutes[..., 1:] >= TABLE.minutes[..., :-1]).all()
    assert not TABLE.minutes.flags.writeable


@pytest.mark.parametrize("tier", range(6))
def test_lookup_is_the_straight_line_between_quantiles(tier: int) -> None:
    for modality in range(7):
        for setting in range(3):
            row = TABLE.minutes[tier, modality, setting]
            found = [TABLE.lookup(tier, modality, setting, (i + 0.5) / 400) for i in range(400)]
            assert found == sorted(found)
            assert found[0] >= row[0]
            assert found[-1] <= row[-1]
            for place in range(1, 20):
                assert TABLE.lookup(tier, modality, setting, place / 20) == row[place]
            middle = TABLE.lookup(tier, modality, setting, 0.525)
            assert middle == int((row[10] + row[11]) / 2 + 0.5)
            assert TABLE.lookup(tier, modality, setting, 1 - 1e-12) == row[-1]


@pytest.mark.parametrize(
    ("tier", "modality"), [("commune", "laboratory"), ("district", "ct"), ("private", "endoscopy")]
)
def test_rows_can_be_measured_again_byte_by_byte(tier: str, modality: str) -> None:
    rows = turnaround.tier_rows(load_desk_plans(), tier, only=(modality,))
    lines = turnaround.text_of(rows).splitlines()[1:]
    assert len(lines) == 3
    for line in lines:
        assert line in SHIPPED.splitlines()


def test_the_notice_belongs_to_the_desks_of_today() -> None:
    """Whoever changes desks.yaml writes the table again."""
    assert SHIPPED.startswith(turnaround.notice(DESKS_FILE.read_text(encoding="utf-8")))


def test_emergencies_are_faster_and_queues_lengthen_the_wait() -> None:
    for tier in range(6):
        for modality in range(7):
            outpatient, emergency, _ = TABLE.minutes[tier, modality]
            assert emergency[10] <= outpatient[10]
    report = load_desk_plans().for_kind("central").report["laboratory"]["outpatient"]
    central, commune = TABLE.minutes[0, 0, 0], TABLE.minutes[3, 0, 0]
    assert central[10] > report.minutes(0.5) + 4 + 10, "a central laboratory has a queue"
    assert commune[10] <= report.minutes(0.5) + 4 + 2, "a station has none"


def test_laboratory_minutes_are_of_the_size_seen_elsewhere() -> None:
    """A plausibility check: intra-laboratory median 55 min, quartiles 40-81, ninth decile 134
    (Afr J Lab Med 2021;10(1):1318); ours adds sampling and the queue in front of it."""
    for tier in (0, 1, 2, 4):
        for place, seen in ((5, 40), (10, 55), (15, 81), (18, 134)):
            assert seen / 2 <= TABLE.minutes[tier, 0, 0, place] <= seen * 2, (tier, place)


def without(line_start: str) -> Callable[[str], str]:
    return lambda text: "\n".join(
        line for line in text.splitlines() if not line.startswith(line_start)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("district,ct,inpatient"), "district ct inpatient: this row is missing"),
        (lambda t: t + t.splitlines()[-1] + "\n", "twice"),
        (lambda t: t.replace("\ncentral,mri,", "\ncentre,mri,", 1), "known are central"),
        (lambda t: t.replace("q5,", "q6,", 1), "q6"),
        (lambda t: t.replace(",17,", ",-17,", 1), "minutes must be"),
        (lambda t: t.replace(",17,", ",9999,", 1), "the quantiles fall"),
        (lambda t: t.replace(",17,", ",1e3,", 1), "cannot be used"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, change: Callable[[str], str], words: str) -> None:
    path = tmp_path / "turnaround.csv"
    path.write_text(change(SHIPPED), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != SHIPPED
    with pytest.raises(InputError, match=words):
        load_turnaround(path)
