"""What an import asks for: a manifest as Parameters, checked before anything is fetched.

https://github.com/smart-on-fhir/bulk-import: inputFormat, inputSource, storageDetail, and for each
file an input with its type and url.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.operations import OperationCall, parameter_value

NDJSON: Final = "application/fhir+ndjson"
MAX_FILES: Final = 1_000
_NAMES: Final = ("inputFormat", "inputSource", "storageDetail", "input")
_SCHEMES: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Input:
    type: str
    url: str


def inputs_of(
    call: OperationCall, sources: Sequence[str], refuses: Callable[[str], bool]
) -> tuple[Input, ...]:
    """The files of a manifest. FhirError 400: it is none, or names what is not fetched here."""
    _require_patience(call)
    parts = _parts(call)
    for name, _ in parts:
        if name not in _NAMES:
            _refuse(Kind.UNKNOWN_PARAMETER, name, f"is unknown; it has {', '.join(_NAMES)}")
    formats = [parameter_value(part) for name, part in parts if name == "inputFormat"]
    if formats != [NDJSON]:
        kind = Kind.BAD_PARAMETER if formats else Kind.MISSING_PARAMETER
        _refuse(kind, "inputFormat", f"is {NDJSON}, once; nothing else is read")
    for name, part in parts:
        if name == "storageDetail" and _words(name, part).get("type") not in (None, *_SCHEMES):
            _refuse(Kind.BAD_PARAMETER, name, "is of type https: files are fetched over HTTP only")
    found = tuple(_input(part, sources, refuses) for name, part in parts if name == "input")
    if not found:
        _refuse(Kind.MISSING_PARAMETER, "input", "is missing: type and url of each file")
    if len(found) > MAX_FILES:
        _refuse(Kind.TOO_COSTLY, "input", f"is there {len(found)} times; {MAX_FILES} are possible")
    return found


def _require_patience(call: OperationCall) -> None:
    preferences = call.headers.get("prefer", "").replace(";", ",").split(",")
    if "respond-async" not in (word.strip().lower() for word in preferences):
        raise FhirError(
            Kind.INVALID_REQUEST,
            "an import takes its time; send the header 'Prefer: respond-async' and ask for the "
            "status at the address in Content-Location",
        )


def _parts(call: OperationCall) -> list[tuple[str, dict[str, Any]]]:
    tree = call.document.tree if call.document else {}
    listed = tree.get("parameter")
    if tree.get("resourceType") != "Parameters" or not isinstance(listed, list):
        raise FhirError(
            Kind.INVALID_REQUEST, "send a Parameters resource with inputFormat and the inputs"
        )
    if call.query:
        _refuse(
            Kind.UNKNOWN_PARAMETER, call.query[0][0], "stands in the address; all is in the body"
        )
    return [
        (str(part.get("name")), part) if isinstance(part, dict) else ("(no name)", {})
        for part in listed
    ]


def _words(name: str, part: dict[str, Any]) -> dict[str, str]:
    """The parts of a part, all of them texts."""
    found: dict[str, str] = {}
    inner = part.get("part")
    for one in inner if isinstance(inner, list) else []:
        key = one.get("name") if isinstance(one, dict) else None
        value = parameter_value(one) if isinstance(one, dict) else None
        if not isinstance(key, str) or not isinstance(value, str):
            _refuse(Kind.BAD_PARAMETER, name, "has parts that are texts, each with its name")
        found[key] = value
    return found


def _input(part: dict[str, Any], sources: Sequence[str], refuses: Callable[[str], bool]) -> Input:
    words = _words("input", part)
    if set(words) != {"type", "url"}:
        _refuse(Kind.BAD_PARAMETER, "input", "has two parts, type and url")
    type_, url = words["type"], words["url"]
    if type_ not in resource_types():
        _refuse(Kind.BAD_PARAMETER, "input.type", f"is a resource type, not {type_[:80]!r}")
    if refuses(type_):
        _refuse(Kind.BAD_PARAMETER, "input.type", f"{type_} cannot be written by clients here")
    if not fetched_from(url, sources):
        here = f"from {', '.join(sources[:10])}" if sources else "from nowhere, by its options"
        _refuse(Kind.BAD_PARAMETER, "input.url", f"{url[:200]!r}: this server fetches {here}")
    return Input(type_, url)


def _refuse(kind: Kind, name: str, what: str) -> NoReturn:
    raise FhirError(kind, f"the input {name[:80]} {what}", expression=name[:80])


# ---- where files may come from -------------------------------------------------------------------


def fetched_from(url: str, sources: Sequence[str]) -> bool:
    """Whether an address lies below one of those that the server is told to trust.

    Anything else would let a client reach, through this server, what only this server can reach.
    """
    given = _split(url)
    if given is None:
        return False
    steps = unquote(given.path).replace("\\", "/").split("/")
    if ".." in steps or "." in steps or any(not " " < sign < "\x7f" for sign in url):
        return False
    return any(_below(given, trusted) for trusted in map(_split, sources) if trusted is not None)


def _split(url: str) -> SplitResult | None:
    try:
        found = urlsplit(url)
        _ = found.port  # ValueError: it is no number
    except ValueError:
        return None
    plain = found.scheme in _SCHEMES and found.hostname and "@" not in found.netloc
    return found if plain and not found.fragment else None


def _below(given: SplitResult, trusted: SplitResult) -> bool:
    def site(one: SplitResult) -> tuple[str, str | None, int]:
        return one.scheme, one.hostname, one.port or _SCHEMES[one.scheme]

    path = trusted.path.rstrip("/") + "/"
    return site(given) == site(trusted) and (given.path + "/").startswith(path)
