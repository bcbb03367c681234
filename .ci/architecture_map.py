"""The map in ARCHITECTURE.md: every module and room of the seven packages, in its own words.

python .ci/architecture_map.py          writes it (make fix does so)
"""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- map -->\n", "<!-- end of map -->\n"


def packages() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return list(reversed(listed))


def own_words(module: Path) -> str:
    """The first sentence-line of a module's docstring, joined if it wraps."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    paragraph = docstring.partition("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").replace("|", "\\|").split())


def rows(package: Path) -> list[str]:
    """One line a module, then those of the rooms inside, in alphabetical order."""
    modules = [m for m in sorted(package.glob("*.py")) if not m.name.startswith("__")]
    found = [f"| `{m.relative_to(ROOT).as_posix()}` | {own_words(m)} |" for m in modules]
    for entry in sorted(package.glob("*/__init__.py")):
        found.append(f"| `{entry.parent.relative_to(ROOT).as_posix()}/` | {own_words(entry)} |")
        found += rows(entry.parent)
    return found


def render() -> str:
    parts = []
    for name in packages():
        parts.append(f"\n### {name}\n\n{own_words(ROOT / name / '__init__.py')}\n")
        inside = rows(ROOT / name)
        if inside:
            parts.append("\n| file | what it is |\n|---|---|\n" + "\n".join(inside) + "\n")
    return "".join(parts) + "\n"


def with_map(page: str) -> str:
    """The page with its map as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + render() + END + after


if __name__ == "__main__":
    PAGE.write_text(with_map(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
