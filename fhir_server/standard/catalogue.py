"""The operations of R4 that any server here offers (https://hl7.org/fhir/R4/operationslist.html)."""

from __future__ import annotations

from fhir_server.operations import Operation
from fhir_server.standard.convert import convert
from fhir_server.standard.document import document
from fhir_server.standard.everything import everything
from fhir_server.standard.expand import expand
from fhir_server.standard.graphql import graphql
from fhir_server.standard.lastn import lastn
from fhir_server.standard.lookup import lookup
from fhir_server.standard.meta import meta
from fhir_server.standard.subsumes import subsumes
from fhir_server.standard.summary import summary
from fhir_server.standard.translate import translate
from fhir_server.standard.validate import validate
from fhir_server.standard.validate_code import validate_code


def standard_operations() -> list[Operation]:
    """Each in the places where R4 has it; they need nothing but the store of their caller."""
    return [
        *validate(),
        *meta(),
        *everything(),
        *lastn(),
        *document(),
        *summary(),
        *expand(),
        *validate_code(),
        *lookup(),
        *translate(),
        *subsumes(),
        *graphql(),
        *convert(),
    ]
