"""What the engines need besides demand and calendars: rule tables and the numbers of behaviour."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios.available_answer import load_available_answer
from scenarios.desk_file import MODALITIES
from scenarios.rule_tables import (
    consent_table,
    identity_table,
    recognition_table,
    validity_table,
)
from scenarios.scenario import MODES, Scenario
from scenarios.turnaround import load_turnaround
from scenarios.world.tables import conditions
from vietnam.catalogue import Catalogue
from vietnam.datafiles import InputError, did_you_mean
from vietnam.regulations import Regulation, load_regulation, load_regulations

DAY = 1440
RESULT_CLASSES = ("labile", "stable", "imaging_function")
CHILD_BANDS = 2  # the first age bands of illness.yaml are under 15
Array = NDArray[Any]


class Care(NamedTuple):
    """Rule tables and behaviour. 16 test groups, P regulations, K conditions; minutes."""

    window: Array  # [16] measurement window
    result_class: Array  # [16]
    film: Array  # [16] 1 = imaging and function tests, carried as film or print
    modality: Array  # [16]
    turnaround: Array  # [6 tiers, 7 modalities, 3 settings, 21]
    registration_cumulative: Array  # [4]
    identity_passes: Array  # [4, 4]
    consent_passes: Array  # [2, 3, 2]
    validity_passes: Array  # [2, 2, 2, 2, 2]
    recognition_passes: Array  # [P, 16, 6, 6, 2, 2]
    validity: Array  # [P, 16, 2] minutes, outpatient or inpatient order
    answer: Array  # [4 source link, 4 requester link, 24 hours] P(answer before the deadline)
    look: Array  # [4 modes]
    accept: Array  # [3 classes]
    specialty: Array  # [K] logit
    need: Array  # [3, 2] newest prior in another / the same episode
    noticed: Array  # [2] before / after the EMR
    carried: Array  # [2 paper or film, 2 unreferred or referred]
    intervening: Array  # [3]
    look_first_day: float
    habit_minutes: float
    look_complexity: float
    packet_sent: float
    paediatrics: float
    accept_needed: float
    accept_paper: float
    accept_forced: float
    paper_after_emr: float
    denied: float
    code_required: float
    code_obtained: float
    critical: float
    false_link: float
    stranger_result: float


def regulations_of(scenario: Scenario) -> list[Regulation]:
    """Regulation sets of a scenario in dated order; `recognition: nothing` empties their lists."""
    sets = []
    for row in scenario.regulations:
        if row.regulation not in load_regulations():
            remedy = did_you_mean(row.regulation, load_regulations())
            raise InputError(
                scenario.name, None, "regulations", f"{row.regulation!r} is not known", remedy
            )
        sets.append(load_regulation(row.regulation))
    if scenario.recognition == "nothing":
        sets = [dataclasses.replace(r, on_list=dict.fromkeys(r.on_list, False)) for r in sets]
    return sets


def care_tables(scenario: Scenario, catalogue: Catalogue, values: Mapping[str, float]) -> Care:
    """Tables of one scenario at one set of parameter values."""
    v = values
    regulations = regulations_of(scenario)
    wrong = np.array([v["identity.typo"], v["identity.old_card"], v["identity.no_id"]])
    shares = np.concatenate([[1.0 - wrong.sum()], wrong])
    return Care(
        window=np.array([g.window_days * DAY for g in catalogue.groups], np.int64),
        result_class=np.array(
            [RESULT_CLASSES.index(g.result_class) for g in catalogue.groups], np.int32
        ),
        film=np.array([g.result_class == "imaging_function" for g in catalogue.groups], np.int32),
        modality=np.array([MODALITIES.index(g.modality) for g in catalogue.groups], np.int32),
        turnaround=load_turnaround().minutes.astype(np.int64),
        registration_cumulative=np.cumsum(shares),
        identity_passes=identity_table(),
        consent_passes=consent_table(),
        validity_passes=validity_table(),
        recognition_passes=recognition_table(regulations, catalogue),
        validity=validity_minutes(regulations, catalogue, v["publish.validity_position"]),
        answer=answer_table(v["link.load"]),
        look=np.array([v[f"look.{mode}"] for mode in MODES]),
        accept=np.array([v["accept.labile"], v["accept.stable"], v["accept.imaging"]]),
        specialty=_specialty(v),
        need=np.array(
            [[v[f"need.{c}_other"], v[f"need.{c}_same"]] for c in ("labile", "stable", "imaging")]
        ),
        noticed=np.array([v["local.noticed_paper"], v["local.noticed_emr"]]),
        carried=np.array(
            [
                [v["paper.carried_laboratory"], v["paper.carried_referred_laboratory"]],
                [v["paper.carried_film"], v["paper.carried_referred_film"]],
            ]
        ),
        intervening=np.array(
            [v[f"publish.intervening_{c}"] for c in ("labile", "stable", "imaging")]
        ),
        look_first_day=v["look.first_day"],
        habit_minutes=v["look.habit_days"] * DAY,
        look_complexity=v["look.complexity"],
        packet_sent=v["look.packet_sent"],
        paediatrics=v["accept.paediatrics"],
        accept_needed=v["accept.needed"],
        accept_paper=v["paper.accept"],
        accept_forced=v["accept.forced"],
        paper_after_emr=v["paper.after_emr"],
        denied=v["consent.denied"],
        code_required=v["consent.code_required"],
        code_obtained=v["consent.code_obtained"],
        critical=v["publish.critical"],
        false_link=v["identity.false_link"],
        stranger_result=v["identity.stranger_result"],
    )


def validity_minutes(
    regulations: Sequence[Regulation], catalogue: Catalogue, position: float
) -> Array:
    """Windows [P, 16, 2]. `position`: -1 the shortest of a range, 0 the central, 1 the longest."""
    out = np.zeros((len(regulations), len(catalogue.groups), 2), np.int64)
    for r, regulation in enumerate(regulations):
        for g in catalogue.groups:
            for s, setting in enumerate(("outpatient", "inpatient")):
                span = getattr(regulation.validity_days[g.key], setting)
                days = span.at(position)
                if days > g.window_days:
                    raise InputError(
                        regulation.key,
                        None,
                        g.key,
                        f"a result stays valid for {days} days, "
                        f"its repeats count for {g.window_days}",
                        "keep validity at or below the measurement window of the catalogue",
                    )
                out[r, g.index, s] = round(days * DAY)
    return out


def answer_table(load: float) -> Array:
    """P(answer in time) [source link 4, requester link 4, hour 24]; the weaker link counts."""
    measured = load_available_answer()
    return np.array(
        [
            [[measured.lookup(max(i, j), hour, load) for hour in range(24)] for j in range(4)]
            for i in range(4)
        ]
    )


def _specialty(values: Mapping[str, float]) -> Array:
    """Acceptance by the specialty that treats a condition; Song 2025 (N7) for the directions."""
    offset = dict.fromkeys(conditions(), 0.0)
    offset["injury_bone_joint"] = values["accept.orthopaedics"]
    for name in ("diabetes", "liver"):
        offset[name] = values["accept.endocrine_liver"]
    return np.array(list(offset.values()))


def study_days(scenario: Scenario, catalogue: Catalogue) -> tuple[dt.date, int]:
    """(start date, days simulated): warm-up of max window + 180 days before the count period."""
    warm_up = max(g.window_days for g in catalogue.groups) + 180
    return scenario.count_from - dt.timedelta(days=warm_up), warm_up + scenario.days
