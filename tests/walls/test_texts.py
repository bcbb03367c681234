"""What no file of the repository says: where it was made, or where packages were fetched."""

import re

from tests.walls.tree import PROJECT, ROOT, files, relative

# Written so that this file does not contain what it looks for.
NEVER = {
    "a folder of somebody's machine": r"(?<![\w.])/(?:work|tmp|root|home/\w+|Users/\w+)/[\w.-]",
    "the address of a package index": (
        r"(?i)(?:pypi\.org|python[h]osted|registry\.npm[j]s|--(?:extra-)?index-url[= ]\w+:)"
    ),
    "an unfinished merge": r"(?m)^(?:<{7}|>{7}) ",
}
BINARY = (".png", ".parquet", ".npz", ".gz", ".xz", ".woff2", ".ico")


def finds(text: str) -> list[str]:
    return [what for what, pattern in NEVER.items() if re.search(pattern, text)]


def test_no_file_names_a_machine_or_a_package_index():
    found = []
    for path in files():
        if not path.name.endswith(BINARY):
            found += [f"{relative(path)}: {what}" for what in finds(path.read_text("utf-8"))]
    assert found == []


def test_the_search_is_able_to_find():
    slash = "/"
    assert finds(f"open('{slash}tmp/x')") == ["a folder of somebody's machine"]
    assert finds(f"{slash}home/an/lienthong") == ["a folder of somebody's machine"]
    assert finds("https://files.python" + "hosted.org/x") == ["the address of a package index"]
    assert finds("<" * 7 + " ours") == ["an unfinished merge"]
    assert finds("https://hl7.org/fhir/R4/http.html and runs/pilots/report.html") == []


def test_the_changelog_speaks_of_this_version():
    version = PROJECT["project"]["version"]
    headings = re.findall(r"(?m)^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    assert headings[0] == "Unreleased" or headings[0] == version
    assert version in headings[:2]
