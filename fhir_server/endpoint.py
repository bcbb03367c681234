"""All that surrounds an interaction: a request comes in as ASGI, and an answer goes out.

route -> guard -> body -> interaction -> audit row -> answer; every error on the way becomes an
OperationOutcome. Plain ASGI instead of Starlette's routes and responses, which would cost a read
by id as much again as all that happens here.
"""

from __future__ import annotations

from itertools import count
from typing import Final
from uuid import uuid4

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server import dispatch
from fhir_server.answers import Answer, send_answer
from fhir_server.bodies import ClientGone, read_body
from fhir_server.call import Call, Engine
from fhir_server.errors import answer_to
from fhir_server.guard import FACILITY, plain_word
from fhir_server.negotiation import DEFAULT, answer_format, pairs
from fhir_server.routing import Interaction, Methods

_FORMAT: Final = ("_format", "_pretty")
_HAS_BODY: Final = ("POST", "PUT")
_NOWHERE: Final[Methods] = {}


class Endpoint:
    """The route table of a server as an ASGI application."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Request ids of ours: unlike any other server's, and cheap to count on.
        self._own, self._number = str(uuid4()), count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        request_id = self._request_id(headers)
        methods, names = self.engine.table.find(_path(scope)) or (_NOWHERE, {})
        call: Call | None = None
        try:
            call = await self._call(Request(scope, receive), headers, methods, request_id)
            dispatch.fill(call, names)
            answer = await self._answer(call, methods, scope, receive)
        except ClientGone:
            return
        except Exception as err:
            answer = _refusal(err, request_id)
        if self.engine.audit is not None and call is not None:
            try:
                await call.note(answer.status)
            except Exception as err:  # an answer that cannot be accounted for is not given
                answer = _refusal(err, request_id)
        await send_answer(
            answer,
            send,
            format_=call.format if call else DEFAULT,
            head=scope["method"] == "HEAD",
            request_id=request_id,
        )

    async def _call(
        self, request: Request, headers: dict[str, str], methods: Methods, request_id: str
    ) -> Call:
        """The request as a call of somebody known. FhirError 401, 403: nobody we serve."""
        engine, scope = self.engine, request.scope
        caller = await engine.guard.admit(request)
        store = engine.store_for(caller)
        method = scope["method"]
        # The audit trail has a word for what was tried, also where nothing is.
        interaction = methods.get("GET" if method == "HEAD" else method)
        call = Call(
            engine=engine,
            interaction=interaction or Interaction(method.lower()[:20], _nothing, supported=False),
            method=method,
            base=engine.base(request),
            caller=caller,
            reader=store,
            store=store,
            headers=headers,
            request_id=request_id,
        )
        if engine.audit is not None:
            call.facility = plain_word(headers.get(FACILITY.lower()))
            call.query_text = scope["query_string"].decode("utf-8", "replace")
        return call

    async def _answer(self, call: Call, methods: Methods, scope: Scope, receive: Receive) -> Answer:
        query = scope["query_string"]
        asked = pairs(query) if query else []
        interaction = call.interaction
        native = call.type == dispatch.BINARY and interaction.code in ("read", "vread")
        call.format = answer_format(call.headers.get("accept", ""), asked, native=native)
        if not methods:
            raise dispatch.nowhere()
        dispatch.require_served(call)
        if interaction.answer is _nothing:
            return _not_allowed(call.method, methods, call.request_id)
        call.query = [pair for pair in asked if pair[0] not in _FORMAT]
        if call.method in _HAS_BODY and interaction.supported:
            limit = self.engine.options.max_body
            call.body = await read_body(receive, call.headers.get("content-length"), limit)
        return await dispatch.perform(call)

    def _request_id(self, headers: dict[str, str]) -> str:
        """The client's X-Request-Id if it can be echoed, else one of ours."""
        given = plain_word(headers.get("x-request-id"))
        return given if given and given.isascii() else f"{self._own}-{next(self._number)}"


def _path(scope: Scope) -> str:
    """The path below the place where this application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by name in lower case; one that is repeated is one list (RFC 9110, 5.3)."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _nothing(call: Call) -> Answer:
    """Stands in the place of an interaction where there is none; never called."""
    raise AssertionError(call.method)


def _not_allowed(method: str, methods: Methods, request_id: str) -> Answer:
    names = ", ".join(dispatch.allowed(methods))
    error = FhirError(Kind.METHOD_NOT_ALLOWED, f"{method[:20]} is not possible here; {names} is")
    answer = answer_to(error, request_id)
    answer.headers["Allow"] = names
    return answer


def _refusal(err: Exception, request_id: str) -> Answer:
    answer = answer_to(err, request_id)
    if answer.status == 413:
        # The rest of the body is still on its way and will not be read.
        answer.headers["Connection"] = "close"
    return answer
