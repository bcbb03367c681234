"""The shape of a network file: every key, its type and its meaning (also as JSON Schema).

Reading is strict: an unknown key, a wrong type or a bad date is an InputError with line and remedy.
The format is described for people in docs/reference/network.md.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from vietnam.datafiles import Document, InputError, did_you_mean
from vietnam.places import FacilityClass, LinkClass, TechnicalLevel, Tier

T = TypeVar("T")
Code = Annotated[str, Field(pattern=r"^[0-9A-Z]{5}$")]
OldProvince = Annotated[str, Field(pattern=r"^[0-9]{2}$")]
Share = Annotated[float, Field(ge=0, le=1)]
LaboratoryLevel = Annotated[int, Field(ge=0, le=5)]


class Entry(BaseModel):
    """A mapping of the file: no key but the known ones, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False, frozen=True)


class Period(Entry, Generic[T]):
    """A value and the days on which it holds; both days are included."""

    first: dt.date | None = Field(
        default=None, alias="from", description="First day; open if left out"
    )
    last: dt.date | None = Field(default=None, alias="to", description="Last day; open if left out")
    value: T = Field(alias="is", description="The value on these days")


def _as_periods(value: Any) -> Any:
    """A plain value stands for one that holds always."""
    return value if isinstance(value, list) else [{"is": value}]


def _input_type(kind: Any) -> Any:
    return kind | list[Period[kind]]


DatedText = Annotated[
    list[Period[str]], BeforeValidator(_as_periods, json_schema_input_type=_input_type(str))
]
DatedParent = Annotated[
    list[Period[Code | None]],
    BeforeValidator(_as_periods, json_schema_input_type=_input_type(Code | None)),
]
DatedLevel = Annotated[
    list[Period[LaboratoryLevel]],
    BeforeValidator(_as_periods, json_schema_input_type=_input_type(LaboratoryLevel)),
]


class FacilityEntry(Entry):
    """One facility. What is left out comes from the defaults of its tier and from the rules."""

    code: Code = Field(description="Five characters, for ever; generated codes begin with 99")
    name: DatedText = Field(description="Name, or dated names")
    tier: Tier
    province: DatedText = Field(
        description="Old two-digit province code (it follows the merger of 1 July 2025 by itself), "
        "or dated codes"
    )
    latitude: float = Field(description="Degrees north, 8 to 23.5")
    longitude: float = Field(description="Degrees east, 102 to 110")
    point: str | None = Field(
        default=None, description="Source of the coordinates, a key of sources"
    )
    owner: DatedText | None = Field(
        default=None, description="Owner; default: the provincial health department"
    )
    parent: DatedParent | None = Field(
        default=None, description="Code of the facility it belongs to"
    )
    facility_class: FacilityClass | None = Field(
        default=None, alias="class", description="Hospital class"
    )
    technical_level: TechnicalLevel | None = Field(
        default=None, description="Level of Law 15/2023/QH15"
    )
    specialty: str | None = Field(default=None, description="general (default), lung, eye, ...")
    beds: Annotated[int, Field(ge=0, le=20_000)] | None = None
    laboratory_level: DatedLevel | None = Field(
        default=None, description="Level of Decision 2429/QD-BYT: 0 (not rated) to 5"
    )
    iso15189: bool | None = Field(default=None, description="Laboratory accredited to ISO 15189")
    link_class: LinkClass | None = Field(default=None, description="Class of its network link")
    emr_from: dt.date | None = Field(default=None, description="First day with electronic records")
    publish_from: dt.date | None = Field(default=None, description="First day it publishes results")
    query_from: dt.date | None = Field(default=None, description="First day it can query")
    record_group: Code | None = Field(default=None, description="Facility that keeps its records")
    serves: list[str] = Field(
        default_factory=list, description="Old codes of the districts whose stations belong to it"
    )
    sources: dict[str, str] = Field(
        default_factory=dict, description="Field -> source, or ASSUMPTION with a range"
    )


class Defaults(Entry):
    """What a facility of a tier has unless it says otherwise."""

    basis: str = Field(description="Source, or ASSUMPTION with a range")
    facility_class: FacilityClass = Field(alias="class")
    technical_level: TechnicalLevel
    specialty: str = "general"
    beds: Annotated[int, Field(ge=0, le=20_000)]
    laboratory_level: LaboratoryLevel
    iso15189: bool = False
    link_class: LinkClass


class Residents(Entry):
    """How many people live in a province (old boundary)."""

    total: Annotated[int, Field(ge=0, le=100_000_000)]
    low: int
    high: int
    source: str


class CommuneRules(Entry):
    """Where the counted residents live."""

    basis: str
    communes: str = Field(description="CSV file with the communes, beside this file")
    districts: str = Field(description="CSV file with the district points, beside this file")
    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(
        description="First word of the commune's name -> weight in the split of the population"
    )
    provinces: dict[OldProvince, Residents]


class StationRules(Entry):
    """One health station for each commune; it writes into the record of the district's centre."""

    basis: str
    first_code: Code
    name: str = Field(description="May hold {commune}, {new_commune}, {district}, {new_province}")
    name_after: str = Field(description="Name from changed_on")
    owner_after: str = Field(description="Owner from changed_on")
    governance_after: Literal["commune", "health_department"] = Field(
        description="Whether stations leave their centre on changed_on or stay its sub-units"
    )
    changed_on: Annotated[dt.date, Field(ge=dt.date(1976, 1, 1))]


class ClinicRules(Entry):
    """One generated private polyclinic for each district; never connected."""

    basis: str
    first_code: Code
    name: str = Field(description="May hold {district}")
    owner: str
    beds: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=10, description="What draws patients to it, in hospital beds"
    )


class SharePoint(Entry):
    day: dt.date
    share: Share


class EmrCurve(Entry):
    """Share of the matching facilities that had electronic records on a day; first match counts."""

    basis: str
    tiers: list[Tier]
    classes: list[FacilityClass] | None = None
    provinces: list[OldProvince] | None = None
    points: list[SharePoint] = Field(min_length=1)


class ConnectionStep(Entry):
    """Facilities that connect between two days, in an order fixed by their codes."""

    first: dt.date = Field(alias="from")
    last: dt.date = Field(alias="to")
    tiers: list[Tier] | None = None
    provinces: list[OldProvince] | None = None
    codes: list[Code] | None = None
    count: Annotated[int, Field(ge=0)] | None = Field(default=None, description="At most so many")


class ConnectionRules(Entry):
    """Who publishes and queries from when, unless the facility says it."""

    basis: str
    total: Annotated[int, Field(ge=0)] = Field(description="Connected facilities in the end")
    with_records: bool = Field(
        default=False,
        description="A facility keeps electronic records from its connection on, if not before",
    )
    steps: list[ConnectionStep]


class BypassReach(Entry):
    """Distance in km at which the pull of a bed falls to 37 %."""

    central: Annotated[float, Field(gt=0)] = 120.0
    provincial: Annotated[float, Field(gt=0)] = 40.0
    private: Annotated[float, Field(gt=0)] = 20.0


class ReferralRules(Entry):
    """Where patients are sent, and where they go on their own."""

    basis: str = "ASSUMPTION"
    general_share: Share = Field(
        default=0.8, description="Share of district referrals that go to general hospitals"
    )
    centrals: dict[OldProvince, dict[Code, Annotated[float, Field(gt=0)]]] = Field(
        default_factory=dict, description="Old province -> central hospital -> share"
    )
    reach_km: BypassReach = Field(default_factory=lambda: BypassReach())


class NetworkFile(Entry):
    """A network of health facilities for lienthong."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: str = ""
    sources: dict[str, str] = Field(default_factory=dict, description="Short name -> full source")
    field_sources: dict[str, str] = Field(
        default_factory=dict, description="Source of a field that names none of its own"
    )
    defaults: dict[Tier, Defaults] = Field(default_factory=dict)
    facilities: list[FacilityEntry] = Field(min_length=1)
    communes: CommuneRules | None = None
    stations: StationRules | None = None
    clinics: ClinicRules | None = None
    emr: list[EmrCurve] = Field(default_factory=list)
    connections: ConnectionRules | None = None
    referral: ReferralRules = Field(default_factory=lambda: ReferralRules())


def read_entries(doc: Document) -> NetworkFile:
    """The checked entries of a network file; InputError with line, key and remedy otherwise."""
    if not isinstance(doc.value, dict):
        raise doc.error((), "this is not a network file", "Begin with name: and facilities:")
    try:
        return NetworkFile.model_validate(doc.value)
    except ValidationError as err:
        errors = err.errors(include_url=False)
        # an unknown key explains a missing one, so it is told first
        first = min(errors, key=lambda e: (e["type"] != "extra_forbidden", _place(doc, e["loc"])))
        raise _translate(doc, first) from None


def write_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a network file, for editors."""
    schema = NetworkFile.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _place(doc: Document, loc: Sequence[str | int]) -> int:
    return doc.line(*loc) or 0


def _translate(doc: Document, error: Any) -> InputError:
    """A pydantic error in the words of a network file."""
    kind, context = error["type"], error.get("ctx", {})
    path = _known(doc, [part for part in error["loc"] if part != "[key]"])
    value = error["input"]
    if kind == "extra_forbidden":
        known = _keys_at(error["loc"][:-1])
        return doc.error(error["loc"], "unknown key", did_you_mean(str(error["loc"][-1]), known))
    if kind == "missing":
        return doc.error(error["loc"], "this key is missing", "Add it")
    if kind == "literal_error":
        words = [word.strip(" '") for word in context["expected"].replace(" or ", ",").split(",")]
        return doc.error(path, f"{value!r} is not known here", did_you_mean(str(value), words))
    if kind == "date_type":
        return doc.error(path, f"{value!r} is not a date", "Write it as 2025-07-01, unquoted")
    if kind == "string_type":
        remedy = (
            f'Put it in quotes: "{value}"' if isinstance(value, int | float) else "Write a text"
        )
        return doc.error(path, f"{value!r} is not a text", remedy)
    if kind == "string_pattern_mismatch":
        return doc.error(path, f"{value!r} has not the right form", _form(context["pattern"]))
    if kind in ("int_type", "float_type", "int_from_float"):
        whole = "a whole number" if kind.startswith("int") else "a number"
        return doc.error(path, f"{value!r} is not {whole}", f"Write {whole} without quotes")
    if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
        bound = next(iter(context.values()))
        word = "too small" if kind.startswith("greater") else "too large"
        equal = "" if kind.endswith("equal") else " exclusive"
        return doc.error(path, f"{value!r} is {word}", f"The bound is {bound}{equal}")
    if kind in ("model_type", "dict_type"):
        return doc.error(path, f"{value!r} is not a mapping", "Write key: value lines below it")
    message = str(error["msg"])
    return doc.error(path, message[:1].lower() + message[1:], "See docs/reference/network.md")


def _form(pattern: str) -> str:
    forms = {
        r"^[0-9A-Z]{5}$": "Write five digits or capital letters",
        r"^[0-9]{2}$": "Write the two digits of the old province code",
        r"^[a-z0-9-]+$": "Use small letters, digits and hyphens",
    }
    return forms[pattern]


def _known(doc: Document, loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """The part of a path that stands in the file (a plain value may stand for a list)."""
    path: tuple[str | int, ...] = ()
    value = doc.value
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            break
        path = (*path, part)
    return path


def _keys_at(loc: Sequence[str | int]) -> list[str]:
    """The keys that may stand at a path."""
    model: Any = NetworkFile
    for part in loc:
        if model is None:
            return []
        names = {info.alias or name: info for name, info in model.model_fields.items()}
        if part in names:  # otherwise a place in a list or the key of a free mapping
            model = _model_in(names[str(part)].annotation)
    if model is None:
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_in(annotation: Any) -> Any:
    """The model that an annotation such as list[Model] or Model | None holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)


def main() -> None:
    """Writes the committed schema again: ``python -m vietnam.network_file``."""
    text = json.dumps(write_schema(), indent=2, ensure_ascii=False)
    path = Path(__file__).parent / "networks" / "network.schema.json"
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
