"""How commands end when the machine, the user or we fail (lienthong/cli/exits.py)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lienthong.cli.exits import ExitCode, ending_of
from tests.cli.conftest import Engine, Invoke
from vietnam.datafiles import InputError


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("a.yaml", 3, "key", "is odd", "Mend it"), 2, "a.yaml:3: key: is odd. Mend it."),
        (KeyboardInterrupt(), 130, "what is finished is kept"),
        (
            OSError(errno.ENOSPC, "No space left on device", "x/y"),
            1,
            "x/y: no space left on device",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 1, "Choose another folder"),
        (MemoryError(), 1, "--scale"),
        (ZeroDivisionError("division by zero"), 1, "internal error"),
    ],
    ids=["input", "Ctrl-C", "disk full", "no permission", "no memory", "fault of ours"],
)
def test_error_to_exit_code(error: BaseException, code: int, words: str) -> None:
    ending = ending_of(error)
    assert ending.code == ExitCode(code)
    assert words in ending.message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/pilots/orders.parquet"), 1),
        (MemoryError(), 1),
        (RuntimeError("a fault"), 1),
    ],
)
def test_an_engine_that_fails_ends_in_one_message(
    invoke: Invoke, engine: Engine, error: BaseException, code: int
) -> None:
    engine.error = error
    result = invoke("run", "pilots", "--quiet")
    assert result.exit_code == code
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


def test_debug_shows_the_traceback_and_the_same_code(invoke: Invoke, engine: Engine) -> None:
    engine.error = RuntimeError("a fault")
    result = invoke("run", "pilots", "--debug", "--quiet")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "RuntimeError: a fault" in result.stderr


def test_a_full_disk_leaves_no_half_report(
    invoke: Invoke, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def half(path: Path, text: str, **_: object) -> None:
        path.write_bytes(text.encode()[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_text", half)
    result = invoke("run", "pilots", "--quiet")
    assert result.exit_code == 1
    assert "no space left on device" in result.stderr
    assert [path.name for path in (tmp_path / "runs/pilots").iterdir()] == ["summary.json"]


@pytest.mark.parametrize("word", ["sweep", "sensitivity", "check"])
def test_commands_of_later_releases_do_not_exist_and_say_so(invoke: Invoke, word: str) -> None:
    result = invoke(word)
    assert result.exit_code == 2
    assert f"'{word}' is planned for a later release" in result.stderr
    assert f"\n  {word} " not in invoke("--help").stdout


def test_a_mistyped_command_is_guessed(invoke: Invoke) -> None:
    result = invoke("runn")
    assert result.exit_code == 2
    assert "Did you mean 'run'?" in result.stderr


def test_no_command_prints_the_help(invoke: Invoke) -> None:
    result = invoke()
    assert result.exit_code == 0
    assert "Commands:" in result.stdout
