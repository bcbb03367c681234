"""Subscriptions over a websocket: `wss://[base]/$subscriptions`.

By topic a client asks for a token with `$get-ws-binding-token`, says `bind-with-token [token]` and
gets notification bundles (https://hl7.org/fhir/uv/subscriptions-backport/channels.html#websockets);
a classic one says `bind [id]` and is told `ping [id]`
(https://hl7.org/fhir/R4/subscription.html#2.46.8.2).
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.clock import instant
from fhir_server.guard import Caller, Guard
from fhir_server.operations import Operation, OperationCall
from fhir_server.subscriptions.notifications import Event, Sort, notification
from fhir_server.subscriptions.service import SUBSCRIPTION, Subscriptions
from fhir_server.subscriptions.wishes import Wish

PATH: Final = "/$subscriptions"
_TOKEN: Final = (
    "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/"
    "backport-subscription-get-ws-binding-token"
)
_VALID: Final = timedelta(minutes=5)
_MOST: Final = 1000  # messages that may wait for a slow listener before the oldest is dropped
_LONGEST: Final = 4096  # characters that a client may say at once


@dataclass(slots=True, eq=False)
class _Listener:
    """One connection: what it is bound to, and what waits to be sent."""

    caller: Caller
    loop: asyncio.AbstractEventLoop
    ids: set[str] = field(default_factory=set)
    waiting: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(_MOST))

    def say(self, text: str) -> None:
        """From any thread."""
        self.loop.call_soon_threadsafe(self._put, text)

    def _put(self, text: str) -> None:
        if self.waiting.full():
            self.waiting.get_nowait()
        self.waiting.put_nowait(text)


class Websocket:
    """The websocket of a FHIR server as an ASGI application, and the operation of its tokens."""

    def __init__(self, subscriptions: Subscriptions, guard: Guard, base: str) -> None:
        self._subscriptions, self._guard, self._base = subscriptions, guard, base
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        subscriptions.push = self.push

    # ---- tokens ----------------------------------------------------------------------------------
    def operations(self) -> Sequence[Operation]:
        return [
            Operation(
                "$get-ws-binding-token", SUBSCRIPTION, level, self._token, _TOKEN, ("GET", "POST")
            )
            for level in ("instance", "type")
        ]

    async def _token(self, call: OperationCall) -> Answer:
        ids = [call.id] if call.id else [str(one) for one in call.parameters("id")]
        if not ids:
            raise FhirError(Kind.MISSING_PARAMETER, "id names the subscriptions to listen to")
        for id_ in ids:
            version = await call.in_pool(call.store.read, SUBSCRIPTION, id_)
            if version is None or version.deleted:
                raise FhirError(Kind.NOT_FOUND, f"Subscription/{id_[:80]} is not here")
        now = call.clock.now()
        token = secrets.token_urlsafe(24)
        until = now + _VALID
        await call.in_pool(self._subscriptions.new_token, token, ids, until)
        address = "ws" + self._base.removeprefix("http") + PATH
        parts = [
            {"name": "token", "valueString": token},
            {"name": "expiration", "valueDateTime": instant(until)},
            *({"name": "subscription", "valueString": id_} for id_ in ids),
            {"name": "websocket-url", "valueUrl": address},
        ]
        return Answer(tree={"resourceType": "Parameters", "parameter": parts})

    # ---- connections -----------------------------------------------------------------------------
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        if not scope["path"].endswith(PATH):
            await socket.close(4404)
            return
        try:
            caller = await self._guard.admit(socket)
        except FhirError:
            await socket.close(4401)
            return
        await socket.accept()
        listener = _Listener(caller, asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        writing = asyncio.create_task(_write(socket, listener))
        try:
            while True:
                await self._bind(listener, await socket.receive_text())
        except (WebSocketDisconnect, KeyError):  # KeyError: bytes instead of text
            pass
        finally:
            with self._lock:
                self._listeners.discard(listener)
            writing.cancel()

    async def _bind(self, listener: _Listener, said: str) -> None:
        word, _, what = said[:_LONGEST].partition(" ")
        what = what.strip()
        if word == "bind-with-token":
            ids = await asyncio.to_thread(self._subscriptions.take_token, what)
            if not ids:
                listener.say("error: the token is not known, was used, or is too old")
            for id_ in ids:
                listener.ids.add(id_)
                standing = await asyncio.to_thread(self._subscriptions.standing, id_)
                if standing is not None:
                    told = notification(standing.wish, self._base, "handshake", standing.last)
                    listener.say(told.decode())
        elif word == "bind":
            standing = await asyncio.to_thread(self._subscriptions.standing, what)
            # Without a token only whoever made the subscription.
            if standing is None or standing.owner.id != listener.caller.id:
                listener.say(f"error: there is no subscription {what[:80]}")
            else:
                listener.ids.add(what)
                listener.say(f"bound {what}")
        else:
            listener.say("error: say 'bind [id]' or 'bind-with-token [token]'")

    # ---- from the thread of the subscriptions ----------------------------------------------------
    def bound(self) -> frozenset[str]:
        """The subscriptions that somebody listens to here."""
        with self._lock:
            return frozenset(id_ for one in self._listeners for id_ in one.ids)

    def push(self, wish: Wish, events: Sequence[Event], last: int) -> bool:
        with self._lock:
            listening = [one for one in self._listeners if wish.id in one.ids]
        if not listening:
            return False
        if wish.topic:
            sort: Sort = "event-notification" if events else "heartbeat"
            content = self._subscriptions.content_for(wish.id)
            text = notification(wish, self._base, sort, last, events, content).decode()
        else:
            text = f"ping {wish.id}"
        for listener in listening:
            listener.say(text)
        return True


async def _write(socket: WebSocket, listener: _Listener) -> None:
    while True:
        await socket.send_text(await listener.waiting.get())
