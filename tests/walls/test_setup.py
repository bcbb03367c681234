"""The set-up behind every make word: when it acts, and what it says when it cannot."""

import importlib.util
import subprocess
import sys

import pytest

from tests.walls.tree import ROOT


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """.ci/bootstrap.py pointed at a folder with a lock and project metadata, installing nothing."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / ".ci/bootstrap.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (tmp_path / "requirements.lock").write_text("a==1\n", "utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", "utf-8")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(script, "VENV_PYTHON", tmp_path / ".venv/bin/python")
    monkeypatch.setattr(script, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(script, "INSTALLING", tmp_path / ".venv/.installing")
    script.steps = []

    def run(command, trouble):
        step = "new environment" if "venv" in command else "install"
        if step == "new environment":
            (tmp_path / ".venv/bin").mkdir()
            (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
        script.steps.append(step)

    monkeypatch.setattr(script, "run", run)
    return script


NEW = ["new environment", "install", "install"]


def test_the_first_run_makes_the_environment_and_the_second_does_nothing(bootstrap):
    bootstrap.main()
    assert bootstrap.steps == NEW
    bootstrap.main()
    assert bootstrap.steps == NEW


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_installs_again_and_leaves_one_stamp(bootstrap, tmp_path, changed):
    bootstrap.main()
    (tmp_path / changed).write_text("changed\n", "utf-8")
    bootstrap.main()
    assert bootstrap.steps == [*NEW, "install", "install"]
    assert len(list((tmp_path / ".venv").glob(".ready-*"))) == 1


def test_an_interrupted_installation_starts_from_nothing(bootstrap, tmp_path, monkeypatch):
    installing = bootstrap.install
    monkeypatch.setattr(bootstrap, "install", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        bootstrap.main()
    (tmp_path / ".venv/half-a-library").touch()
    monkeypatch.setattr(bootstrap, "install", installing)
    bootstrap.main()
    assert bootstrap.steps == ["new environment", *NEW]
    assert not (tmp_path / ".venv/half-a-library").exists()


def test_another_python_starts_from_nothing(bootstrap, tmp_path):
    bootstrap.main()
    other = tmp_path / ".venv/bin/python"
    other.unlink()
    other.write_text("#!/bin/sh\necho 3 9 0\n", "utf-8")
    other.chmod(0o755)
    (tmp_path / "pyproject.toml").write_text("changed\n", "utf-8")
    bootstrap.main()
    assert bootstrap.steps == [*NEW, *NEW]


def test_a_python_without_venv_is_told_in_one_line_what_to_install(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        bootstrap.main()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"apt-get install python{version}-venv" in stop.value.code
    assert "\n" not in stop.value.code


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PATH": "", "PYTHON": "/bin/false"}, "PYTHON=/bin/false is not a Python 3.11 or newer"),
        ({"PATH": ""}, "no Python 3.11 or newer on this machine; install one"),
    ],
    ids=["named", "found"],
)
def test_no_new_enough_python_is_one_line_with_a_remedy(environment, said):
    script = f". {ROOT}/.ci/setup"
    shell = ["/bin/sh", "-c", f"dirname() {{ echo {ROOT}/.ci; }}; {script}", "setup"]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
