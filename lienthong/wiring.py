"""The one composition root: a scenario -> hospitals, coordinator, clients, clock, one ASGI app."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.metadata import version
from typing import Any, Final

import httpx2
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from coordinator.app import create_coordinator_app, requester_link
from coordinator.services.federated_read import Deadlines
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.client import FhirClient
from fhir_server.clock import Clock, SteppedClock
from fhir_server.faults import Faults
from fhir_server.guard import REQUESTER
from fhir_server.options import Options
from fhir_server.store.open import open_store
from fhir_server.store.port import Store
from hospitals.app import create_hospital_app
from hospitals.publisher import Publisher
from lienthong.live.admin import Admin
from lienthong.live.plain_errors import in_plain_words, refusal
from lienthong.live.plan import LivePlan, Place
from lienthong.live.seeding import COORDINATOR, ZONE
from scenarios.rollout import NEVER

VERSION: Final = version("lienthong")
SECONDS_BETWEEN_NOTES: Final = 1.0


class Network:
    """A live network in one process. Stores and hospital apps are opened when they are needed.

    `publish`: hospitals tell the record locator of new results by themselves.
    """

    def __init__(
        self,
        live: LivePlan,
        place: Place,
        clock: Clock,
        public_url: str,
        *,
        publish: bool = True,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.live, self.place, self.clock = live, place, clock
        self.public_url, self.publish = public_url.rstrip("/"), publish
        self.faults = Faults()
        self.problem = "the network is being loaded"  # "" once it can be used
        self.progress: dict[str, Any] = {}
        self._codes = {facility.code: facility for facility in live.groups}
        self._pool = ThreadPoolExecutor(2, "fhir")
        self._options = Options(zone=ZONE, pool=self._pool)
        self._stores: dict[str, Store] = {}
        self._hospitals: dict[str, tuple[Starlette, ASGIApp]] = {}
        self._publishers: dict[str, Publisher] = {}
        self._noted = 0.0
        self.app = in_plain_words(self._front())
        # Hospitals and coordinator meet over HTTP; in one process the wire is this very app. What
        # the directory says lies elsewhere is reached there, and never through a proxy.
        own = httpx2.URL(self.public_url)
        here = {f"{own.scheme}://{own.netloc.decode()}": httpx2.ASGITransport(self.app)}
        self._http = httpx2.AsyncClient(mounts=here, trust_env=False)
        self._deadlines = deadlines

    # ---- parts -----------------------------------------------------------------------------------
    @cached_property
    def coordinator(self) -> Starlette:
        """The coordination service, made when the stores have been loaded."""
        return create_coordinator_app(
            self.store(COORDINATOR),
            self.clock,
            self._http,
            self.live.policies,
            public_url=self.public_url,
            deadlines=self._deadlines,
            faults=self.faults,
            options=self._options,
            version=VERSION,
        )

    @cached_property
    def _speaking_coordinator(self) -> ASGIApp:
        return in_plain_words(self.coordinator)

    def _speaking_hospital(self, code: str) -> ASGIApp:
        self.hospital(code)
        return self._hospitals[code][1]

    def store(self, code: str) -> Store:
        """The store of a hospital or of the coordinator."""
        if code not in self._stores:
            self._stores[code] = open_store(self.place.url, code, zone=ZONE)
        return self._stores[code]

    def hospital(self, code: str) -> Starlette:
        """The app of a record group, made when it is first asked for."""
        if code not in self._hospitals:
            app = create_hospital_app(
                code,
                self.store(code),
                self.clock,
                public_url=self.public_url,
                faults=self.faults,
                publish=self.publish,
                publishes_from=self._publishes_from(code),
                name=self._codes[code].names.items[-1][1],
                options=self._options,
                bulk_in=self.place.folder / "bulk" / code,
                import_from=[f"{self.public_url}/hospitals/"],
                version=VERSION,
            )
            self._hospitals[code] = app, in_plain_words(app)
        return self._hospitals[code][0]

    def _publishes_from(self, code: str) -> dict[str, dt.datetime]:
        """Since when each facility of a record group tells; one that is not named never does."""
        begins = self.live.plan.calendars.publish_from
        return {
            facility.code: self.live.timeline.moment(int(begins[facility.index]))
            for facility in self.live.members(code)
            if begins[facility.index] < NEVER
        }

    def is_hospital(self, code: str) -> bool:
        return code in self._codes

    def is_node(self, node: str) -> bool:
        """Whether a fault can be set for it."""
        links = {requester_link(code) for code in self._codes}
        return node == COORDINATOR or node in self._codes or node in links

    def warm(self) -> None:
        """Builds what the first request would wait for: the indexes of the coordinator.

        InputError: a store that cannot be opened.
        """
        for code in self._codes:
            self.store(code)
        len(self.coordinator.state.coordinator.persons)

    # ---- what administrators do ------------------------------------------------------------------
    def reset(self, code: str | None) -> None:
        """Back to what was loaded: one hospital, or all of them and the coordinator."""
        if code is not None:
            self._restore(code)
            return
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._restore, self._codes))
        self.coordinator.state.coordinator.store.restore()

    def _restore(self, code: str) -> None:
        self.store(code).restore()
        if code in self._hospitals:
            self._hospitals[code][0].state.subscriptions.reload()

    def provenance(self) -> dict[str, Any]:
        """What this network was made from; a replay checks it before it begins."""
        return {
            "version": VERSION,
            "scenario": self.live.scenario.name,
            "hash": self.live.hash,
            "seed": self.live.seed,
            "policies": self.live.policies.version,
            "now": self.clock.now().isoformat(),
            "stepped": isinstance(self.clock, SteppedClock),
            "publish": self.publish,
        }

    def remember_clock(self, *, now: bool = False) -> None:
        """Care time outlives a restart; written at most once a second."""
        if not now and time.monotonic() - self._noted < SECONDS_BETWEEN_NOTES:
            return
        self._noted = time.monotonic()
        if self.place.note.exists():  # else loading was interrupted, and there is nothing to note
            note = orjson.loads(self.place.note.read_bytes())
            self.place.write_note({**note, "now": self.clock.now().isoformat()})

    def close(self) -> None:
        """Everything accepted is written; nothing is open any more."""
        for app, _ in self._hospitals.values():
            app.state.close()
        for store in self._stores.values():
            store.close()
        self._pool.shutdown(cancel_futures=True)
        self.remember_clock(now=True)

    # ---- the one app -----------------------------------------------------------------------------
    def _front(self) -> Starlette:
        return Starlette(routes=[*self._routes()], lifespan=self._lifespan)

    def _routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._index),
            Route("/healthz", _healthz),
            Route("/readyz", self._readyz),
            *Admin(self).routes(),
            Mount("/hospitals", app=self._to_hospital),
            Mount("/", app=self._to_coordinator),
        ]

    async def _index(self, request: Request) -> Response:
        """What there is, for people who open the address."""
        return JSONResponse(
            {
                **self.provenance(),
                "coordinator": f"{self.public_url}/fhir",
                "cds": f"{self.public_url}/cds-services",
                "hospitals": {
                    code: {
                        "name": facility.names.items[-1][1],
                        "fhir": f"{self.public_url}/hospitals/{code}/fhir",
                    }
                    for code, facility in self._codes.items()
                },
            }
        )

    async def _readyz(self, request: Request) -> Response:
        if self.problem:
            body = {"status": "loading", "problem": self.problem, **self.progress}
            return JSONResponse(body, 503, headers={"Retry-After": "1"})
        return JSONResponse({"status": "ready", **self.provenance()})

    async def _to_coordinator(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._when_ready(lambda: self._speaking_coordinator, scope, receive, send)

    async def _to_hospital(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/hospitals/{code}/…`: the rest is that hospital's."""
        rest = scope["path"].removeprefix(scope["root_path"]).lstrip("/")
        code = rest.partition("/")[0]
        if code not in self._codes:
            words = f"there is no hospital {code!r} here; GET / lists them"
            await refusal(FhirError(Kind.NOT_FOUND, words))(scope, receive, send)
            return
        inner = {**scope, "root_path": f"{scope['root_path']}/{code}"}
        await self._when_ready(lambda: self._speaking_hospital(code), inner, receive, send)

    async def _when_ready(
        self, app: Callable[[], ASGIApp], scope: Scope, receive: Receive, send: Send
    ) -> None:
        if self.problem and scope["type"] == "http":
            await refusal(FhirError(Kind.UNAVAILABLE, self.problem))(scope, receive, send)
        else:
            await app()(scope, receive, send)

    # ---- background ------------------------------------------------------------------------------
    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        publishing = asyncio.create_task(self._publish()) if self.publish else None
        yield
        self.faults.release()
        if publishing is not None:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
        await self._http.aclose()

    async def _publish(self) -> None:
        """One publisher a hospital, one task for all; what was left from before goes first."""
        while self.problem:
            await asyncio.sleep(0.2)
        for code in self._codes:
            self._publishers[code] = await asyncio.to_thread(self._publisher, code)
        while True:
            for publisher in self._publishers.values():
                if publisher.has_work():
                    # A store that cannot be used now does not keep the others from telling.
                    with contextlib.suppress(FhirError):
                        await publisher.drain()
            await asyncio.sleep(0.2)

    def _publisher(self, code: str) -> Publisher:
        base = f"{self.public_url}/fhir"
        client = FhirClient(base, self._http, headers={REQUESTER: code})
        outbox = self.hospital(code).state.outbox
        return Publisher(outbox, self.store(code), client, self.clock)


async def _healthz(request: Request) -> Response:
    return JSONResponse({"status": "ok", "version": VERSION})
