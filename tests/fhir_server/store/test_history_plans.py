"""A page of a history comes from indexes and costs the same in a store of any size."""

from contextlib import closing
from datetime import timedelta

import pytest

from fhir_server.store.histories import Histories
from fhir_server.store.port import ALL, ALWAYS, Place, Span
from tests.fhir_server.store.stores import AT, SERVER, document, opened, put
from tests.fhir_server.store.test_plans import Explaining

LATER = AT + timedelta(hours=1)


def filled(kind, folder, count):
    """Devices and patients, every second patient with an older version."""
    store = opened(kind, folder, "" if kind == "postgresql" else f"s{count}")
    trees = [
        {"resourceType": type_, "id": f"r{number}"}
        for number in range(count)
        for type_ in ("Patient", "Device")
    ]
    store.load(map(document, trees), at=AT)
    put(store, *trees[:count:4], at=LATER)
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with closing(filled("sqlite", tmp_path_factory.mktemp("plans"), 600)) as store:
        yield store


def asked(database, connection, types, span, before, count=10):
    return Histories(database, connection, ALL, lambda *at: True, types, span).page(count, before)


PLACE = Place(2**60, 500, 1)
SPAN = Span(since=AT, until=LATER)
PAGES = [
    ("first page of a type", "Patient", ALWAYS, None),
    ("next page of a type", "Patient", ALWAYS, PLACE),
    ("a span of time", "Patient", SPAN, None),
    ("next page of a span", "Patient", SPAN, PLACE),
    ("what was current", "Patient", SPAN._replace(current=AT), PLACE),
    ("first page of all", None, ALWAYS, None),
    ("next page of all", None, SPAN, PLACE),
]


@pytest.mark.parametrize(
    ("types", "span", "before"), [row[1:] for row in PAGES], ids=[row[0] for row in PAGES]
)
def test_sqlite_goes_by_time(store, types, span, before):
    with store._database.lend(True) as connection:
        explaining = Explaining(connection)
        assert asked(store._database, explaining, types, span, before).versions
    page = next(steps for sql, steps in explaining.plans if "body" in sql)
    for index, table in (("resource_by_update", "resource"), ("history_by_time", "history")):
        used = [step for step in page if f"SEARCH {table} USING" in step and index in step]
        assert used, page
        assert all("COVERING INDEX" in step for step in used), page
        assert all("(type=?" in step for step in used), page
        if before is not None:
            assert all("updated" in step for step in used), page
    for sql, steps in explaining.plans:
        whole = [step for step in steps if step.startswith(("SCAN resource", "SCAN history"))]
        assert whole == [], (sql, steps)


def work(store, types, span, before):
    """How many steps SQLite's machine takes for a page."""
    steps = 0

    def step():
        nonlocal steps
        steps += 1

    with store._database.lend(True) as connection:
        connection.set_progress_handler(step, 1)
        try:
            asked(store._database, connection, types, span, before)
        finally:
            connection.set_progress_handler(None, 0)
    return steps


def test_sqlite_works_the_same_in_a_larger_store(tmp_path):
    costs = []
    for count in (300, 3000):
        with closing(filled("sqlite", tmp_path, count)) as store:
            pages = [(types, span, before) for _, types, span, before in PAGES]
            middle = store.history_of(None, count=count // 2).next
            pages += [("Patient", ALWAYS, middle), (None, ALWAYS, middle)]
            costs.append([work(store, *page) for page in pages])
    small, large = costs
    assert all(few > 0 for few in small)
    assert all(many <= few * 1.1 for few, many in zip(small, large, strict=True)), costs


if SERVER:  # a test that is skipped would be a failed one in CI

    @pytest.mark.parametrize("count", [3000])
    def test_postgresql_goes_by_time(count, tmp_path):
        with closing(filled("postgresql", tmp_path, count)) as store:
            # so many old versions that going through them all is not the better way
            more = (
                "INSERT INTO history SELECT key, 10 + n, updated, 'PUT', body, type "
                "FROM resource, generate_series(1, 10) AS n; ANALYZE history"
            )
            store.write(lambda writer: writer._connection.execute(more)).result(30)
            for _, types, span, before in PAGES:
                with store._database.lend(True) as connection:
                    explaining = Planning(connection)
                    asked(store._database, explaining, types, span, before)
                page = next(plan for sql, plan in explaining.plans if "body" in sql)
                assert "Seq Scan" not in page, page
                # the names of copied indexes are PostgreSQL's
                assert "resource_type_updated_key_idx" in page, page
                assert "history_type_updated_resource_version_idx" in page, page

    class Planning:
        """The same for PostgreSQL."""

        def __init__(self, connection):
            self.connection, self.plans = connection, []

        def execute(self, sql, parameters=()):
            plan = self.connection.execute(f"EXPLAIN {sql}", parameters).fetchall()
            self.plans.append((sql, "\n".join(row[0] for row in plan)))
            return self.connection.execute(sql, parameters)
