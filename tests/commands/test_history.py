import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from perfgate.baselines.store import BaselineFile, encode_baselines
from perfgate.commands.history import Past, Source, read_history
from perfgate.commands.history_text import render_check, render_history
from perfgate.config import Config
from perfgate.errors import UndecidedError
from perfgate.history.past import History
from perfgate.history.runs import PairedEffect, RunRecord
from perfgate.measure.process import Progress
from perfgate.model import Baseline, Verdict
from perfgate.stats.changepoint import ChangeKind
from tests.command_line import perfgate
from tests.git_repository import ENVIRON, GitRepository
from tests.past_repository import (
    ENVIRONMENT,
    NAME,
    Commit,
    noisy,
    run_of,
    write_commits,
    write_runs,
)

KEY = ENVIRONMENT.key
A = NAME.format("a")
SLOWER = [1.0] * 20 + [1.2] * 20


def read(repository: GitRepository, cache: Path | None = None) -> Past:
    source = Source(
        folder=repository.path,
        environ=ENVIRON,
        branch="perfgate-data",
        cache_folder=cache,
        progress=Progress(),
    )
    return read_history(source, Config(root=repository.path))


def baselines(*, name: str = A, low_s: float = 1e-3, reason: str = "first") -> str:
    baseline = Baseline(
        low_s=low_s, median_s=low_s, spread=0.01, processes=5, cpu="EPYC", reason=reason
    )
    file = BaselineFile(environment=KEY, suite="shop", baselines={name: baseline})
    return encode_baselines(file).decode()


def file(suite: str = "shop") -> str:
    return f"baselines/{KEY}/{suite}.json"


Build = Callable[[str, int, float], RunRecord]


def plain(commit: str, number: int, time_s: float) -> RunRecord:
    return run_of(commit, number, {A: time_s})


def with_runs(
    path: Path,
    levels: Sequence[float],
    build: Build = plain,
    commits: Sequence[Commit] | None = None,
) -> tuple[GitRepository, list[str]]:
    """Make a repository with one commit and one run per level."""
    repository, ids = write_commits(path, commits or [Commit() for _ in levels])
    times = zip(ids, noisy(levels), strict=True)
    write_runs(repository, [build(one, at, time_s) for at, (one, time_s) in enumerate(times)])
    return repository, ids


# --- slowdowns that nobody has seen ------------------------------------------------------------


def test_a_slowdown_that_no_gate_has_shown_fails_the_check_and_is_named(tmp_path: Path) -> None:
    repository, ids = with_runs(tmp_path / "shop", SLOWER)
    done = perfgate(repository.path, "history", "--check")
    assert done.status == 1
    assert f"{ids[19][:10]}..{ids[20][:10]} (1 commit)" in done.out
    assert A in done.out
    assert "+20" in done.out or "+19" in done.out


def test_an_unchanged_past_passes(tmp_path: Path) -> None:
    repository, _ = with_runs(tmp_path / "shop", [1.0] * 40)
    done = perfgate(repository.path, "history", "--check")
    assert (done.status, done.err) == (0, "")


def test_too_few_runs_cannot_tell(tmp_path: Path) -> None:
    repository, _ = with_runs(tmp_path / "shop", [1.0] * 7)
    done = perfgate(repository.path, "history", "--check")
    assert done.status == 3
    assert "too few runs" in done.err


def test_no_repository_at_all_cannot_tell(tmp_path: Path) -> None:
    done = perfgate(tmp_path, "history", "--check")
    assert done.status == 3
    assert "no git repository" in done.err


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param([1.2] * 20 + [1.0] * 20, id="faster"),
        pytest.param([1.0] * 15 + [1.2] * 10 + [1.0] * 15, id="repaired"),
        pytest.param([1.0] * 20 + [1.03] * 20, id="less-than-the-threshold"),
        pytest.param(([1.0] * 12 + [1.2] * 12) * 3, id="machines-that-take-turns"),
        pytest.param([1.0] * 20 + [1.5] * 3 + [1.0] * 17, id="three-slow-runs"),
    ],
)
def test_what_is_no_standing_slowdown_passes(tmp_path: Path, levels: list[float]) -> None:
    repository, _ = with_runs(tmp_path / "shop", levels)
    past = read(repository)
    assert past.is_long_enough
    assert past.findings == ()


def test_what_was_reverted_and_came_back_is_found_where_it_came_back(tmp_path: Path) -> None:
    levels = [1.0] * 15 + [1.2] * 15 + [1.0] * 15 + [1.2] * 15
    repository, ids = with_runs(tmp_path / "shop", levels)
    (finding,) = read(repository).findings
    assert finding.shift.first_changed == ids[45]


def test_a_slowdown_whose_number_was_approved_since_is_seen(tmp_path: Path) -> None:
    commits = [Commit() for _ in SLOWER]
    commits[0] = Commit(files={file(): baselines()})
    commits[25] = Commit(files={file(): baselines(low_s=1.2e-3, reason="safer")})
    repository, ids = with_runs(tmp_path / "shop", SLOWER, commits=commits)
    past = read(repository)
    assert past.findings == ()
    assert [(one.commit, one.new_s) for one in past.history.approvals] == [
        (ids[0], 1e-3),
        (ids[25], 1.2e-3),
    ]


def test_an_approval_from_before_does_not_excuse_it(tmp_path: Path) -> None:
    commits = [Commit() for _ in SLOWER]
    commits[10] = Commit(files={file(): baselines()})
    repository, _ = with_runs(tmp_path / "shop", SLOWER, commits=commits)
    assert len(read(repository).findings) == 1


def test_what_the_gate_itself_called_regressed_is_seen(tmp_path: Path) -> None:
    def build(commit: str, number: int, time_s: float) -> RunRecord:
        verdict = Verdict.REGRESSED if number == 20 else Verdict.PASSED
        return run_of(commit, number, {A: time_s}, verdict=verdict)

    repository, _ = with_runs(tmp_path / "shop", SLOWER, build)
    past = read(repository)
    assert len(past.history.series[0].shifts) == 1
    assert past.findings == ()


@pytest.mark.parametrize(
    ("reference_at", "high", "count"),
    [
        pytest.param(5, 0.01, 0, id="code-from-before-is-as-slow"),
        pytest.param(5, 0.2, 1, id="code-from-before-is-faster"),
        pytest.param(5, None, 1, id="pairs-cannot-tell"),
        pytest.param(30, 0.01, 1, id="code-from-since-says-nothing"),
    ],
)
def test_lockstep_with_older_code_clears_the_code(
    tmp_path: Path, reference_at: int, high: float | None, count: int
) -> None:
    repository, ids = write_commits(tmp_path / "shop", [Commit() for _ in SLOWER])
    pair = PairedEffect(commit=ids[reference_at][:12], log_ratio=0.0, low=-0.01, high=high)
    times = zip(ids, noisy(SLOWER), strict=True)
    write_runs(
        repository,
        [
            run_of(one, at, {A: time_s}, pair=pair if at == 39 else None)
            for at, (one, time_s) in enumerate(times)
        ],
    )
    assert len(read(repository).findings) == count


@pytest.mark.parametrize(
    ("kernel", "count"),
    [pytest.param("6.8", 10, id="the-same-machine"), pytest.param("6.9", 0, id="a-new-kernel")],
)
def test_a_slowdown_of_the_whole_suite_is_the_codes_unless_the_machine_changed(
    tmp_path: Path, kernel: str, count: int
) -> None:
    series = {NAME.format(n): noisy(SLOWER, seed=n) for n in range(10)}

    def build(commit: str, number: int, time_s: float) -> RunRecord:
        del time_s
        after = msgspec.structs.replace(ENVIRONMENT, kernel=kernel if number >= 20 else "6.8")
        times = {name: values[number] for name, values in series.items()}
        return run_of(commit, number, times, environment=after)

    repository, ids = with_runs(tmp_path / "shop", SLOWER, build)
    past = read(repository)
    assert len(past.findings) == count
    shifts = [one.shifts[0] for one in past.history.series]
    assert {shift.moved_together for shift in shifts} == {10}
    assert {(shift.last_good, shift.first_changed) for shift in shifts} == {(ids[19], ids[20])}


def test_other_hardware_is_another_series(tmp_path: Path) -> None:
    def build(commit: str, number: int, time_s: float) -> RunRecord:
        cpu = "EPYC" if number < 20 else "Xeon"
        environment = msgspec.structs.replace(ENVIRONMENT, cpu_model=cpu)
        return run_of(commit, number, {A: time_s}, environment=environment)

    repository, _ = with_runs(tmp_path / "shop", SLOWER, build)
    past = read(repository)
    assert [(one.cpu, len(one.runs)) for one in past.history.series] == [("EPYC", 20), ("Xeon", 20)]
    assert past.findings == ()


# --- a past that is not as it should be --------------------------------------------------------


def test_runs_of_commits_that_were_rewritten_are_left_out_and_counted(tmp_path: Path) -> None:
    repository, ids = write_commits(tmp_path / "shop", [Commit() for _ in range(20)])
    runs = [run_of(one, at, {A: 1e-3}) for at, one in enumerate([*ids, "0" * 40, "1" * 40])]
    write_runs(repository, runs)
    history = read(repository).history
    assert len(history.series[0].runs) == 20
    (warning,) = history.warnings
    assert warning.startswith("2 runs left out, of commits that are not on the branch")


def test_half_a_line_at_the_end_is_left_out_and_counted(tmp_path: Path) -> None:
    repository, ids = write_commits(tmp_path / "shop", [Commit() for _ in range(20)])
    runs = [run_of(one, at, {A: 1e-3}) for at, one in enumerate(ids)]
    write_runs(repository, runs, ending=b'{"version":1,"recorded":"2026-')
    history = read(repository).history
    assert len(history.series[0].runs) == 20
    (warning,) = history.warnings
    assert warning.startswith(f"1 damaged line left out: runs/{KEY}/2026-01.jsonl: line 21: ")


def test_without_the_data_branch_approvals_are_shown_with_a_warning(tmp_path: Path) -> None:
    repository, _ = write_commits(tmp_path / "shop", [Commit(files={file(): baselines()})])
    history = read(repository).history
    assert len(history.approvals) == 1
    assert history.warnings == ("there is no branch perfgate-data: no run is recorded",)


def test_without_anything_recorded_or_approved_nothing_is_told(tmp_path: Path) -> None:
    repository, _ = write_commits(tmp_path / "shop", [Commit()])
    with pytest.raises(UndecidedError, match="no baseline was ever approved"):
        read(repository)


def test_damaged_baselines_are_left_out_and_counted(tmp_path: Path) -> None:
    commits = [
        Commit(files={file(): baselines()}),
        Commit(files={file(): baselines()[:60]}),
        Commit(files={file(): baselines(low_s=2e-3)}),
    ]
    repository, ids = write_commits(tmp_path / "shop", commits)
    history = read(repository).history
    assert (ids[2], 2e-3) in [(one.commit, one.new_s) for one in history.approvals]
    assert "1 damaged baseline left out" in history.warnings


def test_what_a_merge_brought_was_approved_by_the_merge(tmp_path: Path) -> None:
    repository, _ = write_commits(tmp_path / "shop", [Commit(files={file(): baselines()})])
    repository.git("switch", "--quiet", "--create", "feature")
    repository.write(file(), baselines(low_s=2e-3))
    side = repository.commit()
    repository.git("switch", "--quiet", "main")
    repository.commit(other="text")
    repository.git("merge", "--quiet", "--no-ff", "--message=Merge it", "feature")
    merge = repository.git("rev-parse", "HEAD")
    history = read(repository).history
    assert side not in {one.commit for one in history.approvals}
    assert [(one.commit, one.new_s) for one in history.approvals][1:] == [(merge, 2e-3)]
    assert history.commits[merge].subject == "Merge it"


def test_a_renamed_baselines_file_is_no_approval(tmp_path: Path) -> None:
    repository, _ = write_commits(tmp_path / "shop", [Commit(files={file(): baselines()})])
    repository.git("mv", file(), file("store"))
    text = (repository.path / file("store")).read_text(encoding="utf-8")
    repository.write(file("store"), text.replace('"suite": "shop"', '"suite": "store"'))
    repository.commit()
    assert len(read(repository).history.approvals) == 1


def test_the_series_of_a_renamed_benchmark_goes_on(tmp_path: Path) -> None:
    new = NAME.format("renamed")
    commits = [Commit() for _ in SLOWER]
    commits[0] = Commit(files={file(): baselines()})
    commits[20] = Commit(files={file(): baselines(name=new)})

    def build(commit: str, number: int, time_s: float) -> RunRecord:
        return run_of(commit, number, {A if number < 20 else new: time_s})

    repository, _ = with_runs(tmp_path / "shop", SLOWER, build, commits)
    history = read(repository).history
    assert history.renames == {A: new}
    (series,) = history.series
    assert (series.benchmark, len(series.runs), len(series.shifts)) == (new, 40, 1)


def test_a_shallow_clone_keeps_its_runs_in_the_order_of_recording(tmp_path: Path) -> None:
    repository, _ = with_runs(tmp_path / "shop", SLOWER)
    clone = repository.clone(tmp_path / "clone", "--depth=1")
    past = read(clone)
    assert len(past.history.series[0].runs) == 40
    assert any("shallow" in warning for warning in past.history.warnings)
    assert [one.shift.commits for one in past.findings] == [0]


def test_a_clone_fetches_the_runs_without_a_new_name(tmp_path: Path) -> None:
    repository, _ = with_runs(tmp_path / "shop", SLOWER)
    clone = repository.clone(tmp_path / "clone", "--single-branch")
    before = clone.git("for-each-ref")
    assert len(read(clone).findings) == 1
    assert clone.git("for-each-ref") == before


def test_without_its_remote_a_clone_uses_what_it_has(tmp_path: Path) -> None:
    repository, _ = with_runs(tmp_path / "shop", SLOWER)
    clone = repository.clone(tmp_path / "clone")
    shutil.rmtree(repository.path)
    past = read(clone)
    assert len(past.findings) == 1
    (warning,) = past.history.warnings
    assert warning.startswith("perfgate-data cannot be fetched from origin: ")


# --- how it is read and shown ------------------------------------------------------------------


def test_the_log_is_one_call_and_contents_come_from_one_process(tmp_path: Path) -> None:
    commits = [Commit(files={file(): baselines(low_s=1e-3 + n / 1e4)}) for n in range(20)]
    repository, _ = with_runs(tmp_path / "shop", [1.0] * 20, commits=commits)
    trace = tmp_path / "trace"
    done = perfgate(repository.path, "history", GIT_TRACE=str(trace))
    assert done.status == 0
    calls = trace.read_text(encoding="utf-8")
    assert calls.count(" log ") == 1
    assert calls.count(" cat-file --batch") == 2  # baselines, and runs


def test_the_cache_changes_nothing_but_time_and_may_be_damaged_or_deleted(tmp_path: Path) -> None:
    repository, _ = with_runs(tmp_path / "shop", SLOWER)
    cache = tmp_path / "cache"
    first = read(repository, cache)
    kept = [path for path in cache.rglob("*") if path.is_file()]
    assert len(kept) == 2  # runs, and approvals
    assert read(repository, cache) == first
    for path in kept:
        path.write_bytes(path.read_bytes()[:20])
    assert read(repository, cache) == first
    shutil.rmtree(cache)
    assert read(repository, cache) == first == read(repository)


def test_what_was_approved_since_joins_what_is_cached(tmp_path: Path) -> None:
    repository, _ = write_commits(tmp_path / "shop", [Commit(files={file(): baselines()})])
    cache = tmp_path / "cache"
    read(repository, cache)
    repository.write(file(), baselines(low_s=2e-3))
    repository.commit()
    repository.write(file(), baselines(name=NAME.format("renamed"), low_s=2e-3))
    repository.commit()
    history = read(repository, cache).history
    assert [one.new_s for one in history.approvals] == [1e-3, 2e-3]
    assert history.renames == {A: NAME.format("renamed")}
    assert history == read(repository).history


def test_the_json_is_the_whole_history(tmp_path: Path) -> None:
    repository, _ = with_runs(tmp_path / "shop", SLOWER)
    done = perfgate(repository.path, "history", "--json", "-")
    assert done.status == 0
    assert msgspec.json.decode(done.out.encode(), type=History) == read(repository).history
    assert json.loads(done.out)["series"][0]["shifts"][0]["kind"] == ChangeKind.STEP.value


def test_the_terminal_shows_lines_changes_and_approvals(tmp_path: Path) -> None:
    commits = [Commit(files={file(): baselines()}), *(Commit() for _ in SLOWER[1:])]
    repository, ids = with_runs(tmp_path / "shop", SLOWER, commits=commits)
    text = render_history(read(repository), width=160, color=False, verbose=False)
    assert "40 runs of 40 commits, 2026-01-01 to 2026-01-03: 1 benchmark on 1 kind" in text
    assert f"{ids[19][:10]}..{ids[20][:10]} (1 commit)" in text
    assert "▁" in text
    assert "█" in text
    assert "none → 1.00 ms" in text


def test_in_a_workflow_no_name_is_a_command(tmp_path: Path) -> None:
    def build(commit: str, number: int, time_s: float) -> RunRecord:
        return run_of(commit, number, {"::error::x": time_s})

    repository, _ = with_runs(tmp_path / "shop", SLOWER, build)
    lines = perfgate(repository.path, "history", "--check", GITHUB_ACTIONS="true").out.splitlines()
    assert lines[0].startswith("::stop-commands::")
    assert lines[-1] == f"::{lines[0].removeprefix('::stop-commands::')}::"


def test_hostile_names_and_subjects_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    name = "x.py::test_\x1b[31m\u202e" + "y" * 10_000
    commits = [Commit(subject="\x1b[2J</script>\u202e \x01\x02") for _ in SLOWER]

    def build(commit: str, number: int, time_s: float) -> RunRecord:
        return run_of(commit, number, {name: time_s})

    repository, _ = with_runs(tmp_path / "shop", SLOWER, build, commits)
    past = read(repository)
    assert len(past.history.commits) == 40
    for text in (render_history(past, width=100, color=False, verbose=True), render_check(past)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert len(text) < 10_000
