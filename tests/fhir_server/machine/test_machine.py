"""Random interactions against a plain model: statuses, versions, bodies and searches agree."""

import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.fhir_server.machine.model import Model, number_of, without_server_parts
from tests.fhir_server.serving import entry, serving, transaction
from tests.fhir_server.store.stores import KINDS, SERVER

pytestmark = [
    pytest.mark.spec(f"http.html#{chapter}")
    for chapter in (
        *("create", "ccreate", "read", "vread", "update", "upsert", "cond-update", "patch"),
        *("delete", "history", "search", "transaction", "concurrency", "versioning"),
    )
]

EXAMPLES = int(os.environ.get("LIENTHONG_STATE_EXAMPLES", "80"))
MANY = 1000  # for make proof
SYSTEM = "urn:n"
GENDERS = ("male", "female", "other")

ids = st.sampled_from(["a", "b", "c"])
numbers = st.integers(0, 2)
genders = st.sampled_from(GENDERS)
matches = st.sampled_from([None, None, None, None, "current", "current", "wrong", "*"])


def patient(number, gender, family, id_=None):
    tree = {
        "resourceType": "Patient",
        "identifier": [{"system": SYSTEM, "value": str(number)}],
        "name": [{"family": family}],
        "gender": gender,
    }
    return {**tree, "id": id_} if id_ else tree


patients = st.builds(patient, numbers, genders, st.sampled_from(["Nguyễn", "Trần", "Lê"]))
moves = st.one_of(
    st.tuples(st.just("PUT"), ids, patients, matches),
    st.tuples(st.just("DELETE"), ids, st.none(), st.none()),
    st.tuples(st.just("POST"), st.none(), patients, st.none()),
    st.tuples(st.just("POST if none"), numbers, patients, st.none()),
    st.tuples(st.just("GET"), ids, st.none(), st.none()),
)


class Interactions(RuleBasedStateMachine):
    """Each rule asks the server and the model the same, and compares."""

    def __init__(self, server):
        super().__init__()
        self.server, self.model = server, Model()

    @initialize(first=patients, second=patients)
    def two_patients(self, first, second):
        """So that there is something to change from the first step on."""
        self.server.store.restore()
        self.update("a", first, None)
        self.update("b", second, None)

    def ask(self, method, path, body=None, **headers):
        self.server.clock.advance(self.server.clock.now() + timedelta(seconds=1))
        got = self.server.ask(method, path, body, **headers)
        assert got.status < 500, got.body
        if got.status >= 400:
            assert got.json["resourceType"] == "OperationOutcome"
        return got

    def if_match(self, id_, kind):
        """The header and what it says."""
        newest = self.model.newest(id_)
        number = newest.number if newest else 1
        said = {"current": f'W/"{number}"', "wrong": f'W/"{number + 7}"'}.get(kind, kind)
        return said, {"if_match": said} if said else {}

    def shows(self, got, kept):
        """The answer is this version."""
        assert got.headers["etag"] == f'W/"{kept.number}"'
        assert without_server_parts(got.json) == kept.tree
        assert got.json["meta"]["versionId"] == str(kept.number)

    def found(self, query):
        """All pages of a search."""
        got, trees = self.ask("GET", f"Patient?{query}&_count=2"), []
        while True:
            assert got.status == 200
            trees += [one["resource"] for one in got.json.get("entry", ())]
            links = {link["relation"]: link["url"] for link in got.json["link"]}
            if "next" not in links:
                return trees
            got = self.ask("GET", links["next"].removeprefix("http://test/fhir/"))

    # ---- single writes -------------------------------------------------------------------------

    @rule(tree=patients)
    def create(self, tree):
        got = self.ask("POST", "Patient", tree)
        assert got.status == 201
        self.shows(got, self.model.write(got.json["id"], tree, "POST"))

    @rule(tree=patients, number=numbers)
    def create_if_none(self, tree, number):
        there = self.model.with_number(number)
        got = self.ask("POST", "Patient", tree, if_none_exist=f"identifier={SYSTEM}|{number}")
        assert got.status == {0: 201, 1: 200}.get(len(there), 412)
        if got.status == 201:
            self.shows(got, self.model.write(got.json["id"], tree, "POST"))
        elif got.status == 200:
            self.shows(got, there[0])

    @rule(id_=ids, tree=patients, match=matches)
    def update(self, id_, tree, match):
        said, headers = self.if_match(id_, match)
        got = self.ask("PUT", f"Patient/{id_}", {**tree, "id": id_}, **headers)
        assert got.status == self.model.update(id_, tree, said)
        if got.status < 300:
            self.shows(got, self.model.newest(id_))

    @rule(tree=patients, number=numbers)
    def update_the_one_with(self, tree, number):
        there = self.model.with_number(number)
        got = self.ask("PUT", f"Patient?identifier={SYSTEM}|{number}", tree)
        assert got.status == {0: 201, 1: 200}.get(len(there), 412)
        if got.status < 300:
            id_ = there[0].id if there else got.json["id"]
            # A resource that a condition created was put by whoever sent it.
            self.shows(got, self.model.write(id_, tree, "PUT"))

    @rule(id_=ids, gender=genders, match=matches)
    def patch(self, id_, gender, match):
        said, headers = self.if_match(id_, match)
        headers["content_type"] = "application/json-patch+json"
        change = [{"op": "replace", "path": "/gender", "value": gender}]
        got = self.ask("PATCH", f"Patient/{id_}", change, **headers)
        there = self.model.alive(id_)
        if there and self.model.fits(id_, said):
            assert got.status == 200
            kept = self.model.write(id_, {**there.tree, "gender": gender}, "PATCH")
            self.shows(got, kept)
        else:
            assert got.status in ((412,) if there else (404, 410, 412))

    @rule(id_=ids, match=matches)
    def delete(self, id_, match):
        said, headers = self.if_match(id_, match)
        got = self.ask("DELETE", f"Patient/{id_}", **headers)
        assert got.status == self.model.delete(id_, said)

    @rule(id_=ids, tree=patients)
    def delete_and_bring_back(self, id_, tree):
        self.delete(id_, None)
        self.read(id_, known=False)
        self.history(id_)
        self.update(id_, tree, None)

    # ---- transactions --------------------------------------------------------------------------

    @rule(chosen=st.lists(moves, min_size=1, max_size=5))
    def transact(self, chosen):
        entries = []
        for what, key, tree, match in chosen:
            if what == "PUT":
                said, _ = self.if_match(key, match)
                more = {"ifMatch": said} if said else {}
                entries.append(entry("PUT", f"Patient/{key}", {**tree, "id": key}, **more))
            elif tree is None:
                entries.append(entry(what, f"Patient/{key}"))
            else:
                more = {"ifNoneExist": f"identifier={SYSTEM}|{key}"} if "if" in what else {}
                entries.append(entry("POST", "Patient", tree, **more))
        got = self.ask("POST", "", transaction(*entries))
        after, expected = self.carried_out(chosen, got)
        if expected is None:
            assert 400 <= got.status < 500, got.body
        else:
            assert got.status == 200, got.body
            listed = [one["response"]["status"][:3] for one in got.json["entry"]]
            assert listed == [str(status) for status in expected]
            self.model = after

    def carried_out(self, chosen, got):
        """The model afterwards and the statuses in the order of the bundle; None: all is refused.

        https://hl7.org/fhir/R4/http.html#trules: DELETE, POST, PUT, GET, each identity once.
        """
        model, statuses = self.model.copy(), {}
        written = [key for what, key, _, _ in chosen if what in ("PUT", "DELETE")]
        for place, (what, key, _, _) in enumerate(chosen):
            if what == "DELETE":
                statuses[place] = model.delete(key)
        conditions = [key for what, key, _, _ in chosen if what == "POST if none"]
        there = {key: model.with_number(key) for key in conditions}
        doubled = [key for key in conditions if conditions.count(key) > 1 and not there[key]]
        if len(written) != len(set(written)) or doubled or any(len(t) > 1 for t in there.values()):
            return model, None
        for place, (what, key, tree, _) in enumerate(chosen):
            if what.startswith("POST"):
                found = what == "POST if none" and there[key]
                statuses[place] = 200 if found else 201
                if not found:
                    model.write(new_id(got, place), tree, "POST")
        for place, (what, key, tree, match) in enumerate(chosen):
            if what == "PUT":
                statuses[place] = model.update(key, tree, self.if_match(key, match)[0])
        for place, (what, key, _, _) in enumerate(chosen):
            if what == "GET":
                statuses[place] = model.read_status(key)
        if any(status >= 400 for status in statuses.values()):
            return model, None
        return model, [statuses[place] for place in range(len(chosen))]

    # ---- reads ---------------------------------------------------------------------------------

    @rule(id_=ids, known=st.booleans())
    def read(self, id_, known):
        there = self.model.alive(id_)
        headers = {"if_none_match": f'W/"{there.number}"'} if there and known else {}
        got = self.ask("GET", f"Patient/{id_}", **headers)
        assert got.status == (304 if headers else self.model.read_status(id_))
        if got.status == 200:
            self.shows(got, there)

    @rule(id_=ids, number=st.integers(1, 5))
    def read_version(self, id_, number):
        got = self.ask("GET", f"Patient/{id_}/_history/{number}")
        versions = self.model.versions.get(id_, [])
        kept = versions[number - 1] if number <= len(versions) else None
        assert got.status == (404 if kept is None else 410 if kept.tree is None else 200)
        if got.status == 200:
            self.shows(got, kept)

    @rule(id_=ids)
    def history(self, id_):
        got = self.ask("GET", f"Patient/{id_}/_history?_count=1000")
        versions = self.model.versions.get(id_)
        assert got.status == (200 if versions else 404)
        if versions:
            assert got.json["total"] == len(versions)
            listed = [without_server_parts(one.get("resource", {})) for one in got.json["entry"]]
            assert listed == [kept.tree or {} for kept in reversed(versions)]

    @rule()
    def history_of_the_type(self):
        got = self.ask("GET", "Patient/_history?_count=1000")
        assert got.status == 200
        listed = [
            (one["fullUrl"].rpartition("/")[2], one["response"]["etag"])
            for one in got.json.get("entry", ())
        ]
        assert sorted(listed) == sorted((one.id, f'W/"{one.number}"') for one in self.model.order)
        # What one transaction wrote has one moment, and no order of its own.
        moments = [one["response"]["lastModified"] for one in got.json.get("entry", ())]
        assert moments == sorted(moments, reverse=True)

    @rule(number=numbers)
    def search_by_number(self, number):
        self.same(f"identifier={SYSTEM}|{number}", lambda tree: number_of(tree) == number)

    @rule(gender=genders, family=st.sampled_from(["nguyen", "tran", "le"]))
    def search_by_gender_and_name(self, gender, family):
        letters = str.maketrans("ễầê", "eae")
        self.same(
            f"gender={gender}&name={family}",
            lambda tree: (
                tree["gender"] == gender
                and tree["name"][0]["family"].lower().translate(letters) == family
            ),
        )

    @rule(chosen=st.sets(ids, min_size=1))
    def search_by_id(self, chosen):
        self.same(f"_id={','.join(sorted(chosen))}", lambda tree: tree["id"] in chosen)

    def same(self, query, wanted):
        """The search finds what the model holds, each once."""
        listed = self.found(query)
        found = {tree["id"]: without_server_parts(tree) for tree in listed}
        assert len(found) == len(listed)
        assert found == {one.id: one.tree for one in self.model.living() if wanted(one.tree)}

    @invariant()
    def as_many_as_there_should_be(self):
        assert self.server.store.counts().get("Patient", 0) == len(self.model.living())


def new_id(got, place):
    """The id that the server gave to what an entry created."""
    if got.status != 200:
        return f"new-{place}"
    return got.json["entry"][place]["response"]["location"].split("/")[-3]


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    urls = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path}", "postgresql": SERVER}
    with serving(urls[request.param]) as running:
        yield running


def run(server, examples):
    run_state_machine_as_test(
        lambda: Interactions(server),
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_interactions_agree_with_the_model(server):
    run(server, EXAMPLES)


@pytest.mark.proof
def test_interactions_agree_at_length(server):
    run(server, MANY)
