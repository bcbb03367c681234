"""Valid resources of many kinds: what `bad.txt` breaks in one place at a time."""

from typing import Any

from tests.fhir_profiles.validation import good_bundles, good_clinical, good_definitions

QUESTIONNAIRE = good_definitions.QUESTIONNAIRE

GOOD: dict[str, dict[str, Any]] = {
    name: value
    for module in (good_clinical, good_definitions, good_bundles)
    for name, value in vars(module).items()
    if isinstance(value, dict) and "resourceType" in value
}
