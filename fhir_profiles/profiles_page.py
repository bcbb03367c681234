"""docs/reference/profiles.md, written from the files in `fhir_profiles/profiles/`.

python -m fhir_profiles.profiles_page > docs/reference/profiles.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from fhir_profiles import conformance, systems
from fhir_profiles.definitions.tables import structure
from fhir_profiles.json_text import Tree

HEAD: Final = """# Profiles

*This page is written by `python -m fhir_profiles.profiles_page`; a test compares it with the files
in `fhir_profiles/profiles/`.*

{profiles} profiles of FHIR R4, {extensions} extensions, the codes that they use, maps from codes to
codes, and search parameters. Each profile stays inside what the public pages of
[VN Core 0.6](https://hl7.org.vn) show, a community draft; generated data names both
in `meta.profile`, ours first. It **follows the public rules of VN Core 0.6**. It is not called
valid VN Core: the package was not available to check against, and deep parts of its profiles are
not public. `fhir_profiles.public_rules` checks what a program can check of them, `lienthong
validate` and `fhir_profiles.validation` our profiles as well.

How a rule is known: **seen** on a page of that version of the guide, **described** in its text, in
an official **example**, or **inferred** by us. A dash means that the rule is ours alone. **MS**:
must support, whoever has the value sends it.

A profile holds its differential only, no snapshot: tools make one from base R4. Each has an
example, of invented persons whose numbers nobody can have, in `fhir_profiles/profiles/examples/`.
A resource that names a VN Core profile is checked against what is public of it, and validation says
that this is all; who stores the real profile on a server gets that one.

Rules of VN Core from: VN Core FHIR Implementation Guide v0.6.0 — Omi HealthTech / VN Core FHIR
Community Initiative — https://hl7.org.vn — CC-BY-4.0. No endorsement is implied.
"""


MAPS: Final = """From a hospital's code to the shared catalogue, from there to LOINC. How its own
codes lead to the catalogue is the hospital's to say; in the generated network
`scenarios.charts.code_maps` writes it down, one map (`lab-` and the facility code) for each record
system. These are the maps of the catalogue itself.
"""


def page() -> str:
    """The whole page as Markdown."""
    found = conformance.resources().values()
    extensions = [tree for tree in found if tree.get("type") == "Extension"]
    head = HEAD.format(profiles=len(conformance.PROFILES), extensions=len(extensions))
    parts = [head, "## Profiles\n", _overview()]
    parts += [_profile(conformance.profile(name)) for name in conformance.PROFILES]
    parts += [
        "## Extensions\n",
        _table(["url", "on", "value", "says"], map(_extension, extensions)),
        "## Search parameters\n",
        _table(
            ["parameter", "of", "kind", "selects", "says"],
            map(_parameter, _of("SearchParameter")),
        ),
        "## Value sets\n",
        _table(["value set", "codes", "says"], map(_value_set, _of("ValueSet"))),
        "## Concept maps\n",
        MAPS,
    ]
    parts += [_concept_map(tree) for tree in _of("ConceptMap")]
    parts += ["## Codes\n"]
    parts += [_codes(tree) for tree in _of("CodeSystem")]
    return "\n".join(parts).rstrip("\n") + "\n"


def _of(type_: str) -> list[Tree]:
    return [t for t in conformance.resources().values() if t["resourceType"] == type_]


def _overview() -> str:
    rows = []
    for name in conformance.PROFILES:
        tree = conformance.profile(name)
        beside = [f"`{url.rpartition('/')[2]}`" for url in conformance.claims(name)[1:]]
        row = [f"[{name}](#{name})", tree["type"], *(beside or ["—"]), tree["description"]]
        rows.append(row)
    base = f"Canonical URLs: `{systems.OURS}/StructureDefinition/` and the name.\n\n"
    return base + _table(["name", "of", "beside", "what it is"], rows)


def _profile(tree: Tree) -> str:
    elements = [e for e in tree["differential"]["element"] if _says_something(e)]
    rows = (row for element in elements for row in _rows(element))
    head = f"### {tree['id']}\n\n{tree['title']}. {tree['description']}\n\n"
    return head + _table(["element", "how often", "rule", "VN Core", "known"], rows)


def _says_something(element: Tree) -> bool:
    """The bare entry of a slicing, and the system that a slice is about, need no line."""
    return bool(set(element) - {"id", "path", "slicing"}) and not (
        ":" in element["id"] and element["path"].endswith((".system", ".url", ".value"))
    )


def _rows(element: Tree) -> Iterator[list[str]]:
    """A line for what the element says, and one more for each further rule of VN Core."""
    mappings = element.get("mapping", [{}])
    rules = [element["short"]] if "short" in element else []
    rules += [f"`{key}`: {_code(value)}" for key, value in _fixed(element)]
    rules += [f"types: {types}"] if (types := _types(element)) else []
    rules += [f"codes: {_binding(element)}"] if "binding" in element else []
    rules += [_constraint(constraint) for constraint in element.get("constraint", ())]
    name = f"`{element['id']}`" + (" **MS**" if element.get("mustSupport") else "")
    for place, mapping in enumerate(mappings):
        first = place == 0
        yield [
            name if first else "",
            cardinality(element) if first else "",
            "; ".join(rules) if first else "",
            mapping.get("map", "—"),
            mapping.get("comment", "—"),
        ]


def cardinality(element: Tree) -> str:
    """`1..*`; what the differential leaves out is that of base R4. Empty for the root."""
    if "." not in element["path"]:
        return ""
    low, high = base_cardinality(element["path"])
    return f"{element.get('min', low)}..{element.get('max', high)}"


def base_cardinality(path: str) -> tuple[int, str]:
    """Of a path such as `Consent.provision.period` in base R4. KeyError: there is no such path."""
    inside, *names = path.split(".")
    low, high = 0, "*"
    for name in names:
        here = structure(inside)
        if name.endswith("[x]"):
            stem = name.removesuffix("[x]")
            low, high, inside = int(stem in here.required), "1", here.choices[stem][0]
            continue
        element = here.elements[name]
        low, high = element.min, "*" if element.max is None else str(element.max)
        inside = element.content or element.types[0]
    return low, high


def _fixed(element: Tree) -> Iterator[tuple[str, object]]:
    for key, value in element.items():
        if key.startswith(("pattern", "fixed")):
            yield key, value


def _code(value: object) -> str:
    if isinstance(value, dict):
        coding = value["coding"][0]
        return f"`{coding['system']}#{coding['code']}`"
    return f"`{value}`"


def _types(element: Tree) -> str:
    words = []
    for kind in element.get("type", ()):
        targets = [url.rpartition("/")[2] for url in kind.get("targetProfile", ())]
        if kind["code"] != "Extension":
            words.append(kind["code"] + (f"({', '.join(targets)})" if targets else ""))
    return ", ".join(words)


def _binding(element: Tree) -> str:
    binding = element["binding"]
    return f"{binding['valueSet'].rpartition('/')[2]} ({binding['strength']})"


def _constraint(constraint: Tree) -> str:
    mild = " (warning)" if constraint["severity"] == "warning" else ""
    return f"`{constraint['key']}`{mild}: {constraint['human']}"


def _extension(tree: Tree) -> list[str]:
    values = [
        f"{element['id'].partition(':')[2].partition('.')[0]} {_types(element)}".strip()
        for element in tree["differential"]["element"]
        if element["path"].endswith("value[x]") and element.get("max") != "0"
    ]
    on = ", ".join(context["expression"] for context in tree["context"])
    return [f"`{tree['id']}`", on, "; ".join(values), tree["description"]]


def _parameter(tree: Tree) -> list[str]:
    expression = f"`{tree['expression']}`"
    return [f"`{tree['code']}`", tree["base"][0], tree["type"], expression, tree["description"]]


def _value_set(tree: Tree) -> list[str]:
    codes = []
    for include in tree["compose"]["include"]:
        listed = [f"`{concept['code']}`" for concept in include.get("concept", ())]
        codes.append(f"{include['system']}: {', '.join(listed) or 'all'}")
    return [f"`{tree['id']}`", "; ".join(codes), tree["description"]]


def _concept_map(tree: Tree) -> str:
    (group,) = tree["group"]
    head = f"### {tree['title']} (`{tree['id']}`)\n\n{tree['description']}"
    head += f" From `{group['source']}` to `{group['target']}`.\n\n"
    rows = (
        [f"`{element['code']}`", _target(target), target["equivalence"], target.get("comment", "")]
        for element in group["element"]
        for target in element["target"]
    )
    return head + _table(["code", "is", "how", "comment"], rows)


def _target(target: Tree) -> str:
    told = [f"{one['value']}" for one in target.get("dependsOn", ())]
    return f"`{target.get('code', '—')}`" + (f" if {', '.join(told)}" if told else "")


def _codes(tree: Tree) -> str:
    head = (
        f"### {tree['title']} (`{tree['id']}`)\n\n{tree['description']} System: `{tree['url']}`\n\n"
    )
    rows = ([f"`{concept['code']}`", *_names(concept)] for concept in tree["concept"])
    return head + _table(["code", "English", "Vietnamese"], rows)


def _names(concept: Tree) -> list[str]:
    vietnamese = [one["value"] for one in concept.get("designation", ())]
    return [concept.get("display", "—"), *(vietnamese or ["—"])]


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    sys.stdout.write(page())
