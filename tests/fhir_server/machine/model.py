"""The server as twenty lines of rules would have it: versions in lists, statuses by the spec."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """One version of a patient; `tree` is None where it was deleted."""

    id: str
    number: int
    tree: Tree | None
    method: str


@dataclass
class Model:
    """What a server should hold and answer (https://hl7.org/fhir/R4/http.html)."""

    versions: dict[str, list[Kept]] = field(default_factory=dict)
    order: list[Kept] = field(default_factory=list)  # of the whole server, oldest first

    def copy(self) -> Model:
        return copy.deepcopy(self)

    # ---- what is there -------------------------------------------------------------------------

    def newest(self, id_: str) -> Kept | None:
        return self.versions[id_][-1] if id_ in self.versions else None

    def alive(self, id_: str) -> Kept | None:
        newest = self.newest(id_)
        return newest if newest and newest.tree is not None else None

    def living(self) -> list[Kept]:
        return [kept for id_ in self.versions if (kept := self.alive(id_))]

    def with_number(self, number: int) -> list[Kept]:
        """Patients that carry this identifier."""
        return [kept for kept in self.living() if number_of(kept.tree) == number]

    def read_status(self, id_: str) -> int:
        return 200 if self.alive(id_) else 410 if id_ in self.versions else 404

    def fits(self, id_: str, if_match: str | None) -> bool:
        """Whether If-Match lets a write through."""
        if if_match is None:
            return True
        alive = self.alive(id_)
        return alive is not None and if_match in ("*", f'W/"{alive.number}"')

    # ---- what writes do ------------------------------------------------------------------------

    def write(self, id_: str, tree: Tree | None, method: str) -> Kept:
        versions = self.versions.setdefault(id_, [])
        kept = Kept(id_, len(versions) + 1, tree and {**tree, "id": id_}, method)
        versions.append(kept)
        self.order.append(kept)
        return kept

    def update(self, id_: str, tree: Tree, if_match: str | None = None) -> int:
        """200, or 201 where nothing was, or nothing any more; 412 the version is another."""
        if not self.fits(id_, if_match):
            return 412
        there = self.alive(id_)
        self.write(id_, tree, "PUT")
        return 200 if there else 201

    def delete(self, id_: str, if_match: str | None = None) -> int:
        if not self.fits(id_, if_match):
            return 412
        if self.alive(id_):
            self.write(id_, None, "DELETE")
        return 204


def number_of(tree: Tree | None) -> int | None:
    return int(tree["identifier"][0]["value"]) if tree else None


def without_server_parts(tree: Tree) -> Tree:
    return {name: value for name, value in tree.items() if name != "meta"}
