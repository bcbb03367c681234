"""Each known person over the live network: the order's call, and what the coordinator decides."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import typer
from typer.testing import CliRunner

from fhir_profiles.json_text import dump
from fhir_server.clock import SteppedClock
from fhir_server.store.port import Document
from lienthong import known_people_page
from lienthong.cli.people import people
from lienthong.live.plan import LivePlan, Place
from lienthong.live.seeding import COORDINATOR
from lienthong.wiring import Network
from scenarios.charts.directory import directory, own_directory
from scenarios.charts.known_people import charts, draft_call, scene_of
from scenarios.charts.known_results import result_in_question
from scenarios.charts.known_stories import KnownPerson, known_people
from scenarios.scenario import load_scenario
from vietnam.datafiles import InputError

URL = "http://127.0.0.1:8000"
SERVICE = "/cds-services/vn-result-reuse"
PEOPLE = known_people()
ORDERING = [person for person in PEOPLE if person.order is not None]
RULES = {"level-rule-2017": "LEVEL_2017", "draft-2025": "DRAFT_2025", "draft-2026-08": "DRAFT_2026"}

# The table: what the coordinator says of each order, and of the first result of its story.
VERDICTS = {
    1: "REUSE: REUSE",
    2: "RELATED_PRIOR: VALIDITY_EXPIRED",
    3: "DUPLICATE_INFO: LAB_NOT_RECOGNISED",
    4: "DUPLICATE_INFO: UNIT_NOT_COMPARABLE",
    5: "DUPLICATE_INFO: METHOD_NOT_COMPARABLE",
    6: "PARTLY_COVERED: REUSE",
    7: "DUPLICATE_INFO: KIND_NOT_COVERED NOT_ON_LIST",
    8: "NO_PRIOR: DENY_STATED",
    9: "NO_PRIOR: DENY_STATED",
    10: "EMERGENCY_OVERRIDE: REUSE",
    11: "NO_PRIOR: not looked at",
    12: "REUSE: REUSE",
    13: "REUSE: REUSE",
    14: "REUSE: REUSE",
    15: "REUSE: REUSE",
    16: "REUSE: REUSE",
    17: "NO_PRIOR: NO_MATCH_MANUAL",
    18: "NO_PRIOR: REVIEW_NAME_AND_BIRTH_ONLY REVIEW_SCORE",
    19: "REUSE: REUSE",
    20: "NO_PRIOR: not looked at",
    21: "no order",
    22: "no order",
    23: "no order",
    24: "REUSE: REUSE",
}
# Which codes come with a card: where something can be done.
CARDS = {"REUSE": "warning", "PARTLY_COVERED": "info", "DUPLICATE_INFO": "info"}


class Told:
    """One network with the known people in it, and the answer to every call."""

    def __init__(self, regulation: str, folder: Path) -> None:
        scenario = load_scenario("pilots", {"regulation": regulation})
        self.live = LivePlan(scenario, 1)
        self.as_of = self.live.last_morning
        clock = SteppedClock(self.as_of)
        self.network = Network(self.live, Place(folder, "memory:"), clock, URL, publish=False)
        chart = charts(self.live.plan, self.as_of)
        self._load(COORDINATOR, [*directory(self.live.plan), *chart.coordinator])
        for code, held in chart.hospitals.items():
            self._load(code, [*own_directory(self.live.plan, code), *held])
        self.network.problem = ""
        self.cards: dict[str, list[dict[str, Any]]] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        asyncio.run(self._ask())

    def _load(self, code: str, trees: list[dict[str, Any]]) -> None:
        documents = [Document(tree, dump(tree)) for tree in trees]
        assert self.network.store(code).load(documents, at=self.as_of) == len(documents)

    async def _ask(self) -> None:
        transport = httpx2.ASGITransport(self.network.app)
        async with httpx2.AsyncClient(transport=transport, base_url=URL) as http:
            for person in ORDERING:
                call = draft_call(person, self.live.plan, self.as_of, URL)
                assert call is not None
                answer = await http.post(SERVICE, content=dump(call))
                assert answer.status_code == 200, answer.text
                self.cards[person.key] = answer.json()["cards"]
                rows = (await http.get("/admin/decisions", params={"after": 0})).json()["rows"]
                self.rows[person.key] = rows[-1]

    def verdict(self, person: KnownPerson) -> str:
        """The row of the decision log, as the table writes it."""
        row = self.rows[person.key]
        key = result_in_question(scene_of(person, self.live.plan, self.as_of))
        found = [prior for prior in row["priors"] if prior["result"] == key]
        reasons = " ".join(found[0]["reasons"]) if found else "not looked at"
        return f"{row['code']}: {reasons}"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Told]]:
    """The network under a regulation, asked once."""
    made: dict[str, Told] = {}

    def under(regulation: str) -> Told:
        if regulation not in made:
            made[regulation] = Told(regulation, tmp_path_factory.mktemp(regulation))
        return made[regulation]

    yield under
    for one in made.values():
        one.network.close()


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.key)
def test_the_verdict_is_the_one_of_the_table(
    told: Callable[[str], Told], person: KnownPerson
) -> None:
    expected = VERDICTS[person.number]
    assert expected == (as_written(person, "LEVEL_2017") or "no order")
    if person.order is not None:
        assert told("level-rule-2017").verdict(person) == expected


@pytest.mark.parametrize("regulation", ["draft-2025", "draft-2026-08"])
def test_under_the_drafts_only_missing_images_count_differently(
    told: Callable[[str], Told], regulation: str
) -> None:
    under = told(regulation)
    found = {person.number: under.verdict(person) for person in ORDERING}
    assert found == {p.number: as_written(p, RULES[regulation]) for p in ORDERING}
    changed = {n: words for n, words in found.items() if words != VERDICTS[n]}
    assert changed == {7: "DUPLICATE_INFO: IMAGES_INCOMPLETE"}


def as_written(person: KnownPerson, rule: str) -> str:
    """The verdict of the file, as the table writes it; "" where it gives none."""
    expected = person.expected(rule)
    if expected is None:
        return ""
    return f"{expected.code}: {' '.join(expected.reasons) or 'not looked at'}"


@pytest.mark.parametrize("person", ORDERING, ids=lambda person: person.key)
def test_there_is_a_card_where_something_can_be_done(
    told: Callable[[str], Told], person: KnownPerson
) -> None:
    under = told("level-rule-2017")
    indicators = [card["indicator"] for card in under.cards[person.key]]
    wanted = CARDS.get(under.rows[person.key]["code"])
    assert indicators == ([wanted] if wanted else [])


def told_in(card: Mapping[str, Any]) -> str:
    return f"{card['summary']}\n{card['detail']}"


def test_cards_say_what_the_stories_are_about(told: Callable[[str], Told]) -> None:
    cards = {p.number: told("level-rule-2017").cards[p.key] for p in ORDERING}
    assert "0.92 g/dL" in told_in(cards[4][0])
    assert "hdl, ldl" in told_in(cards[6][0])
    assert "8.4 %" in told_in(cards[19][0])
    offered = cards[1][0]["suggestions"][0]["actions"][0]["resourceId"]
    assert offered == "ServiceRequest/o-900000010000000"


def test_of_five_hundred_results_those_of_the_window_are_looked_at(
    told: Callable[[str], Told],
) -> None:
    under = told("level-rule-2017")
    priors = under.rows[PEOPLE[-1].key]["priors"]
    assert len(priors) == 12
    assert len({prior["facility"] for prior in priors}) == 2


def test_every_ready_line_that_reads_finds_something(told: Callable[[str], Told]) -> None:
    under = told("level-rule-2017")
    stories = [known_people_page.told(p, under.live, under.as_of, URL) for p in PEOPLE]
    lines = [line for story in stories for line in story["curl"] if line.startswith("curl -s ")]
    assert len(lines) == len(PEOPLE) + 3  # three of them have a transfer slip

    async def read() -> list[Mapping[str, Any]]:
        transport = httpx2.ASGITransport(under.network.app)
        async with httpx2.AsyncClient(transport=transport) as http:
            return [(await http.get(shlex.split(line)[2])).json() for line in lines]

    for line, found in zip(lines, asyncio.run(read()), strict=True):
        assert found["resourceType"] in ("Patient", "Bundle"), line
        assert found.get("total", 1) == 1, line


# ---- the command and its page --------------------------------------------------------------------
ROOT = Path(__file__).resolve().parents[2]


def said(*words: str) -> str:
    """What `lienthong people` prints."""
    front = typer.Typer()
    front.command()(people)
    done = CliRunner().invoke(front, words)
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_the_page_is_what_the_stories_say() -> None:
    page = (ROOT / "docs/reference/known-people.md").read_text("utf-8")
    command = "python -m lienthong.known_people_page > docs/reference/known-people.md"
    assert page == known_people_page.page(), command


def test_the_command_prints_each_person_with_ready_lines() -> None:
    text = said()
    for person in PEOPLE:
        assert f"\n{person.key}\n" in f"\n{text}"
        assert person.title_vi in text
    patient = "p-900000010000003"
    assert f"  curl -s {URL}/hospitals/99011/fhir/Patient/{patient}\n" in text
    call = f"  lienthong people kp-01-reusable-hba1c | curl -s -d @- {URL}{SERVICE}\n"
    assert call in text
    assert "fhir/Task?patient=Patient/p-900000210000010'" in text


def test_options_come_back_in_the_ready_line() -> None:
    url = "https://network.example"
    rows = orjson.loads(said("--as-of", "2025-11-01", "--url", url + "/", "--json"))
    assert [row["key"] for row in rows] == [person.key for person in PEOPLE]
    words = f"lienthong people {PEOPLE[0].key} --as-of 2025-11-01 --url {url}/ | curl -s -d @- "
    assert rows[0]["curl"][1] == f"{words}{url}{SERVICE}"
    assert rows[0]["verdict"] == "REUSE"
    assert [r["patient"] for r in rows[15]["registrations"]] == [
        "p-900000160000003",
        "p-900000160000000",
        "p-900001160000000",
    ]


def test_with_a_key_the_call_is_printed(told: Callable[[str], Told]) -> None:
    under = told("level-rule-2017")
    call = draft_call(PEOPLE[0], under.live.plan, under.as_of, URL)
    assert call is not None
    assert said("kp-01").encode() == dump(call) + b"\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("kp-70",), r"KEY: there is no known person 'kp-70'"),
        (("kp-21",), r"KEY: kp-21-transfer-slip-valid has no order"),
        (("kp-03", "--scenario", "tiny-two-hospitals"), r"no facility of tiny can play 'holds'"),
        (("--url", "localhost"), r"--url: 'localhost' is no address"),
        (("--as-of", "soon"), r"--as-of: 'soon' is no date"),
        (("--scenario", "pilot"), r"pilot: is not a scenario\. Did you mean 'pilots'"),
    ],
)
def test_bad_words_are_answered_with_a_remedy(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        said(*words)
