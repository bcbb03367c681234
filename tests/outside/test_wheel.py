"""The wheel works where the repository is not: an editable install hides missing data files."""

import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

from tests.walls.tree import PACKAGES, PROJECT, ROOT, files, relative

pytestmark = [pytest.mark.outside, pytest.mark.timeout(600)]

SCENARIO = "tiny-two-hospitals"


def done(*command, cwd) -> str:
    """What the command printed; its own words are in the failure if it fails."""
    clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Built from the source distribution, so that one is whole too."""
    dist = tmp_path_factory.mktemp("dist")
    done(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", dist, cwd=ROOT)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done(*pip, *dist.glob("*.tar.gz"), "--wheel-dir", dist, cwd=dist)
    (built,) = dist.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def elsewhere(wheel, tmp_path_factory):
    """A second environment: the wheel and what it declares, in the versions of the lock."""
    folder = tmp_path_factory.mktemp("elsewhere")
    pins = re.findall(r"(?m)^[\w.-]+==[^\\\n]+", (ROOT / "requirements.lock").read_text("utf-8"))
    (folder / "versions.txt").write_text("\n".join(pins), encoding="utf-8")
    done(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    pip = [folder / "venv/bin/python", "-m", "pip", "install", "--quiet", "--no-compile"]
    pip += ["--only-binary", ":all:", "-c", folder / "versions.txt"]
    done(*pip, wheel, cwd=folder)
    return folder


def test_the_wheel_holds_every_file_of_the_packages(wheel):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == {relative(path) for path in files(under=PACKAGES)}


def test_help_from_another_folder(elsewhere):
    assert "run" in done(elsewhere / "venv/bin/lienthong", "--help", cwd=elsewhere)


def test_a_tiny_scenario_from_another_folder(elsewhere):
    command = [elsewhere / "venv/bin/lienthong", "run", SCENARIO]
    done(*command, "--replications", "2", "--draws", "2", "--out", "out", cwd=elsewhere)
    summary = json.loads((elsewhere / "out/summary.json").read_text("utf-8"))
    assert summary["scenario"] == SCENARIO
    assert summary["provenance"]["version"] == PROJECT["project"]["version"]
    assert (elsewhere / "out/report.html").stat().st_size > 1000


def test_the_second_environment_does_not_see_the_repository(elsewhere):
    question = "import vietnam, pathlib; print(pathlib.Path(vietnam.__file__).parent)"
    place = done(elsewhere / "venv/bin/python", "-c", question, cwd=elsewhere)
    assert place.startswith(str(elsewhere / "venv"))
