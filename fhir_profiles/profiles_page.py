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

Nine profiles of FHIR R4, six extensions, and the codes they use. Each profile stays inside what the
public pages of [VN Core 0.6](https://hl7.org.vn) show, a community draft; generated data names both
in `meta.profile`, ours first. It **follows the public rules of VN Core 0.6**. It is not called
valid VN Core: the package was not available to check against, and deep parts of its profiles are
not public. `fhir_profiles.public_rules` checks what a program can check of them,
`fhir_profiles.profile_check` our profiles as well.

How a rule is known: **seen** on a page of that version of the guide, **described** in its text, in
an official **example**, or **inferred** by us. A dash means that the rule is ours alone. **MS**:
must support, whoever has the value sends it.

A profile holds its differential only, no snapshot: tools make one from base R4. Rules of VN Core
from: VN Core FHIR Implementation Guide v0.6.0 — Omi HealthTech / VN Core FHIR Community
Initiative — https://hl7.org.vn — CC-BY-4.0. No endorsement is implied.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD, "## Profiles\n", _overview()]
    parts += [_profile(conformance.profile(name)) for name in conformance.PROFILES]
    found = conformance.resources().values()
    extensions = [tree for tree in found if tree.get("type") == "Extension"]
    parts += [
        "## Extensions\n",
        _table(["url", "on", "value", "says"], map(_extension, extensions)),
    ]
    parts += ["## Codes\n"]
    parts += [_codes(tree) for tree in found if tree["resourceType"] == "CodeSystem"]
    return "\n".join(parts).rstrip("\n") + "\n"


def _overview() -> str:
    rows = []
    for name in conformance.PROFILES:
        tree = conformance.profile(name)
        vn_core = conformance.claims(name)[1].rpartition("/")[2]
        rows.append([f"[{name}](#{name})", tree["type"], f"`{vn_core}`", tree["description"]])
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


def _codes(tree: Tree) -> str:
    head = (
        f"### {tree['title']} (`{tree['id']}`)\n\n{tree['description']} System: `{tree['url']}`\n\n"
    )
    rows = (
        [f"`{concept['code']}`", concept["display"], concept["designation"][0]["value"]]
        for concept in tree["concept"]
    )
    return head + _table(["code", "English", "Vietnamese"], rows)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    sys.stdout.write(page())
