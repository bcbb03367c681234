"""Whether a change is what a subscription watches for, decided on the versions themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Any

from fhirpathpy import compile as compile_path

from fhir_profiles.json_text import parse
from fhir_server.search.index import index_rows
from fhir_server.search.match import Entry, meets
from fhir_server.search.params.date import microseconds
from fhir_server.search.request import Condition
from fhir_server.store.port import Reader, Version
from fhir_server.subscriptions.ledger import Change
from fhir_server.subscriptions.topics import Trigger
from fhir_server.subscriptions.wishes import Watch, Wish


@dataclass(frozen=True, slots=True)
class Matching:
    """Looks at versions as the owner of a subscription sees them."""

    reader: Reader
    zone: tzinfo

    def about(self, wish: Wish, change: Change) -> bool:
        watches = [
            watch
            for watch in wish.watches
            if watch.trigger.type == change.type and change.happened in watch.trigger.on
        ]
        if not watches:
            return False
        newest = self.reader.read(change.type, change.id)
        if newest is None:  # hidden from whoever wished for it
            return False
        new = self._version(change.type, change.id, change.version)
        old = self._version(change.type, change.id, change.version - 1)
        return any(self._fires(watch, change, new, old) for watch in watches)

    def _version(self, type_: str, id_: str, number: int) -> Version | None:
        found = self.reader.vread(type_, id_, number) if number > 0 else None
        return None if found is None or found.deleted else found

    def _fires(
        self, watch: Watch, change: Change, new: Version | None, old: Version | None
    ) -> bool:
        trigger = watch.trigger
        shown = new or old
        if shown is None or not self._meets(watch.filters, shown):
            return False
        after = self._meets(watch.current, new) if new else trigger.deleted
        before = self._meets(watch.previous, old) if old else trigger.created
        if not watch.previous:
            fits = after
        elif not watch.current:
            fits = before
        else:
            fits = (after and before) if trigger.both else (after or before)
        return fits and _path_holds(trigger, new, old)

    def _meets(self, conditions: Sequence[Condition], version: Version) -> bool:
        if not conditions:
            return True
        entry = self._entry(version)
        return all(meets(condition, entry, self._find) for condition in conditions)

    def _entry(self, version: Version) -> Entry:
        rows = index_rows(parse(version.body), self.zone)
        return Entry.of(version.id, microseconds(version.updated), rows, version.type)

    def _find(self, type_: str, id_: str) -> Entry | None:
        found = self.reader.read(type_, id_)
        return None if found is None or found.deleted else self._entry(found)


def _path_holds(trigger: Trigger, new: Version | None, old: Version | None) -> bool:
    if not trigger.fhirpath:
        return True
    current, previous = (parse(one.body) if one else None for one in (new, old))
    # An expression about a state that is not there sees nothing.
    context = {"current": [current] if current else [], "previous": [previous] if previous else []}
    try:
        found = _compiled(trigger.fhirpath)(current or previous, context)
    except Exception:  # the library raises whatever it meets on the way
        return False
    return found == [True]


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Callable[[Any, Mapping[str, Any]], list[Any]]:
    return compile_path(expression)
