"""The one place where what went wrong becomes an answer (https://hl7.org/fhir/R4/http.html#Status-Codes).

What nobody expected is answered without a word of its text, which may hold a patient's data; the
log gets the kind of error and the lines of code it came through.
"""

from __future__ import annotations

import traceback

import structlog

from fhir_profiles.json_text import JsonTrouble
from fhir_profiles.outcomes import FhirError, Kind, unreadable
from fhir_server.answers import Answer

_log = structlog.get_logger("fhir_server")

_COME_BACK = {Kind.THROTTLED, Kind.UNAVAILABLE, Kind.TIME_OUT}


def as_fhir_error(err: Exception, request_id: str) -> FhirError:
    """The error as one that FHIR knows; an unexpected one is logged."""
    if isinstance(err, FhirError):
        return err
    if isinstance(err, JsonTrouble):
        return unreadable(err)
    frames = traceback.extract_tb(err.__traceback__)
    _log.error(
        "unexpected error",
        error=type(err).__name__,
        request_id=request_id,
        where=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    )
    return FhirError(
        Kind.INTERNAL,
        "this server met something it was not prepared for; "
        f"its log says more, under the X-Request-Id {request_id}",
    )


def answer_to(err: Exception, request_id: str) -> Answer:
    """The OperationOutcome for an error."""
    error = as_fhir_error(err, request_id)
    said = error.outcome()
    answer = Answer(error.status, tree=said, outcome=said)
    if error.kind in _COME_BACK:
        answer.headers["Retry-After"] = "1"
    if error.kind is Kind.LOGIN:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
