"""The subscriptions of one server: looks at what was written, and tells whoever wished to know.

https://hl7.org/fhir/R4/subscription.html. A thread of its own does all of it; a write only leaves a
row. requested -> handshake -> active; active -> error after the last attempt; PUT with `requested`
begins again with what was not delivered.

A server may be several processes over one store (`shared`). Then one of them leads: its thread does
what is said above, until it dies and another one is told to `lead`. The others note what their
clients change and wish for; what is watched stands in the store, so that all know it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from time import monotonic
from typing import Final

import httpx2

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.clock import Clock, instant
from fhir_server.guard import Caller
from fhir_server.store.port import Document, Reader, Store, Version, Writer
from fhir_server.subscriptions import ledger
from fhir_server.subscriptions.delivery import Courier, NotDelivered, Policy
from fhir_server.subscriptions.ledger import Change, Noted
from fhir_server.subscriptions.matching import Matching
from fhir_server.subscriptions.notifications import Event
from fhir_server.subscriptions.topics import Topic, Topics, is_topic, topic_of
from fhir_server.subscriptions.wishes import Terms, Wish, wish_of

SUBSCRIPTION: Final = "Subscription"
BASIC: Final = "Basic"
LISTENED: Final = frozenset({SUBSCRIPTION, BASIC})
IDLE: Final = 1.0  # seconds after which the thread looks around although nobody woke it
SHARED_IDLE: Final = 0.2  # the same where others write, who cannot wake it
Push = Callable[[Wish, Sequence[Event], int], bool]


@dataclass(slots=True)
class Standing:
    """A subscription and how far it has been told."""

    wish: Wish
    owner: Caller
    last: int = 0  # number of its newest event
    waiting: list[Noted] = field(default_factory=list)
    failures: int = 0
    next_try: float = 0.0
    told_at: float = 0.0


class Subscriptions:
    """`push` sends to those who listen by websocket; True if anybody does.

    `shared`: other processes serve the same store; nothing is done until one is told to `lead`, and
    each finds for itself what its listeners are to be told (following.py).
    """

    def __init__(
        self,
        store: Store,
        store_for: Callable[[Caller], Store],
        clock: Clock,
        zone: tzinfo,
        base: str,
        topics: Sequence[Topic] = (),
        *,
        http: httpx2.Client | None = None,
        policy: Policy | None = None,
        autostart: bool = False,
        shared: bool = False,
    ) -> None:
        """`autostart`: the thread begins with the first subscription; most servers have none."""
        self._store, self._store_for, self._clock, self._zone = store, store_for, clock, zone
        self.topics = Topics(topics)
        self._terms = Terms(self.topics, zone, base)
        policy = policy or Policy()
        http = http or httpx2.Client(follow_redirects=False)
        self._courier = Courier(http, base, policy)
        self.push: Push = lambda wish, events, last: False
        self._standing: dict[str, Standing] = {}
        # What is watched; None: not known, so that every change is noted.
        self._types: frozenset[str] | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._again, self._autostart, self._shared = False, autostart and not shared, shared
        self._watched: tuple[bytes, frozenset[str]] = b"", frozenset()
        if shared:
            store.write(self._agree).result()
        else:
            self._load()
        self._wanted = bool(self._standing)
        self.wake()

    # ---- beside writes ---------------------------------------------------------------------------
    def changed(self, writer: Writer, version: Version, tree: Tree, caller: Caller) -> None:
        """In the write transaction of every change. FhirError 422: a wish that cannot be met."""
        if version.type == SUBSCRIPTION and not version.deleted:
            self._check(writer, version, tree)
            self._wanted = True
            ledger.note_owner(writer, version.id, caller, version.updated)
        elif version.type == BASIC and not version.deleted and is_topic(tree):
            topic = topic_of(tree)
            if self._shared:
                self._watch(writer, {trigger.type for trigger in topic.triggers})
        types = self._agreed(writer) if self._shared else self._types
        if types is None or version.type in types:
            ledger.note_change(writer, version, instant(self._clock.now()))

    def _check(self, writer: Writer, version: Version, tree: Tree) -> None:
        status = tree.get("status")
        if status == "off":
            return
        if self._shared and ":" in str(tree.get("criteria")).partition("?")[0]:
            self._learn_topics(writer)  # another process may have been told of it
        wish = wish_of(tree, version.version, self._terms)
        types = {watch.trigger.type for watch in wish.watches}
        if self._shared:
            self._watch(writer, types)
        elif self._types is not None:
            self._types |= types  # from now on; the thread makes it exact
        if status == "requested":
            return
        before = writer.vread(SUBSCRIPTION, version.id, version.version - 1)
        if before is None or before.deleted or json_text.parse(before.body)["status"] != status:
            raise FhirError(
                Kind.BUSINESS_RULE,
                f"status: a client writes requested or off; {status} is for the server to say",
                expression="Subscription.status",
            )

    # ---- what is watched by all processes together ----------------------------------------------
    def _agree(self, writer: Writer) -> None:
        """In a write transaction: what is watched, anew from what is wished for."""
        self._learn_topics(writer)
        types = {trigger.type for topic in self.topics for trigger in topic.triggers}
        for version in writer.scan(SUBSCRIPTION):
            wish = self.wish(json_text.parse(version.body), version.version)
            if wish.status != "off":
                types |= {watch.trigger.type for watch in wish.watches}
        ledger.watch(writer, types, self._clock.now())

    def _watch(self, writer: Writer, types: set[str]) -> None:
        if not types <= self._agreed(writer):
            ledger.watch(writer, types | self._agreed(writer) - LISTENED, self._clock.now())

    def _agreed(self, writer: Writer) -> frozenset[str]:
        data = ledger.watched(writer)
        if data != self._watched[0]:
            self._watched = data, LISTENED | ledger.types_of(data)
        return self._watched[1]

    def wish(self, tree: Tree, version: int) -> Wish:
        """A subscription read with the topics of now; what cannot be met watches nothing."""
        try:
            return wish_of(tree, version, self._terms)
        except FhirError:
            status, topic = str(tree.get("status")), str(tree.get("criteria", ""))
            topic = topic if ":" in topic.partition("?")[0] else ""
            return Wish(str(tree["id"]), version, status, topic, (), "", "", (), "", "id-only")

    def wake(self) -> None:
        """Something was committed."""
        if self._autostart and self._thread is None and self._wanted:
            self.start()
        self._wake.set()

    # ---- the thread ------------------------------------------------------------------------------
    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="subscriptions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def lead(self) -> None:
        """This process carries out what all of them were asked for, until it is closed."""
        self._stop.clear()
        self._again = True
        self.start()

    def reload(self) -> None:
        """The store has gone back to a snapshot."""
        self._types, self._again, self._wanted = None, True, True
        self._wake.set()

    def now(self) -> datetime:
        return self._clock.now()

    def content_for(self, id_: str) -> Callable[[Event], Version | None]:
        """What an event was about, as the owner of the subscription sees it."""
        standing = self.standing(id_)
        if standing is None:
            return lambda event: None
        reader = self._store_for(standing.owner)
        return lambda event: reader.vread(event.type, event.id, event.version)

    def standing(self, id_: str) -> Standing | None:
        """A subscription as it is now; in a process of several, as the store has it."""
        if not self._shared:
            return self._standing.get(id_)
        version = self._store.read(SUBSCRIPTION, id_)
        if version is None or version.deleted:
            return None
        tree = json_text.parse(version.body)
        criteria = str(tree.get("criteria", "")).partition("?")[0]
        if ":" in criteria and self.topics.find(criteria) is None:
            self._learn_topics(self._store)
        numbers = [event.number for event in ledger.events(self._store, id_)]
        owner = ledger.owner(self._store, id_) or Caller("anonymous")
        return Standing(self.wish(tree, version.version), owner, max(numbers, default=0))

    def new_token(self, token: str, ids: Sequence[str], until: datetime) -> None:
        """For one connection by websocket."""
        self._store.write(lambda writer: ledger.note_token(writer, token, ids, until)).result()

    def take_token(self, token: str) -> list[str]:
        """The subscriptions it stands for; none: it is not known, was used, or is too old."""
        now = self._clock.now()
        return self._store.write(lambda writer: ledger.take_token(writer, token, now)).result()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                busy = self.step()
            except FhirError:  # the store is closing, or busy: the rows are still there
                busy = False
            if not busy:
                self._wake.wait(self._pause())

    def step(self) -> bool:
        """One round; True if there may be more to do at once."""
        if self._again:
            self._again = False
            self._load()
        found = ledger.changes(self._store)
        if found:
            self._record(found)
        for standing in list(self._standing.values()):
            if self._stop.is_set():
                return False
            self._attend(standing)
        return bool(found)

    def _pause(self) -> float:
        now = monotonic()
        due = [s.next_try - now for s in self._standing.values() if s.waiting and s.failures]
        due += [
            s.told_at + s.wish.heartbeat - now
            for s in self._standing.values()
            if s.wish.heartbeat and s.wish.status == "active"
        ]
        return max(0.0, min([SHARED_IDLE if self._shared else IDLE, *due]))

    # ---- what is wished for ----------------------------------------------------------------------
    def _load(self) -> None:
        self._standing = {}
        self._learn_topics(self._store)
        waiting = ledger.pending(self._store)
        for version in self._store.scan(SUBSCRIPTION):
            self._take_up(version, waiting.get(version.id, []))
        self._listen()

    def _learn_topics(self, reader: Reader) -> None:
        trees = (json_text.parse(version.body) for version in reader.scan(BASIC))
        self.topics.learn(tree for tree in trees if is_topic(tree))

    def _take_up(self, version: Version, waiting: list[Noted]) -> None:
        tree = json_text.parse(version.body)
        owner = ledger.owner(self._store, version.id) or Caller("anonymous")
        try:
            wish = wish_of(tree, version.version, self._terms)
        except FhirError as err:  # loaded without a check, or its topic is gone
            if tree.get("status") in ("requested", "active"):
                self._set_status(version.id, "error", str(err))
            return
        numbers = [event.number for event in ledger.events(self._store, version.id)]
        self._standing[version.id] = Standing(
            wish, owner, max(numbers, default=0), waiting, told_at=monotonic()
        )

    def _listen(self) -> None:
        watched = {
            watch.trigger.type
            for standing in self._standing.values()
            if standing.wish.status != "off"
            for watch in standing.wish.watches
        }
        self._types = LISTENED | watched

    def _subscription_changed(self, id_: str) -> None:
        version = self._store.read(SUBSCRIPTION, id_)
        known = self._standing.pop(id_, None)
        if version is None or version.deleted:
            if known and known.waiting:
                ledger.settle_events(self._store, known.waiting)
        elif known is not None and known.wish.version == version.version:
            self._standing[id_] = known
        else:
            waiting = known.waiting if known else ledger.pending(self._store).get(id_, [])
            self._take_up(version, waiting)
        self._listen()

    # ---- what happened ---------------------------------------------------------------------------
    def _record(self, found: Sequence[Change]) -> None:
        """Turns changes into events, all in one transaction."""
        for change in found:
            if change.type == BASIC:
                self._learn_topics(self._store)
            if change.type == SUBSCRIPTION:
                self._subscription_changed(change.id)
        told: list[tuple[Standing, Event]] = []
        numbers = {id_: standing.last for id_, standing in self._standing.items()}
        for change in found:
            for id_, standing in self._standing.items():
                if standing.wish.status == "active" and self._about(standing, change):
                    numbers[id_] += 1
                    event = Event(
                        numbers[id_],
                        change.type,
                        change.id,
                        change.version,
                        change.happened,
                        change.at,
                    )
                    told.append((standing, event))

        def write(writer: Writer) -> list[int]:
            writer.settle(ledger.CHANGE, [change.seq for change in found])
            at = self._clock.now()
            return [
                writer.append(ledger.EVENT, standing.wish.id, event.to_bytes(), at=at)
                for standing, event in told
            ]

        seqs = self._store.write(write).result()
        for (standing, event), seq in zip(told, seqs, strict=True):
            standing.waiting.append(Noted(seq, event))
            standing.last = event.number

    def _about(self, standing: Standing, change: Change) -> bool:
        reader = self._store_for(standing.owner)
        return Matching(reader, self._zone).about(standing.wish, change)

    # ---- telling ---------------------------------------------------------------------------------
    def _attend(self, standing: Standing) -> None:
        wish, now = standing.wish, monotonic()
        if wish.status in ("requested", "active") and wish.ended(self._clock.now()):
            self._become(standing, "off")
        elif standing.failures and now < standing.next_try:
            return
        elif wish.status == "requested":
            self._try(standing, self._activate)
        elif wish.status == "active" and standing.waiting:
            self._try(standing, self._tell)
        elif self._beat_due(standing, now):
            self._try(standing, self._beat)

    def _beat_due(self, standing: Standing, now: float) -> bool:
        wish = standing.wish
        due = standing.told_at + wish.heartbeat
        return wish.status == "active" and bool(wish.heartbeat) and now >= due

    def _try(self, standing: Standing, act: Callable[[Standing], None]) -> None:
        try:
            act(standing)
        except NotDelivered as err:
            standing.failures += 1
            policy = self._courier.policy
            standing.next_try = monotonic() + policy.wait(standing.failures)
            if standing.failures >= policy.attempts:
                standing.failures = 0
                self._become(standing, "error", f"{err}, {policy.attempts} times")
        else:
            standing.failures, standing.told_at = 0, monotonic()

    def _activate(self, standing: Standing) -> None:
        if standing.wish.channel == "rest-hook":
            self._courier.handshake(standing.wish)
        self._become(standing, "active")

    def _tell(self, standing: Standing) -> None:
        wish = standing.wish
        noted = standing.waiting[: wish.most if wish.topic else 1]
        events = [one.event for one in noted]
        if wish.channel == "websocket":
            if not self._shared:
                self.push(wish, events, standing.last)  # who does not listen asks $events later
        else:
            self._courier.deliver(wish, events, standing.last, self.content_for(wish.id))
        ledger.settle_events(self._store, noted)
        del standing.waiting[: len(noted)]
        self._wake.set()

    def _beat(self, standing: Standing) -> None:
        if standing.wish.channel == "websocket":
            if not self._shared:
                self.push(standing.wish, (), standing.last)
        elif standing.wish.topic:
            self._courier.heartbeat(standing.wish, standing.last)

    def _become(self, standing: Standing, status: str, problem: str = "") -> None:
        version = self._set_status(standing.wish.id, status, problem, standing.wish.version)
        if version is not None:
            standing.wish = replace(standing.wish, status=status, version=version.version)

    def _set_status(
        self, id_: str, status: str, problem: str = "", known: int | None = None
    ) -> Version | None:
        """A new version of the subscription; None: somebody else was faster."""

        def write(writer: Writer) -> Version | None:
            held = writer.read(SUBSCRIPTION, id_)
            if held is None or held.deleted or known not in (None, held.version):
                return None
            tree = {**json_text.parse(held.body), "status": status}
            tree.pop("error", None)
            if problem:
                tree["error"] = problem
            document = Document(tree, json_text.dump(tree))
            return writer.put(document, id_=id_, method="PUT", at=self._clock.now())

        return self._store.write(write).result()
