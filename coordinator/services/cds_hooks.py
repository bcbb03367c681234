"""CDS Hooks 2.0 services: order-select and order-sign ask whether earlier results may be re-used.

https://cds-hooks.hl7.org/2.0. Nothing to say is `{"cards": []}`; what a hospital did not send with
its call is fetched from it, and 412 says that it could not be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from coordinator.services.card_text import card_of
from coordinator.services.decision_log import DECISION, FEEDBACK, DecisionEntry, DecisionLog
from coordinator.services.directory import Directory
from coordinator.services.facts_from_fhir import Tree
from coordinator.services.federated_read import FederatedRead
from coordinator.services.reuse_cards import Draft, Line, ReuseCards, patient_key
from fhir_profiles.json_text import dump, parse
from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.validation import structure
from fhir_server.audit import AuditSink
from fhir_server.audit import Entry as Audited
from fhir_server.clock import Clock, instant
from fhir_server.store.port import Store, Writer

SERVICE: Final = "vn-result-reuse"
HOOKS: Final = ("order-select", "order-sign")
PREFETCH: Final[Mapping[str, str]] = {
    "patient": "Patient/{{context.patientId}}",
    "encounter": "Encounter/{{context.encounterId}}",
}
MAX_BODY: Final = 1 << 20
MOST_DIGITS: Final = 18  # of a number that a database can count to
OUTCOMES: Final = ("accepted", "overridden")


@dataclass(frozen=True)
class CdsHooks:
    """Parses calls, lets ReuseCards judge them, writes decision log and audit trail, renders cards.

    `link_cut` says whether a hospital's own line is down at the moment (a fault set on purpose).
    """

    cards: ReuseCards
    directory: Directory
    federated: FederatedRead
    store: Store
    clock: Clock
    public_url: str
    audit: AuditSink
    link_cut: Callable[[str], bool] = lambda group: False

    async def discovery(self, request: Request) -> Response:
        """GET /cds-services."""
        services = [
            {
                "hook": hook,
                "id": SERVICE,
                "title": "Dùng lại kết quả cận lâm sàng",
                "description": "Kết quả trước ở cơ sở khác có thể thay cho chỉ định mới không",
                "prefetch": dict(PREFETCH),
            }
            for hook in HOOKS
        ]
        return JSONResponse({"services": services})

    async def call(self, request: Request) -> Response:
        """POST /cds-services/vn-result-reuse."""
        body = await _json(request)
        hook, instance = _word(body, "hook"), _word(body, "hookInstance")
        if hook not in HOOKS:
            raise _bad("hook", f"{hook!r} is not served; use {' or '.join(HOOKS)}")
        draft = await self._draft(body, hook)
        if self.link_cut(draft.group):
            raise FhirError(Kind.UNAVAILABLE, f"the link of hospital {draft.group} is down")
        now = self.clock.now()
        lines = await self.cards.judge(draft, now)
        made = [card_of(line, instance, self.public_url) for line in lines]
        entries = [
            self._entry(line, draft, card, hook, instance)
            for line, card in zip(lines, made, strict=True)
        ]
        seen = _audited(request, draft, hook, now)

        def write(writer: Writer) -> None:
            DecisionLog.append(writer, entries, now)
            self.audit.append(writer, [seen], at=now)

        await _done(self.store.write(write))
        return JSONResponse({"cards": [card for card in made if card is not None]})

    def _entry(
        self, line: Line, draft: Draft, card: Mapping[str, Any] | None, hook: str, instance: str
    ) -> DecisionEntry:
        return DecisionEntry(
            order=line.ordered.identifier,
            requester=line.ordered.facility or draft.group,
            patient=patient_key(draft),
            decision=line.decision,
            priors=[seen.entry() for seen in line.considered],
            chosen=line.chosen,
            card=None if card is None else str(card["uuid"]),
            hook=hook,
            hook_instance=instance,
            policies=self.cards.policies.version,
        )

    async def feedback(self, request: Request) -> Response:
        """POST /cds-services/vn-result-reuse/feedback."""
        body = await _json(request)
        items = body.get("feedback")
        if not isinstance(items, list) or not items:
            raise _bad("feedback", "a list of what became of cards is missing")
        for i, item in enumerate(items):
            if not isinstance(item, dict) or not isinstance(item.get("card"), str):
                raise _bad(f"feedback[{i}].card", "the uuid of the card is missing")
            if item.get("outcome") not in OUTCOMES:
                words = f"{item.get('outcome')!r} is not {' or '.join(OUTCOMES)}"
                raise _bad(f"feedback[{i}].outcome", words)
        now = self.clock.now()
        await _done(
            self.store.write(lambda writer: DecisionLog.append_feedback(writer, items, now))
        )
        return Response(status_code=200)

    # ---- what a call has to say ------------------------------------------------------------------
    async def _draft(self, body: Mapping[str, Any], hook: str) -> Draft:
        base = _word(body, "fhirServer")
        group = self.directory.by_base(base)
        if group is None:
            words = f"{base!r} is no hospital of the directory"
            raise FhirError(Kind.FORBIDDEN, words, expression="fhirServer")
        context = body.get("context")
        if not isinstance(context, dict):
            raise _bad("context", "is missing")
        requests = _requests(context, hook)
        patient = await self._resource(body, group, "patient", "Patient", context)
        encounter: Tree = {}
        if context.get("encounterId") or _prefetched(body, "encounter"):
            encounter = await self._resource(body, group, "encounter", "Encounter", context)
        return Draft(group, dict(patient), encounter, requests)

    async def _resource(
        self, body: Mapping[str, Any], group: str, key: str, kind: str, context: Mapping[str, Any]
    ) -> Tree:
        """From the prefetch, else read from the hospital that called."""
        sent = _prefetched(body, key)
        if sent is not None:
            if not isinstance(sent, dict) or sent.get("resourceType") != kind:
                raise _bad(f"prefetch.{key}", f"is not a {kind}")
            _refuse_malformed(f"prefetch.{key}", sent)
            return sent
        id_ = context.get(f"{key}Id")
        if not isinstance(id_, str) or not id_:
            raise _bad(f"context.{key}Id", "is missing")
        reference = f"{kind}/{id_.rpartition('/')[2]}"
        answer = await self.federated.resource(group, reference)
        if not answer.resources:
            words = f"{reference} could not be read from hospital {group}: {answer.problem}"
            raise FhirError(Kind.PRECONDITION, words, expression=f"prefetch.{key}")
        return answer.resources[0]


def _prefetched(body: Mapping[str, Any], key: str) -> Any:
    """What came with the call; None where the hospital sent nothing."""
    prefetch = body.get("prefetch")
    if prefetch is not None and not isinstance(prefetch, dict):
        raise _bad("prefetch", "is not a JSON object")
    return (prefetch or {}).get(key)


def _requests(context: Mapping[str, Any], hook: str) -> Sequence[Tree]:
    """The draft ServiceRequests; with order-select only those that are selected."""
    bundle = context.get("draftOrders")
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise _bad("context.draftOrders", "a Bundle is missing")
    selections = context.get("selections", [])
    if not isinstance(selections, list):
        raise _bad("context.selections", "is not a list of references")
    selected = {str(reference).rpartition("/")[2] for reference in selections}
    _refuse_malformed("context.draftOrders", bundle)
    drafts = []
    for i, entry in enumerate(bundle.get("entry", ())):
        draft = entry.get("resource", {})
        wanted = hook == "order-sign" or draft.get("id") in selected
        if draft.get("resourceType") == "ServiceRequest" and wanted:
            if not draft.get("code"):
                raise _bad(f"context.draftOrders.entry[{i}].resource.code", "is missing")
            drafts.append(draft)
    return drafts


def _refuse_malformed(place: str, resource: Tree) -> None:
    """Facts are read from resources only whose structure is that of FHIR."""
    issues = [
        replace(issue, expression=place + issue.expression.removeprefix(resource["resourceType"]))
        for issue in structure.check(parse(dump(dict(resource))))
    ]
    if issues:
        first = issues[0]
        words = f"{first.expression}: {first.diagnostics}"
        raise FhirError(Kind.INVALID_REQUEST, words, issues=issues)


def _audited(request: Request, draft: Draft, hook: str, now: datetime) -> Audited:
    """Results of a person were looked at for a hospital: one row, whatever came of it."""
    emergency = draft.encounter.get("class", {}).get("code") == "EMER"
    return Audited(
        at=instant(now),
        interaction=f"$cds-{hook}",
        status=200,
        type="Patient",
        id="",
        version=0,
        patient=f"Patient/{draft.patient.get('id', '')}",
        query="",
        caller=draft.group,
        name="",
        facility=draft.group,
        purpose="BTG" if emergency else "TREAT",
        request=request.headers.get("X-Request-Id", "")[:128],
    )


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    if len(body) > MAX_BODY:
        raise FhirError(Kind.TOO_LARGE, f"the call is larger than {MAX_BODY} bytes")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        words = f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise FhirError(Kind.INVALID_JSON, words) from None
    if not isinstance(content, dict):
        raise FhirError(Kind.INVALID_JSON, "the call is not a JSON object")
    return content


def _word(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise _bad(key, "is missing")
    return value


def _bad(place: str, problem: str) -> FhirError:
    return FhirError(Kind.INVALID_REQUEST, f"{place}: {problem}", expression=place)


async def _done(future: Any) -> None:
    await asyncio.wrap_future(future)


Handler = Callable[[Request], Awaitable[Response]]


def cds_routes(service: CdsHooks) -> list[Route]:
    """Routes below /cds-services, and the decision log for administrators below /admin."""
    return [
        Route("/cds-services", service.discovery, methods=["GET"]),
        Route(f"/cds-services/{SERVICE}", service.call, methods=["POST"]),
        Route(f"/cds-services/{SERVICE}/feedback", service.feedback, methods=["POST"]),
    ]


def log_routes(log: DecisionLog) -> list[Route]:
    """GET /admin/decisions and /admin/feedback: `after` a sequence number, at most `limit`."""

    def reader(kind: str) -> Handler:
        async def read(request: Request) -> Response:
            after = _number(request, "after", 0)
            limit = min(_number(request, "limit", 1000), 10_000)
            return JSONResponse({"rows": log.read(kind, after, limit)})

        return read

    return [
        Route("/admin/decisions", reader(DECISION), methods=["GET"]),
        Route("/admin/feedback", reader(FEEDBACK), methods=["GET"]),
    ]


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise _bad(name, f"{text!r} is not a whole number")
    return int(text)
