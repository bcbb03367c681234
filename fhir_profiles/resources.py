"""The one door to `fhir.resources`: typed R4B models for people who write code against types.

The library has R4B (4.3.0), R5 and STU3, but no R4 (https://hl7.org/fhir/R4/), which is what is
served here (docs/adr/0001). For every type that a hospital needs, R4B has the same elements.
Differences that remain:

- the types of `R4_ONLY` have no model and are refused; those that R4B added are not of R4, and are
  refused too (Citation, Ingredient, SubscriptionStatus ...);
- Evidence and EvidenceVariable were written anew in R4B: an R4 instance does not fit the model;
- a model checks less than `fhir_profiles.validation` (no code of a required binding, no type of a
  reference's target), and writing one out again is not what came in: order, white space and the
  narrative may change. What is stored and served is never a model's dump.

A model costs about a millisecond; nothing on the way of a request builds one.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from fhir_profiles.json_text import Tree

if TYPE_CHECKING:
    from pydantic import BaseModel

R4_ONLY: Final = frozenset(
    """EffectEvidenceSynthesis MedicinalProduct MedicinalProductAuthorization
    MedicinalProductContraindication MedicinalProductIndication MedicinalProductIngredient
    MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
    MedicinalProductPharmaceutical MedicinalProductUndesirableEffect RiskEvidenceSynthesis
    SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
    SubstanceSourceMaterial SubstanceSpecification""".split()
)
"""Types of R4 that R4B took away."""

R4B_ONLY: Final = frozenset(
    """AdministrableProductDefinition Citation ClinicalUseDefinition EvidenceReport Ingredient
    ManufacturedItemDefinition MedicinalProductDefinition NutritionProduct
    PackagedProductDefinition RegulatedAuthorization SubscriptionStatus SubscriptionTopic
    SubstanceDefinition""".split()
)
"""Types of R4B that R4 does not know."""


class NoModel(LookupError):
    """No typed model stands for this type; the message says why."""


@cache
def model(type_name: str) -> type[BaseModel]:
    """The class of a resource or data type of R4. NoModel: R4 does not have it, or R4B does not.

    >>> model("Patient").__name__
    'Patient'
    """
    if type_name in R4_ONLY:
        raise NoModel(f"{type_name} exists in FHIR R4 only, the typed models are R4B; use the JSON")
    if type_name in R4B_ONLY:
        raise NoModel(f"{type_name} came with FHIR R4B; this is FHIR R4")
    if type_name.isidentifier():
        from fhir.resources import R4B

        try:
            module = import_module(f"{R4B.__name__}.{type_name.lower()}")
        except ModuleNotFoundError:
            module = None
        found = getattr(module, type_name, None)
        if isinstance(found, type):
            return found
    raise NoModel(f"{type_name!r} is no type of FHIR R4; names are written as in Patient")


def typed(tree: Tree) -> Any:
    """The model of a resource given as JSON; its class is `model(tree["resourceType"])`.

    NoModel as above; pydantic's ValidationError: the resource does not fit.
    """
    return model(str(tree.get("resourceType", ""))).model_validate(tree)
