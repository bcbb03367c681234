"""How an answer goes out: in the client's form, packed if it likes that, with the headers of all.

https://hl7.org/fhir/R4/http.html#mime-type, #compression and #caching.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec
from starlette.types import Send

from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.xml_writing import NotWritable, to_xml
from fhir_server.answers import Answer
from fhir_server.call import Engine
from fhir_server.compression import answer_coding, packed, worth_packing
from fhir_server.negotiation import DEFAULT, FHIR_JSON, Format

# A browser may keep what it got, for nobody else, and asks before it shows it again: without a word
# on it, it would guess from Last-Modified how long a patient's record stays as it is.
_ALWAYS: Final = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Accept, Accept-Encoding"),
    (b"x-content-type-options", b"nosniff"),  # nothing that was stored here runs as a page
)
_JSON: Final = (b"content-type", f"{FHIR_JSON}; charset=utf-8".encode())
_INLINE: Final = 64 * 1024  # bytes that are packed at once, in a quarter of a millisecond


async def send_answer(
    answer: Answer,
    send: Send,
    engine: Engine,
    *,
    format_: Format = DEFAULT,
    accept_encoding: str = "",
    head: bool,
    request_id: str,
) -> None:
    """Puts the answer on the wire; for HEAD without its body, which the headers tell about.

    FhirError 406, before anything was sent: what is stored cannot be written in that form.
    """
    body, coding = answer.content(), ""
    headers = [(_name(name), _header(value)) for name, value in answer.headers.items()]
    if body:
        media = answer.media or format_.media or FHIR_JSON
        shaped = not answer.media and (format_.xml or format_.pretty)
        if answer.media:
            headers.append((b"content-type", _header(media)))
        else:
            headers.append(_JSON if media == FHIR_JSON else _content_type(media))
        if accept_encoding and len(body) > engine.options.compress_above and worth_packing(media):
            coding = answer_coding(accept_encoding)
        if shaped:
            inline = len(body) <= engine.options.inline_body
            body = await _elsewhere(engine, inline, _shaped, body, format_)
        if coding:
            body = await _elsewhere(engine, len(body) <= _INLINE, packed, body, coding)
    if coding:
        headers.append((b"content-encoding", coding.encode()))
    if body or answer.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(body)))
    headers.append((b"x-request-id", request_id.encode()))
    headers += _ALWAYS if "Cache-Control" not in answer.headers else _ALWAYS[1:]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


async def _elsewhere(engine: Engine, inline: bool, work: Callable[..., bytes], *args: Any) -> bytes:
    """Work on a body, in a worker thread if it is large. The request is admitted already: no limit
    of those who wait may turn away an answer to what was done."""
    if inline:
        return work(*args)
    return await asyncio.get_running_loop().run_in_executor(engine.pool, work, *args)


def _shaped(body: bytes, format_: Format) -> bytes:
    """FhirError 406: it was stored without being looked at, and has no form in XML."""
    if not format_.xml:
        return msgspec.json.format(body, indent=2)
    try:
        return to_xml(body, pretty=format_.pretty)
    except NotWritable as err:
        raise FhirError(
            Kind.NOT_ACCEPTABLE,
            f"this cannot be written as XML ({str(err)[:200]}); ask for {FHIR_JSON}",
        ) from None


@lru_cache(maxsize=64)
def _name(name: str) -> bytes:
    return name.lower().encode()


def _content_type(media: str) -> tuple[bytes, bytes]:
    return b"content-type", f"{media}; charset=utf-8".encode()


def _header(value: str) -> bytes:
    """A header is latin-1 and one line, whatever a resource says about itself."""
    if "\r" in value or "\n" in value:
        value = " ".join(value.splitlines())
    return value.encode("latin-1", "replace")
