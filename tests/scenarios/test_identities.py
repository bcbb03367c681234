"""Identities of the model page, section 8, on real runs: exact, in every arm and any shards."""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.rules.decision import Verdict
from coordinator.rules.gates import GATE_OF, Gate
from scenarios import draws
from scenarios.engines.reference import ReferenceWorld, Told, performed, person_orders
from scenarios.engines.tally import add, empty_room, empty_tally, run_block
from scenarios.experiments.breakdown import COLUMN, Cuts
from scenarios.experiments.simulate import WITH_PERFECT_GATES, simulate
from scenarios.gates import Assessment, GateBook, Order, Result, Visit
from scenarios.measures import leaks, measures
from scenarios.orders import CROSS_REPEAT, NOT_PERFORMED, OrderClass
from scenarios.plan import Plan, input_hashes, sampled_persons
from scenarios.scenario import MODES, load_scenario
from scenarios.world.life import EMERGENCY
from tests.scenarios.worlds import LOUD, study

SHARED, MISSED, WRONG = (
    OrderClass.SHARED_REUSED,
    OrderClass.UNSAFE_MISSED_CHANGE,
    OrderClass.UNSAFE_WRONG_PERSON,
)
LOCAL, PAPER = OrderClass.LOCAL_REUSED, OrderClass.PAPER_REUSED
LOST = slice(OrderClass.LOST + 1, OrderClass.LOST + 13)
EVERY_GATE = (1 << len(Gate)) - 1
PERSONS = 3000

STUDIES = {
    "pilots": ("pilots", {}),
    "pilots, loud": ("pilots", LOUD),
    "pilots, all connected, mandate": (
        "pilots",
        {**LOUD, "connect": "2024-10-01", "mode": "mandate", "regulation": "draft-2025"},
    ),
    "deadline": ("legal-deadline-2027", {}),
    "weak links": ("weak-links", LOUD),
    "two hospitals": ("tiny-two-hospitals", {}),
    "referral chain, loud": ("tiny-referral-chain", LOUD),
    "everything open": ("tiny-everything-open", {"identity__false_link": "0.3"}),
}


@dataclasses.dataclass(frozen=True)
class Run:
    """Both worlds and the twelve arms of one study, and its ledger."""

    plan: Plan
    tally: object
    ledger: np.ndarray

    @property
    def classes(self) -> np.ndarray:
        """[arms, classes] orders of the count period."""
        return self.tally.classes.sum(axis=2)

    def column(self, name: str) -> np.ndarray:
        return self.ledger[:, COLUMN[name]]


@cache
def run_of(name: str) -> Run:
    scenario, changes = STUDIES[name]
    return counted(study(scenario, **changes))


def counted(plan: Plan, masks: tuple[int, ...] = WITH_PERFECT_GATES) -> Run:
    done = simulate(plan, min(1.0, PERSONS / plan.population), masks, lambda rows: rows)
    return Run(plan, done.tally, np.concatenate(done.blocks))


@pytest.fixture(params=STUDIES)
def run(request) -> Run:
    return run_of(request.param)


# --- exact identities ----------------------------------------------------------------------------


def test_every_order_is_in_one_class_of_every_arm(run):
    orders = len(run.ledger)
    assert orders > 2000
    assert set(run.classes.sum(axis=1)) == {orders}
    per_test = run.tally.classes.sum(axis=1)
    assert (per_test == per_test[0]).all()


def test_classes_of_each_world(run):
    """World 0 knows no sharing; world 1 has no plain repeat, each is lost somewhere."""
    without, shared = run.classes[:2]
    assert without[[SHARED, MISSED, WRONG]].sum() + without[LOST].sum() == 0
    assert shared[OrderClass.PERFORMED_REPEAT] == 0
    assert without[OrderClass.SERIAL] == shared[OrderClass.SERIAL]


def test_tests_saved_are_reused_unsafe_paper_and_own(run):
    """P0 - P1 = S + U + (paper1 - paper0) + (local1 - local0)."""
    without, shared = run.classes[:2]
    saved = int(without[~NOT_PERFORMED].sum() - shared[~NOT_PERFORMED].sum())
    unsafe = int(shared[MISSED] + shared[WRONG])
    replaced = int(shared[PAPER] - without[PAPER] + shared[LOCAL] - without[LOCAL])
    assert saved == int(shared[SHARED]) + unsafe + replaced
    found = measures(run.tally, run.plan.scenario.days, 0.5)
    assert found["repeats_avoided"].value == saved - unsafe
    assert found["unsafe_reuses"].value == unsafe


def test_avoidable_are_reused_lost_or_given_to_a_stranger(run):
    """A = S + sum of lost + wrong-person reuses among them; A of world 0 = its repeats."""
    without, shared = run.classes[:2]
    wrong = (run.column("class_with") == WRONG) & (run.column("avoidable") == 1)
    avoidable = int(run.column("avoidable").sum())
    assert avoidable == int(run.tally.avoidable[1])
    assert avoidable == int(shared[SHARED] + shared[LOST].sum()) + int(wrong.sum())
    assert int(run.tally.avoidable[0]) == int(without[OrderClass.PERFORMED_REPEAT])


def test_the_studies_are_not_empty():
    """The identities above say something only where all their terms occur."""
    saved = {name: run_of(name).classes for name in STUDIES}
    for code in (SHARED, MISSED, WRONG, LOCAL, PAPER):
        assert sum(int(classes[1][code]) for classes in saved.values()) > 20, code
    moved = sum(abs(int(c[1][k]) - int(c[0][k])) for c in saved.values() for k in (LOCAL, PAPER))
    assert moved > 20
    loud = run_of("pilots, loud")
    assert ((loud.column("class_with") == WRONG) & (loud.column("avoidable") == 1)).sum() > 5


def test_ledger_and_tally_count_the_same(run):
    for world, column in enumerate(("class_without", "class_with")):
        counts = np.bincount(run.column(column), minlength=len(NOT_PERFORMED))
        assert (counts == run.classes[world]).all()


def test_every_breakdown_adds_up(run):
    found = measures(run.tally, run.plan.scenario.days, 0.5)
    wanted = [
        *(found[name].value for name in ("orders", "avoidable")),
        found["cross_facility_repeats_without_sharing"].value,
        *(found[name].value for name in ("repeats_avoided", "unsafe_reuses", "cost_avoided_vnd")),
    ]
    for dimension, table in Cuts(run.plan).breakdown(run.ledger).items():
        assert table.sum(axis=0) == pytest.approx(wanted, rel=1e-12, abs=1e-6), dimension


def test_leaks_name_what_was_lost(run):
    """Lost first here, lost only here: read again from the ledger, order by order."""
    rows = leaks(run.tally)
    codes, failed = run.column("class_with"), run.column("failed_gates")
    for gate in Gate:
        here = codes == OrderClass.LOST + gate
        assert rows[gate.key]["lost"] == here.sum()
        assert rows[gate.key]["sole"] == (here & (failed == 1 << (gate - 1))).sum()
        assert (failed[here] & ((1 << (gate - 1)) - 1) == 0).all()  # no earlier gate was shut
        saved = run.classes[1 + gate][NOT_PERFORMED].sum() - run.classes[1][NOT_PERFORMED].sum()
        assert rows[gate.key]["if_perfect"] == saved


def test_repeats_are_performed_orders_with_a_result_elsewhere(run):
    """R of both worlds: needed, repeated and lost, never one that was replaced."""
    found = measures(run.tally, run.plan.scenario.days, 0.5)
    assert not (CROSS_REPEAT & NOT_PERFORMED).any()
    for world, name in enumerate(("without", "with")):
        repeats = int(run.classes[world][CROSS_REPEAT].sum())
        assert found[f"cross_facility_repeats_{name}_sharing"].value == repeats


# --- extremes ------------------------------------------------------------------------------------


def test_nobody_looks_nothing_is_avoided():
    tally = simulate(study("pilots-connected-on-paper"), 0.01).tally
    without, shared = tally.classes.sum(axis=2)
    assert (without[NOT_PERFORMED] == shared[NOT_PERFORMED]).all()
    assert shared[LOST][Gate.SEEN - 1] > 0  # something did reach the door


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("no-recognition", {}),
        ("tiny-everything-open", {"look__flag": "0"}),
        (
            "tiny-everything-open",
            {"accept__labile": "0", "accept__stable": "0", "accept__imaging": "0"},
        ),
        ("tiny-everything-open", {"publish__mapped": "0"}),
        ("tiny-everything-open", {"link__availability_coordinator": "0"}),
        ("tiny-everything-open", {"recognition": "nothing"}),
    ],
    ids=str,
)
def test_one_gate_that_nobody_passes_leaves_nothing(name, changes):
    run = counted(study(name, accept__needed="0", identity__false_link="0", **changes))
    assert (run.classes[0][NOT_PERFORMED] == run.classes[1][NOT_PERFORMED]).all()
    assert run.classes[1][LOST].sum() == run.tally.avoidable[1] > 20


@pytest.mark.parametrize("name", ["tiny-two-hospitals", "tiny-everything-open"])
def test_who_denies_is_overridden_in_emergencies_only(name):
    """Gate 6 opens for a recorded override; where everybody denies, nothing else is reused."""
    run = counted(study(name, consent__denied="1", identity__false_link="0"))
    reused = np.isin(run.column("class_with"), (SHARED, MISSED))
    assert set(run.column("setting")[reused]) <= {EMERGENCY}
    assert run.classes[1][LOST][Gate.CONSENTED - 1] > 20


@pytest.mark.parametrize("name", ["pilots", "tiny-two-hospitals", "tiny-everything-open"])
def test_every_gate_held_open_reuses_everything(name):
    run = counted(study(name, identity__false_link="0"), masks=(EVERY_GATE,))
    assert run.classes[1][LOST].sum() == 0
    assert run.classes[1][SHARED] == run.tally.avoidable[1] > 20
    assert (
        run.classes[1][OrderClass.NEEDED_PERFORMED] > 20
    )  # and nothing that is needed is given up


def test_everything_open_loses_only_where_nothing_can_be_opened():
    """`elsewhere` (1, 3), not out yet (4), answered late (7), too old (9), not recognised (10)."""
    run = counted(study("tiny-everything-open"))
    lost = {gate for gate in Gate if run.classes[1][OrderClass.LOST + gate]}
    assert lost <= {
        Gate.REQUESTER_CONNECTED,
        Gate.SOURCE_CONNECTED,
        Gate.PUBLISHED,
        Gate.ANSWERED,
        Gate.VALID,
        Gate.RECOGNISED,
    }
    assert run.classes[1][SHARED] > 100


# --- monotone per decision -----------------------------------------------------------------------
# Same history, one more gate open: what was reused stays reused. Facts are drawn, not simulated.

VERDICT = {gate: next(v for v, g in GATE_OF.items() if g == gate) for gate in Gate}
GATE_SETS = st.frozensets(st.sampled_from(list(Gate)))
PRIORS = st.lists(st.tuples(GATE_SETS, st.booleans()), min_size=1, max_size=4)


class Given(ReferenceWorld):
    """Steps 6 and 7 of the reference over priors whose failed gates are given."""

    def __init__(self, priors, opened) -> None:
        self.opened = frozenset(opened)
        self.sharing = True
        self.given = priors

    def decide(self, needed: bool) -> Told:
        visit = Visit(0, 0, 10_000, 0, 0, 0, 0, 0, -1, 0)
        results = [
            Result(Order(visit, -i, 9_000 - i, 0, 0, 0), 9_001 - i) for i in range(len(self.given))
        ]
        return self.shared(Order(visit, 1, 10_000, 0, 0, 0), results, needed)

    def behaviour(self, order, found, needed):
        return found

    @property
    def book(self):
        return self

    def judged(self, *arguments):
        if len(arguments) == 2:  # the world asks for all priors of an order
            return super().judged(*arguments)
        _, prior, newer_critical = arguments  # the book is asked for one of them
        failed, critical = self.given[-prior.order.key]
        reasons = {VERDICT[gate] for gate in failed}
        if newer_critical:
            reasons.add(Verdict.NEWER_CRITICAL)
        return Assessment(prior, tuple(reasons), critical)


def reused(priors, opened, needed=False) -> bool:
    return not performed(Given(priors, opened).decide(needed).code)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(PRIORS, GATE_SETS, st.sampled_from(list(Gate)), st.booleans())
def test_opening_a_gate_loses_no_reuse(priors, opened, gate, needed):
    quiet = [(failed, False) for failed, _ in priors]
    if reused(quiet, opened, needed):
        assert reused(quiet, opened | {gate}, needed)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(PRIORS, GATE_SETS, st.sampled_from([g for g in Gate if g > Gate.MAPPED]))
def test_opening_a_late_gate_loses_no_reuse_with_critical_results(priors, opened, gate):
    """Gates 9 to 12 never show another result, so critical ones change nothing there."""
    if reused(priors, opened):
        assert reused(priors, opened | {gate})


def test_the_one_exception_is_a_critical_result_that_comes_into_sight():
    """A newer critical result behind a shut gate is not known; seen, it blocks the older ones."""
    critical = (frozenset({Gate.ANSWERED, Gate.VALID}), True)
    older = (frozenset(), False)
    assert reused([critical, older], frozenset())
    assert not reused([critical, older], frozenset({Gate.ANSWERED}))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(PRIORS, GATE_SETS)
def test_a_lost_order_is_lost_at_the_first_gate_of_the_prior_that_got_furthest(priors, opened):
    told = Given([(failed, False) for failed, _ in priors], opened).decide(needed=False)
    left = [failed - opened for failed, _ in priors]
    if all(left):
        assert told.code == OrderClass.LOST + max(min(closed) for closed in left)
    else:
        assert told.code == SHARED
        assert told.prior.order.key == -next(i for i, closed in enumerate(left) if not closed)


# --- a better mode never loses a look ------------------------------------------------------------


def test_a_better_mode_never_loses_a_look():
    """One u, other thresholds: visits that look in one mode are among those of the next better."""
    looks: dict[str, set[tuple[int, int]]] = {}
    better = {"look__pull": "0.1", "look__flag": "0.4"}  # below push and mandate
    for mode in MODES:
        plan = study("tiny-two-hospitals", mode=mode, connect="2024-01-01", **better)
        book = GateBook(plan)
        assert list(plan.care.look) == sorted(plan.care.look)
        looks[mode] = set()
        for person in range(0, plan.population, 8):
            who, orders = person_orders(plan, person)
            for visit in {order.visit for order in orders}:
                if book.seen(visit, mode, who.complexity):
                    looks[mode].add((person, visit.key))
    for one, next_better in pairwise(MODES):
        assert looks[one] < looks[next_better]


def test_push_keeps_every_look_of_the_portal():
    """Who is not sent falls back to the base mode, with the same u."""
    seen = {}
    for mode in ("pull", "push"):
        plan = study("tiny-referral-chain", mode=mode, connect="2024-01-01")
        book = GateBook(plan)
        seen[mode] = set()
        for person in range(0, plan.population, 8):
            who, orders = person_orders(plan, person)
            for visit in {order.visit for order in orders}:
                sender = book.group(visit.sender) if visit.sender >= 0 else None
                if book.seen(visit, book.mode(visit, sender), who.complexity):
                    seen[mode].add((person, visit.key))
    assert seen["pull"] < seen["push"]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(-4, 4), st.floats(0, 1), st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_thresholds_keep_the_order_of_modes(z, habit, looks):
    """logit p(t) + beta z keeps the order of p, for every person and every day since connection."""
    low, high = sorted(looks)
    first, beta = 0.4, 0.5

    def threshold(look: float) -> float:
        p = look * (first + (1 - first) * habit)
        return draws.logistic(draws.logit(p) + beta * z) if 0.0 < p < 1.0 else p

    assert threshold(low) <= threshold(high)


# --- worlds that must be equal -------------------------------------------------------------------

SAME_WORLD_0 = ("pilots-push", "pilots-connected-on-paper", "no-recognition", "weak-links")


@pytest.mark.parametrize("other", SAME_WORLD_0)
def test_world_0_of_comparable_scenarios_is_the_same(other):
    one, two = (counted(study(name), masks=(0,)) for name in ("pilots", other))
    assert (
        one.ledger[:, : COLUMN["class_without"] + 1] == two.ledger[:, : COLUMN["class_without"] + 1]
    ).all()
    hashes = [input_hashes(r.plan.scenario, r.plan.network) for r in (one, two)]
    assert hashes[0][1] == hashes[1][1]
    assert hashes[0][0] != hashes[1][0]


@pytest.mark.parametrize(
    "changes",
    [
        {"demand.bypass": "0.1"},
        {"local.noticed_emr": "0.6"},
        {"paper.accept": "0.4"},
        {"need.labile_same": "0.5"},
        {"price.factor": "1.05"},
        {"emr": "2024-01-01"},
    ],
    ids=str,
)
def test_what_changes_world_0_changes_its_hash(changes):
    network = study("pilots").network
    plain = input_hashes(load_scenario("pilots"), network)[1]
    assert input_hashes(load_scenario("pilots", changes), network)[1] != plain


def test_dates_of_the_count_belong_to_world_0():
    scenario, network = load_scenario("pilots"), study("pilots").network
    later = scenario.model_copy(update={"count_to": scenario.count_to + dt.timedelta(days=1)})
    assert input_hashes(later, network)[1] != input_hashes(scenario, network)[1]


# --- shards --------------------------------------------------------------------------------------


def tally_of(plan: Plan, persons: np.ndarray):
    tally = empty_tally(1 + len(WITH_PERFECT_GATES))
    ledger = np.zeros((0, len(COLUMN)), np.int64)
    masks = np.array(WITH_PERFECT_GATES, np.int64)
    done, _ = run_block(
        plan.key, persons, 0, masks, plan.demand, plan.calendars, plan.care, plan.period,
        empty_room(), tally, ledger,
    )  # fmt: skip
    assert done == len(persons)
    return tally


def test_persons_add_up_in_any_shards():
    plan = study("tiny-referral-chain")
    persons = sampled_persons(plan.population, 0.4)
    whole = tally_of(plan, persons)
    for parts in (2, 3, 16):
        shards = [tally_of(plan, np.ascontiguousarray(persons[i::parts])) for i in range(parts)]
        total = shards[0]
        for shard in shards[1:]:
            total = add(total, shard)
        for name, a, b in zip(whole._fields, whole, total, strict=True):
            if a.dtype == np.int64:
                assert (a == b).all(), name
            else:  # sums of prices and doses, in another order
                assert np.allclose(a, b, rtol=1e-12), name
