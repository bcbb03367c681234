"""A FHIR client; transport and time are handed in (https://hl7.org/fhir/R4/http.html).

Every call has a deadline in seconds and is sent once: whoever wants a retry asks again. Whatever
goes wrong is a `FhirError`: the server's OperationOutcome, or else one that says what came instead.

    cannot connect                          UNAVAILABLE       503
    no complete answer before the deadline  GATEWAY_TIME_OUT  504
    connection broken, not FHIR, too large  BAD_GATEWAY       502
    status 400 and above                    by status and issue code, as `outcomes.kind_of` says
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2

from fhir_profiles import json_text
from fhir_profiles.json_text import JsonTrouble, Tree
from fhir_profiles.outcomes import FhirError, Issue, Kind, kind_of, read_outcome

MEDIA_TYPE: Final = "application/fhir+json"
MAX_ANSWER: Final = 64_000_000  # bytes; a page of 1000 large resources stays below
Params = Iterable[tuple[str, str]]

_NAME = re.compile(r"[A-Z][A-Za-z]{1,63}")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_VERSION = re.compile(r'(?:W/)?"([^"]+)"')
_LOCATION = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?$")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP, whatever its status; header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """A resource after create or update; `tree` None if the server sent no body.

    `created` is False when a conditional create found the resource already there.
    """

    type: str
    id: str
    version: str | None
    created: bool
    tree: Tree | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search; `next` is the address of the one after it, handed to `follow`."""

    bundle: Tree
    next: str | None

    @property
    def total(self) -> int | None:
        """Matches on all pages, if the server counted them."""
        return self.bundle.get("total")

    @property
    def matches(self) -> list[Tree]:
        return self._entries("match")

    @property
    def included(self) -> list[Tree]:
        return self._entries("include")

    @property
    def outcomes(self) -> list[Tree]:
        """What the server says about the search itself."""
        return self._entries("outcome")

    def _entries(self, mode: str) -> list[Tree]:
        return [
            entry["resource"]
            for entry in self.bundle.get("entry", ())
            if "resource" in entry and entry.get("search", {}).get("mode", "match") == mode
        ]


class FhirClient:
    """Talks to the FHIR server at `base` through `http`, which brings the transport.

    `headers` go with every request (a token, `X-Requester`). Redirects are not followed and `next`
    links only below `base`, so that they reach nobody else. Messages never quote a query string.
    """

    def __init__(
        self,
        base: str,
        http: httpx2.AsyncClient,
        *,
        headers: Mapping[str, str] | None = None,
        max_answer: int = MAX_ANSWER,
    ) -> None:
        self.base = base.rstrip("/")
        self._http, self._max_answer = http, max_answer
        _quiet()
        self._headers = {"Accept": MEDIA_TYPE, **(headers or {})}

    # ---- interactions --------------------------------------------------------------------------
    async def capabilities(self, *, deadline: float) -> Tree:
        """The CapabilityStatement."""
        return await self._tree("GET", "metadata", "CapabilityStatement", deadline=deadline)

    async def read(self, type_: str, id_: str, *, deadline: float) -> Tree:
        return await self._tree("GET", _path(type_, id_), type_, deadline=deadline)

    async def search(self, type_: str, params: Params = (), *, deadline: float) -> Page:
        """The first page; `follow` and `pages` go on from there."""
        reply = await self.raw("GET", _path(type_), params=params, deadline=deadline)
        return self._page(reply, type_)

    async def follow(self, page: Page, *, deadline: float) -> Page | None:
        """The page after this one; None after the last. FhirError: the link leads elsewhere."""
        if page.next is None:
            return None
        url = urljoin(f"{self.base}/", page.next)
        if not url.startswith((f"{self.base}/", f"{self.base}?")):
            place = urlsplit(url)
            where = f"{place.scheme}://{place.netloc}"
            raise self._error(Kind.BAD_GATEWAY, f"its next link leads to {where}; not followed")
        reply = await self._send("GET", url, deadline=deadline)
        return self._page(reply, "the next page")

    async def pages(
        self, type_: str, params: Params = (), *, deadline: float
    ) -> AsyncIterator[Page]:
        """All pages, each asked for when the one before was used; the deadline is for each."""
        page: Page | None = await self.search(type_, params, deadline=deadline)
        seen: set[str | None] = set()
        while page is not None:
            yield page
            if page.next in seen:
                raise self._error(Kind.BAD_GATEWAY, "its next links go round in a circle")
            seen.add(page.next)
            page = await self.follow(page, deadline=deadline)

    async def create(
        self, resource: Tree | bytes, *, if_none_exist: str | None = None, deadline: float
    ) -> Written:
        """POST; with `if_none_exist` (a query string) only if nothing matches it."""
        type_, _ = _named(resource)
        headers = {} if if_none_exist is None else {"If-None-Exist": if_none_exist}
        reply = await self.raw(
            "POST", _path(type_), body=_bytes(resource), headers=headers, deadline=deadline
        )
        return self._written(reply, type_)

    async def update(
        self, resource: Tree | bytes, *, if_match: str | None = None, deadline: float
    ) -> Written:
        """PUT to the id it carries; with `if_match` only over that version (FhirError 412)."""
        type_, id_ = _named(resource)
        headers = {} if if_match is None else {"If-Match": f'W/"{if_match}"'}
        reply = await self.raw(
            "PUT", _path(type_, id_), body=_bytes(resource), headers=headers, deadline=deadline
        )
        return self._written(reply, type_)

    async def delete(self, type_: str, id_: str, *, deadline: float) -> None:
        self._fine(await self.raw("DELETE", _path(type_, id_), deadline=deadline))

    async def transaction(self, bundle: Tree | bytes, *, deadline: float) -> Tree:
        """POST of a transaction or batch Bundle to the base; the Bundle of its answers."""
        return await self._tree("POST", "", "Bundle", body=_bytes(bundle), deadline=deadline)

    async def operation(
        self,
        name: str,
        parameters: Tree | bytes | None = None,
        *,
        type_: str = "",
        id_: str = "",
        params: Params = (),
        deadline: float,
    ) -> Tree:
        """`name` begins with `$`; a POST if there are `parameters`, else a GET."""
        path = "/".join(part for part in (_path(type_, id_) if type_ else "", name) if part)
        if parameters is None:
            return await self._tree("GET", path, None, params=params, deadline=deadline)
        body = _bytes(parameters)
        return await self._tree("POST", path, None, params=params, body=body, deadline=deadline)

    # ---- HTTP ----------------------------------------------------------------------------------
    async def raw(
        self,
        method: str,
        path: str = "",
        *,
        params: Params = (),
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        deadline: float,
    ) -> Reply:
        """One request below the base; an error status is a `Reply` too, only no answer raises."""
        query = urlencode(list(params))
        url = "/".join(part for part in (self.base, path) if part)
        url = f"{url}?{query}" if query else url
        return await self._send(method, url, body=body, headers=headers, deadline=deadline)

    async def _send(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        deadline: float,
    ) -> Reply:
        own = {"Content-Type": MEDIA_TYPE} if body else {}
        try:
            async with (
                asyncio.timeout(deadline),
                self._http.stream(
                    method,
                    url,
                    content=body or None,
                    headers={**self._headers, **own, **(headers or {})},
                    timeout=None,
                    follow_redirects=False,
                ) as response,
            ):
                return Reply(response.status_code, response.headers, await self._body_of(response))
        except TimeoutError:
            raise self._error(
                Kind.GATEWAY_TIME_OUT, f"no complete answer within {deadline:g} s"
            ) from None
        except (httpx2.ConnectError, httpx2.ProxyError) as err:
            raise self._error(Kind.UNAVAILABLE, f"cannot be reached ({_why(err)})") from err
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as err:
            raise self._error(Kind.INVALID_REQUEST, f"is no address ({_why(err)})") from err
        except httpx2.DecodingError as err:
            raise self._error(Kind.BAD_GATEWAY, "its answer cannot be unpacked") from err
        except httpx2.TransportError as err:
            raise self._error(
                Kind.BAD_GATEWAY, f"the connection broke before the answer was there ({_why(err)})"
            ) from err

    async def _body_of(self, response: httpx2.Response) -> bytes:
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self._max_answer:
                megabytes = self._max_answer / 1e6
                raise self._error(Kind.BAD_GATEWAY, f"its answer is larger than {megabytes:g} MB")
            parts.append(part)
        return b"".join(parts)

    # ---- answers -------------------------------------------------------------------------------
    def _fine(self, reply: Reply) -> Reply:
        """The reply if it is a success; FhirError otherwise."""
        if reply.status < 300:
            return reply
        if reply.status < 400:
            problem = f"answered HTTP {reply.status} (a redirect); not followed"
            raise self._error(Kind.BAD_GATEWAY, problem)
        raise refusal(reply, self.base)

    async def _tree(self, method: str, path: str, type_: str | None, **extra: Any) -> Tree:
        return self._resource(await self.raw(method, path, **extra), type_)

    def _resource(self, reply: Reply, type_: str | None) -> Tree:
        tree = self._parsed(self._fine(reply))
        found = tree.get("resourceType")
        if not isinstance(found, str) or (type_ is not None and found != type_):
            wanted = type_ or "a resource"
            raise self._error(Kind.BAD_GATEWAY, f"answered {found or 'no resource'}, not {wanted}")
        return tree

    def _parsed(self, reply: Reply) -> Tree:
        try:
            return json_text.parse(reply.body)
        except JsonTrouble as err:
            seen = f"HTTP {reply.status} with {reply.headers.get('content-type', 'no media type')}"
            problem = f"answered {seen}, which is not FHIR JSON: {err}"
            raise self._error(Kind.BAD_GATEWAY, problem) from None

    def _page(self, reply: Reply, what: str) -> Page:
        bundle = self._resource(reply, "Bundle")
        if bundle.get("type") != "searchset":
            found = bundle.get("type")
            raise self._error(Kind.BAD_GATEWAY, f"answered a Bundle of type {found} for {what}")
        entries, links = bundle.get("entry", []), bundle.get("link", [])
        if not (_objects(links) and _objects(entries, "resource", "search")):
            raise self._error(Kind.BAD_GATEWAY, f"answered a Bundle out of shape for {what}")
        found = next((link.get("url") for link in links if link.get("relation") == "next"), None)
        return Page(bundle, found if isinstance(found, str) else None)

    def _written(self, reply: Reply, type_: str) -> Written:
        self._fine(reply)
        tree = self._parsed(reply) if reply.body.strip() else None
        if tree is not None and tree.get("resourceType") != type_:
            tree = None  # an OperationOutcome, if the server was asked for one
        place = _LOCATION.search(reply.headers.get("location", ""))
        tag = _VERSION.fullmatch(reply.headers.get("etag", ""))
        id_ = place[2] if place else (tree or {}).get("id")
        if not isinstance(id_, str):
            raise self._error(Kind.BAD_GATEWAY, f"did not say which id the {type_} has")
        version = tag[1] if tag else place[3] if place else None
        return Written(type_, id_, version, reply.status == 201, tree)

    def _error(self, kind: Kind, problem: str) -> FhirError:
        return FhirError(kind, f"{self.base}: {problem}")


def _quiet() -> None:
    """The library logs the whole address of every request, and a search names patients in it."""
    log = logging.getLogger("httpx2")
    if log.level == logging.NOTSET:  # whoever has set it means it
        log.setLevel(logging.WARNING)


def refusal(reply: Reply, base: str) -> FhirError:
    """The error that a reply of 400 and above stands for."""
    issues: tuple[Issue, ...] = ()
    with suppress(JsonTrouble):
        issues = read_outcome(json_text.parse(reply.body))
    if issues:
        worst = next((i for i in issues if i.severity in ("fatal", "error")), issues[0])
        return FhirError(
            kind_of(reply.status, worst.code),
            f"{base}: {worst.diagnostics}",
            expression=worst.expression,
            issues=issues,
        )
    kind = reply.headers.get("content-type", "no media type")
    return FhirError(
        kind_of(reply.status),
        f"{base}: answered HTTP {reply.status} without an OperationOutcome ({kind})",
    )


def _path(type_: str, id_: str = "") -> str:
    """`Patient/x`. FhirError: a part that would lead out of its place in an address."""
    if not _NAME.fullmatch(type_):
        raise FhirError(Kind.INVALID_REQUEST, f"{type_!r} is no resource type")
    if (id_ and not _ID.fullmatch(id_)) or id_ in (".", ".."):
        raise FhirError(Kind.INVALID_REQUEST, f"{id_!r} is no id of a resource")
    return f"{type_}/{id_}" if id_ else type_


def _objects(value: Any, *members: str) -> bool:
    """A list of objects, whose named members, if there, are objects too."""
    return isinstance(value, list) and all(
        isinstance(item, dict) and all(isinstance(item.get(m, {}), dict) for m in members)
        for item in value
    )


def _named(resource: Tree | bytes) -> tuple[str, str]:
    """resourceType and id ("" if it has none)."""
    tree = json_text.parse(resource) if isinstance(resource, bytes) else resource
    return str(tree.get("resourceType", "")), str(tree.get("id", ""))


def _bytes(resource: Tree | bytes) -> bytes:
    return resource if isinstance(resource, bytes) else json_text.dump(resource)


def _why(err: Exception) -> str:
    return str(err).rstrip(".") or type(err).__name__
