"""Asking for counts where they cannot be had, and holding results with counts to baselines."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from perfgate.commands.counting import counted_again
from perfgate.config import Config
from perfgate.gate import INSTRUCTIONS
from perfgate.measure.instruments import (
    Callgrind,
    why_no_callgrind,
    why_no_processor_counter,
)
from perfgate.model import Baseline, Benchmark, Counts
from tests.command_line import SHOP, approve, measured, perfgate, write_results
from tests.commands.conftest import CODE
from tests.git_repository import GitRepository

SETTING = '[tool.perfgate]\ncounters = "{}"\nprocesses = 1\n'
GROWS_WITH_EACH_PROCESS = """
from pathlib import Path

SEEN = Path(__file__).with_name("processes")

def test_grows(benchmark):
    with SEEN.open("a") as stream:
        stream.write("x")
    numbers = range(1000 + 5 * SEEN.stat().st_size)
    benchmark.pedantic(sum, (numbers,), rounds=30, iterations=5)
"""


needs_callgrind = pytest.mark.skipif(
    bool(why_no_callgrind(os.environ)), reason=why_no_callgrind(os.environ) or "-"
)


def _counts(instructions: float) -> Counts:
    return Counts(instructions=instructions, build=Callgrind(Path()).build)


def _counted(name: str, instructions: float) -> Benchmark:
    return msgspec.structs.replace(measured(name), counts=_counts(instructions))


@pytest.mark.skipif(not why_no_processor_counter(), reason="this processor can count")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("check", "--paired", "never"), id="check"),
        pytest.param(("run", "--counters"), id="run-keeps-to-the-setting"),
    ],
)
def test_a_processor_that_cannot_count_is_told_before_anything_runs(
    project: GitRepository, command: tuple[str, ...]
) -> None:
    project.write("pyproject.toml", SETTING.format("perf"))
    done = perfgate(project.path, *command)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert "the processor's counter of instructions is not to be had here: " in line


def test_a_missing_valgrind_is_told_with_the_way_to_install_it(
    project: GitRepository, tmp_path: Path
) -> None:
    done = perfgate(project.path, "run", "--counters", PATH=str(tmp_path))
    assert (done.status, done.out) == (2, "")
    assert "install valgrind" in done.err or "on Linux on x86_64 only" in done.err


def test_results_with_more_instructions_than_approved_are_red_whatever_their_time(
    tmp_path: Path,
) -> None:
    approve(tmp_path, _counted("test_total", 1e6), _counted("test_names", 1e6))
    current = write_results(
        tmp_path / "r.json", _counted("test_total", 1.05e6), _counted("test_names", 1.001e6)
    )
    done = perfgate(tmp_path, "compare", current, "--report", "report.json")
    assert done.status == 1, done.err
    report = json.loads((tmp_path / "report.json").read_text())
    verdicts = {one["benchmark"].removeprefix(SHOP): one for one in report["judgements"]}
    assert verdicts["test_names"]["verdict"] == "passed"
    assert verdicts["test_total"]["reason"] == "more-instructions"
    assert "1,000,000 → 1,050,000 (+5.0 %) against its baseline" in " ".join(done.out.split())


def test_what_counts_differently_a_second_time_is_left_to_time() -> None:
    approved = {
        name: Baseline(
            low_s=1.0,
            median_s=1.0,
            spread=0.0,
            processes=1,
            cpu="",
            reason="",
            metrics={INSTRUCTIONS: 1e6},
            counted_with=Callgrind(Path()).build,
        )
        for name in ("test_slower", "test_random", "test_same")
    }
    asked: list[frozenset[str]] = []

    def count(names: frozenset[str]) -> dict[str, Counts]:
        asked.append(names)
        again = {"test_slower": 1.021e6, "test_random": 0.99e6}
        return {name: _counts(again[name]) for name in names}

    benchmarks = [
        msgspec.structs.replace(measured(name), id=name, counts=_counts(instructions))
        for name, instructions in (
            ("test_slower", 1.022e6),
            ("test_random", 1.02e6),
            ("test_same", 1.001e6),
        )
    ]
    slower, chance, same = counted_again(benchmarks, approved, Config(root=Path()), count)
    assert asked == [{"test_slower", "test_random"}]
    assert slower.counts == _counts(1.021e6)
    assert same.counts == _counts(1.001e6)
    assert chance.counts is not None
    assert chance.counts.instructions is None
    assert "1,020,000 instructions, then 990,000" in chance.counts.why


@pytest.mark.counts
@needs_callgrind
@pytest.mark.parametrize(
    "options", [pytest.param(("--paired", "never"), id="numbers"), pytest.param((), id="pairs")]
)
def test_work_that_differs_from_process_to_process_is_no_regression(
    project: GitRepository, options: tuple[str, ...]
) -> None:
    settings = project.path / "pyproject.toml"
    settings.write_text(settings.read_text().replace("processes = 3", 'counters = "callgrind"'))
    project.write("benchmarks/test_shop.py", GROWS_WITH_EACH_PROCESS)
    project.write(".gitignore", ".perfgate/\n__pycache__/\nprocesses\n")
    done = perfgate(project.path, "update-baselines", "--reason", "first")
    assert done.status == 0, done.err
    project.commit()
    project.write("src/shop.py", "# another day\n" + CODE)
    done = perfgate(project.path, "check", *options)
    assert done.status == 0, done.out + done.err
    assert "its work seems to be drawn at random" in " ".join((done.out + done.err).split())


@pytest.mark.counts
@needs_callgrind
def test_counts_find_what_committed_times_cannot(project: GitRepository) -> None:
    """The times are made those of another CPU; half a percent would stay unseen, three do not."""
    settings = project.path / "pyproject.toml"
    counting = settings.read_text().replace(
        "processes = 3", 'processes = 1\ncounters = "callgrind"'
    )
    settings.write_text(counting)
    done = perfgate(project.path, "update-baselines", "--reason", "first")
    assert done.status == 0, done.err
    (line,) = (project.path / "baselines").rglob("*.json")
    text = line.read_text()
    assert '"instructions"' in text
    line.write_text(text.replace('"cpu": "', '"cpu": "another '))
    done = perfgate(project.path, "check", "--paired", "never")
    assert done.status == 0, done.out + done.err
    code = project.path / "src" / "shop.py"
    code.write_text(
        code.read_text().replace("sum(range(1000))", "sum(range(1030)) - sum(range(1000, 1030))")
    )
    done = perfgate(project.path, "check", "--paired", "never")
    assert done.status == 1, done.out + done.err
    assert "It takes more instructions" in done.out
