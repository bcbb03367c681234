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
from fhir_server.answers import Answer
from fhir_server.bodies import ClientGone, as_json, read_body
from fhir_server.call import Call, Engine
from fhir_server.compression import CODINGS, body_coding
from fhir_server.cors import across_origins
from fhir_server.errors import answer_to
from fhir_server.guard import FACILITY, plain_word
from fhir_server.negotiation import (
    DEFAULT,
    GENERAL,
    answer_format,
    format_of_refusal,
    is_fhir,
    is_xml,
    pairs,
)
from fhir_server.routing import Interaction, Methods
from fhir_server.sending import send_answer

_HAS_BODY: Final = ("POST", "PUT", "PATCH")
_NOWHERE: Final[Methods] = {}


class Endpoint:
    """The route table of a server as an ASGI application."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # Request ids of ours: unlike any other server's, and cheap to count on.
        self._own, self._number = str(uuid4()), count(1)
        origins = engine.options.cors_origins
        self._from_pages = across_origins(self._serve, origins) if origins else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        # Who is no page of a browser is not sent around through the middleware.
        if "origin" in headers and self._from_pages is not None:
            await self._from_pages(scope, receive, send)
        else:
            await self._serve(scope, receive, send, headers)

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str] | None = None
    ) -> None:
        headers = _headers(scope) if headers is None else headers
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
            answer = _refusal(err, request_id, headers)
        if call is not None and call.from_xml:
            _forget_places(answer)
        if self.engine.audit is not None and call is not None:
            try:
                await call.note(answer.status)
            except Exception as err:  # an answer that cannot be accounted for is not given
                answer = _refusal(err, request_id, headers)
        format_ = call.format if call else DEFAULT
        if answer.status >= 400 and format_ is DEFAULT:
            format_ = format_of_refusal(headers.get("accept", ""), scope["query_string"])
        try:
            await send_answer(
                answer,
                send,
                self.engine,
                format_=format_,
                accept_encoding=headers.get("accept-encoding", ""),
                head=scope["method"] == "HEAD",
                request_id=request_id,
            )
        except FhirError as err:  # not in this form
            answer, head = _refusal(err, request_id, headers), scope["method"] == "HEAD"
            await send_answer(answer, send, self.engine, head=head, request_id=request_id)

    async def _call(
        self, request: Request, headers: dict[str, str], methods: Methods, request_id: str
    ) -> Call:
        """The request as a call of somebody known. FhirError 401, 403: nobody we serve."""
        engine, scope = self.engine, request.scope
        caller = await engine.guard.admit(request)
        store = engine.store_for(caller)
        # HEAD is GET whose answer is kept back.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        # The audit trail has a word for what was tried, also where nothing is.
        interaction = methods.get(method)
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
        if call.operation:
            native = self.engine.operations.answers_in_other_than_fhir(f"${call.operation}")
        call.format = answer_format(call.headers.get("accept", ""), asked, native=native)
        if not methods:
            raise dispatch.nowhere()
        dispatch.require_served(call)
        if interaction.answer is _nothing:
            return _not_allowed(call.method, methods, call.request_id)
        call.query = [pair for pair in asked if pair[0] not in GENERAL]
        if call.method in _HAS_BODY and interaction.supported:
            call.body = await read_body(receive, call.headers, self.engine.options.max_body)
            await self._read_xml(call)
        return await dispatch.perform(call)

    async def _read_xml(self, call: Call) -> None:
        content_type = call.headers.get("content-type", "")
        if "xml" not in content_type.lower() or not is_xml(content_type):
            return
        # A Binary of any XML but FHIR's is content like a picture.
        if call.type != dispatch.BINARY or is_fhir(content_type):
            await as_json(call)

    def _request_id(self, headers: dict[str, str]) -> str:
        """The client's X-Request-Id if it can be echoed, else one of ours."""
        given = plain_word(headers.get("x-request-id"))
        return given if given and given.isascii() else f"{self._own}-{next(self._number)}"


def _path(scope: Scope) -> str:
    """The path below the place where this application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    below = path[len(root) :] if root and path.startswith(root) else path
    return below.replace("\0", "\ufffd")  # a database may have no place for it in an audit row


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


def _refusal(err: Exception, request_id: str, headers: dict[str, str]) -> Answer:
    answer = answer_to(err, request_id)
    if answer.status == 415 and not _is_unpacked(headers):
        answer.headers["Accept-Encoding"] = ", ".join(CODINGS)
    if answer.status == 413:
        # The rest of the body is still on its way and will not be read.
        answer.headers["Connection"] = "close"
    return answer


def _is_unpacked(headers: dict[str, str]) -> bool:
    """Whether a body packed like this is read here at all."""
    try:
        body_coding(headers)
    except FhirError:
        return False
    return True


def _forget_places(answer: Answer) -> None:
    """Lines and columns are those of the JSON that was made of the client's XML."""
    tree = answer.tree or {}
    if tree.get("resourceType") == "OperationOutcome":
        for issue in tree["issue"]:
            issue.pop("location", None)
