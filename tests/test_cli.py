"""The command line itself: help, errors, streams, colours; commands/ has the commands."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from perfgate.config import Config
from perfgate.model import Failure, FailureKind
from tests.command_line import (
    SHOP,
    approve,
    environ_for,
    failed,
    files_in,
    measured,
    perfgate,
    write_results,
)

COMMANDS = (
    "accept-comment",
    "calibrate",
    "check",
    "comment",
    "compare",
    "explain",
    "init",
    "merge",
    "record",
    "report",
    "run",
    "update-baselines",
)


@pytest.fixture
def slower(tmp_path: Path) -> Path:
    """Write a project whose result file new.json holds one regression."""
    approve(tmp_path, measured("test_a"), measured("test_b"))
    write_results(tmp_path / "new.json", measured("test_a", 2e-3), measured("test_b"))
    return tmp_path


# --- help --------------------------------------------------------------------------------------


def test_help_lists_every_command_and_the_exit_statuses(tmp_path: Path) -> None:
    done = perfgate(tmp_path, "--help")
    assert (done.status, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.partition("Commands:\n")[2].splitlines()] == list(
        COMMANDS
    )
    for status in ("0 passed", "1 regressed", "2 wrong", "3 could"):
        assert status in " ".join(done.out.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_says_what_each_option_does(tmp_path: Path, command: str) -> None:
    done = perfgate(tmp_path, command, "--help")
    assert (done.status, done.err) == (0, "")
    options = done.out.partition("Options:\n")[2]
    assert "-C DIR" in options
    assert "--color [auto|always|never]" in options
    starts = [line for line in options.splitlines() if line.startswith("  -")]
    assert all(len(line.split("  ")) > 2 or line.startswith("  --") for line in starts)
    assert files_in(tmp_path) == {}


def test_help_shows_the_defaults_that_the_settings_have(tmp_path: Path) -> None:
    defaults = Config(root=tmp_path)
    check = " ".join(perfgate(tmp_path, "check", "--help").out.split())
    run = " ".join(perfgate(tmp_path, "run", "--help").out.split())
    assert f"else {defaults.threshold:.0%})" in check
    assert f"else {defaults.budget_s / 60:.0f}m)" in check
    assert "[default: .perfgate/report.json]" in check
    assert "[default: auto]" in check
    assert f"else {defaults.processes})" in run
    assert "[default: -]" in run


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param((), "perfgate: missing command; see perfgate --help", id="nothing"),
        pytest.param(("frob",), "perfgate: no such command 'frob'", id="no-command"),
        pytest.param(("check", "--pared", "no"), "perfgate check: no such option", id="no-option"),
        pytest.param(("check", "--paired", "no"), "is not one of 'auto', 'always'", id="no-choice"),
        pytest.param(("check", "--threshold", "5"), '--threshold: "5" has no unit', id="no-unit"),
        pytest.param(("check", "--threshold", "0%"), "--threshold:", id="zero-threshold"),
        pytest.param(("check", "--budget", "5%"), '--budget: "5%"', id="wrong-unit"),
        pytest.param(("run", "--processes", "0"), "--processes", id="no-process"),
        pytest.param(("run", "--shard", "3/2"), "--shard 3/2", id="no-such-shard"),
        pytest.param(("run", "--shard", "x"), "--shard x: write it as", id="no-shard"),
        pytest.param(
            ("run", "--from", "x.json", "--shard", "1/2"), "--shard says how", id="from-and-shard"
        ),
        pytest.param(("run", "--from", "x.json"), "x.json: does not exist", id="run-from-nothing"),
        pytest.param(("compare",), "missing argument 'CURRENT'", id="nothing-to-compare"),
        pytest.param(("compare", "x.json"), "x.json: does not exist", id="compare-nothing"),
        pytest.param(("compare", "."), ".: is a directory", id="compare-folder"),
        pytest.param(("report", "x.json"), "x.json: does not exist", id="report-nothing"),
        pytest.param(("merge", "--output", "-"), "missing argument", id="merge-nothing"),
        pytest.param(("merge", "x.json", "--output", "-"), "does not exist", id="merge-no-file"),
        pytest.param(("merge", "x.json"), "missing option '--output'", id="merge-nowhere"),
        pytest.param(("update-baselines",), "missing option '--reason'", id="no-reason"),
        pytest.param(("update-baselines", "--reason", " "), "--reason is empty", id="blank-reason"),
        pytest.param(
            ("update-baselines", "--reason", "x", "--from", "x.json"), "does not exist", id="from"
        ),
        pytest.param(("init", "there"), "unexpected extra argument", id="init-argument"),
        pytest.param(("-C", "there", "init"), "-C there: No such file", id="no-folder"),
    ],
)
def test_wrong_usage_ends_with_2_in_one_line_and_writes_nothing(
    tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    done = perfgate(tmp_path, *arguments)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert expected in line
    assert line.startswith("perfgate")
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("command", "settings", "place"),
    [
        ("check", 'threshhold = "5%"', "tool.perfgate.threshhold: unknown"),
        ("run", "threshold = 5", "tool.perfgate.threshold: must be a text"),
        ("compare", 'drift = "maybe"', "tool.perfgate.drift: must be one of"),
        ("update-baselines", "threshold = [", "line "),
    ],
)
def test_a_wrong_setting_ends_with_2_and_names_file_and_key(
    tmp_path: Path, command: str, settings: str, place: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.perfgate]\n{settings}\n")
    before = files_in(tmp_path)
    needed = {"compare": ("x.json",), "update-baselines": ("--reason", "x")}
    done = perfgate(tmp_path, command, *needed.get(command, ()))
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"perfgate: {tmp_path / 'pyproject.toml'}: {place}")
    assert files_in(tmp_path) == before


def _damage(text: bytes) -> dict[str, bytes]:
    """Return kinds of damage; the tests of the readers know many more."""
    return {
        "cut": text[: len(text) // 2],
        "nan": text.replace(b'"min_s":0.001', b'"min_s":NaN', 1),
        "twice": text.replace(b'{"', b'{"version":1,"', 1),
    }


@pytest.mark.parametrize("kind", sorted(_damage(b"")))
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("compare", "bad.json"), id="compare"),
        pytest.param(("compare", "new.json", "--against", "bad.json"), id="against"),
        pytest.param(("run", "--from", "bad.json", "--output", "o"), id="run"),
        pytest.param(("update-baselines", "--from", "bad.json", "--reason", "x"), id="update"),
        pytest.param(("merge", "new.json", "bad.json", "--output", "o"), id="merge"),
    ],
)
def test_a_damaged_file_ends_with_2_in_one_line_and_writes_nothing(
    tmp_path: Path, command: tuple[str, ...], kind: str
) -> None:
    text = write_results(tmp_path / "new.json", measured("test_a")).read_bytes()
    (tmp_path / "bad.json").write_bytes(_damage(text)[kind])
    before = files_in(tmp_path)
    done = perfgate(tmp_path, *command)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("perfgate: bad.json: ")
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("kind", sorted(_damage(b"")))
@pytest.mark.parametrize("command", ["report", "merge"])
def test_a_damaged_report_ends_with_2_in_one_line_and_writes_nothing(
    tmp_path: Path, command: str, kind: str
) -> None:
    approve(tmp_path, measured("test_a"))
    new = write_results(tmp_path / "new.json", measured("test_a"))
    text = perfgate(tmp_path, "compare", new, "--report", "-").out.encode()
    (tmp_path / "bad.json").write_bytes(_damage(text)[kind])
    before = files_in(tmp_path)
    done = perfgate(tmp_path, command, "bad.json", *(("--output", "o") * (command == "merge")))
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("perfgate: bad.json: ")
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("compare", "new.json", "--report", "new.json/x"), id="compare"),
        pytest.param(("run", "--from", "new.json", "--output", "new.json/x"), id="run"),
        pytest.param(("merge", "new.json", "--output", "new.json/x"), id="merge"),
    ],
)
def test_a_place_that_cannot_be_written_ends_with_2_in_one_line(
    slower: Path, command: tuple[str, ...]
) -> None:
    before = files_in(slower)
    done = perfgate(slower, *command)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert "new.json/x: cannot be written: " in line
    assert files_in(slower) == before


def test_text_from_a_file_cannot_command_the_runner_or_the_terminal(tmp_path: Path) -> None:
    boom = Failure(kind=FailureKind.RAISED, message="boom\n::error::forged\x1b[2J")
    new = write_results(tmp_path / "new.json", failed("test_a\n::error::forged", boom))
    done = perfgate(tmp_path, "run", "--from", new, "--output", "o.json")
    assert done.status == 1
    assert "boom" in done.err
    assert "\x1b" not in done.err
    assert not [line for line in done.err.splitlines() if line.strip().startswith("::")]


# --- options that every command has ------------------------------------------------------------


@pytest.mark.parametrize("is_first", [True, False])
def test_another_folder_is_as_if_started_there(slower: Path, *, is_first: bool) -> None:
    command = ("compare", "new.json", "--report", "out.json")
    folder = ("-C", slower.name)
    arguments = (*folder, *command) if is_first else (*command, *folder)
    done = perfgate(slower.parent, *arguments)
    assert done.status == 1
    assert (slower / "out.json").is_file()
    assert not (slower.parent / "out.json").exists()


def test_the_project_is_found_from_a_folder_inside(slower: Path) -> None:
    (slower / "pyproject.toml").touch()
    (slower / "src").mkdir()
    assert perfgate(slower / "src", "compare", "../new.json").status == 1


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("color", "has_escapes"), [("always", True), ("never", False), ("auto", False)]
)
def test_colour_is_off_when_piped_unless_asked_for(
    slower: Path, color: str, *, has_escapes: bool, is_first: bool
) -> None:
    option = ("--color", color)
    command = ("compare", "new.json")
    done = perfgate(slower, *((*option, *command) if is_first else (*command, *option)))
    assert done.status == 1
    assert ("\x1b[" in done.out) is has_escapes


def test_an_encoding_without_arrows_does_not_end_a_verdict(slower: Path) -> None:
    done = perfgate(slower, "compare", "new.json", PYTHONIOENCODING="ascii")
    assert (done.status, done.err) == (1, "")
    assert "regressed" in done.out


# --- streams -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("compare", "new.json", "--report", "-"), id="compare"),
        pytest.param(("run", "--from", "new.json"), id="run"),
        pytest.param(("merge", "new.json", "--output", "-"), id="merge"),
    ],
)
def test_a_document_on_standard_output_stands_there_alone(
    slower: Path, command: tuple[str, ...]
) -> None:
    before = files_in(slower)
    done = perfgate(slower, *command, GITHUB_ACTIONS="true")
    assert json.loads(done.out)["version"] == 1
    assert files_in(slower) == before


def test_a_reader_that_leaves_early_is_no_verdict(slower: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "perfgate", "compare", "new.json"],
        cwd=slower,
        env=environ_for(slower),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as err:
        assert err.read() == b""
    assert process.wait() == 141


def test_colour_and_progress_are_shown_on_a_terminal(suite: Path) -> None:
    done, shown = _on_terminal(suite, "run", "--processes", "1", "--output", "r.json")
    assert done == 0
    assert "measuring" in shown
    assert "1/1" in shown
    assert len(json.loads((suite / "r.json").read_text())["benchmarks"]) == 1


def test_progress_is_not_shown_elsewhere(suite: Path) -> None:
    done = perfgate(suite, "run", "--processes", "1", "--output", "r.json")
    assert (done.status, done.out, done.err) == (0, "", "")


def test_an_interrupt_leaves_no_process_and_no_file(suite: Path) -> None:
    (suite / "benchmarks" / "test_shop.py").write_text(
        "import os, pathlib\n"
        "def test_forever(benchmark):\n"
        "    pathlib.Path('pid').write_text(str(os.getpid()))\n"
        "    os.kill(os.getppid(), 2)\n"
        "    benchmark(__import__('signal').pause)\n"
    )
    done = perfgate(suite, "run", "--processes", "1", "--output", "r.json")
    assert (done.status, done.out) == (130, "")
    assert done.err.split() == ["perfgate:", "interrupted:", "nothing", "was", "judged"]
    assert not (suite / "r.json").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((suite / "pid").read_text()), signal.SIG_DFL)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "test_shop.py").write_text(
        "def test_total(benchmark):\n"
        "    assert benchmark.pedantic(sum, args=([1, 2],), rounds=20, iterations=9) == 3\n"
    )
    return tmp_path


def _on_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run with standard error on a terminal of its own; return the status and what it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "perfgate", *arguments],
        cwd=folder,
        env=environ_for(folder, TERM="xterm"),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while data := _read(ours):
        shown += data
    os.close(ours)
    return process.wait(), shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that the other end of a terminal is closed
        return b""


# --- GitHub Actions ----------------------------------------------------------------------------


def test_a_job_gets_annotations_and_a_summary_behind_what_is_there(slower: Path) -> None:
    summary = slower / "summary.md"
    summary.write_text("# Other step\n")
    done = perfgate(
        slower, "compare", "new.json", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary)
    )
    opening, *table, closing, line = done.out.splitlines()
    token = opening.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert closing == f"::{token}::"
    assert any("test_a" in row for row in table)
    assert line.startswith("::error file=benchmarks/test_shop.py,line=3,title=regressed%3A ")
    assert SHOP.replace(":", "%3A") + "test_a" in line
    text = summary.read_text()
    assert text.startswith("# Other step\n<!-- perfgate -->")
    assert "test_a" in text


def test_threat_17_nothing_is_handed_to_later_steps(slower: Path) -> None:
    kept = {name: slower / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")}
    for file in kept.values():
        file.touch()
    files = {name: str(file) for name, file in kept.items()}
    summary = str(slower / "summary.md")
    perfgate(
        slower,
        "compare",
        "new.json",
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=summary,
        **files,
    )
    assert {name: file.read_bytes() for name, file in kept.items()} == dict.fromkeys(kept, b"")


def test_annotations_find_a_project_below_the_top_of_the_checkout(slower: Path) -> None:
    (slower / "pyproject.toml").touch()
    workspace = str(slower.parent)
    done = perfgate(
        slower, "compare", "new.json", GITHUB_ACTIONS="true", GITHUB_WORKSPACE=workspace
    )
    assert f"::error file={slower.name}/benchmarks/test_shop.py,line=3," in done.out


def test_without_a_job_there_are_neither(slower: Path) -> None:
    summary = slower / "summary.md"
    done = perfgate(slower, "compare", "new.json", GITHUB_STEP_SUMMARY=str(summary))
    assert "::error" not in done.out
    assert not summary.exists()


def test_a_summary_that_cannot_be_written_does_not_change_the_verdict(slower: Path) -> None:
    done = perfgate(
        slower, "compare", "new.json", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(slower)
    )
    assert done.status == 1
    assert done.err == f"perfgate: {slower}: the job summary cannot be written: Is a directory\n"
