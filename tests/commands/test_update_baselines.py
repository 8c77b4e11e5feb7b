import json
from pathlib import Path

import pytest

from perfgate.baselines.store import load_baselines
from perfgate.baselines.update import ChangeKind
from perfgate.commands.update_baselines import BaselineUpdate, update_baselines
from perfgate.errors import BaselineError, UndecidedError, UsageError
from perfgate.model import Benchmark, Environment, Failure, FailureKind, ProcessRun, Results
from tests.command_line import (
    SHOP,
    Done,
    approve,
    failed,
    files_in,
    measured,
    perfgate,
    write_results,
)
from tests.git_repository import GitRepository

ENVIRONMENT = Environment(
    system="linux", machine="x86_64", implementation="cpython", python="3.12.4", cpu_model="EPYC"
)


def _benchmark(name: str, low_s: float = 1e-3, suite: str = "api") -> Benchmark:
    run = ProcessRun(rounds=9, iterations=1, min_s=low_s, median_s=low_s, low_s=low_s)
    return Benchmark(id=name, suite=suite, runs=(run,) * 5)


def _update(
    folder: Path,
    *benchmarks: Benchmark,
    suites: tuple[str, ...] | None = None,
    only: tuple[str, ...] = (),
    prune: bool = False,
    reason: str = "because",
) -> BaselineUpdate:
    results = Results(environment=ENVIRONMENT, benchmarks=benchmarks)
    return update_baselines(
        results, folder=folder, suites=suites, only=frozenset(only), prune=prune, reason=reason
    )


def _ids(folder: Path) -> dict[str, list[str]]:
    return {file.suite: list(file.baselines) for file in load_baselines(folder, ENVIRONMENT.key)}


def test_each_suite_gets_its_file(tmp_path: Path) -> None:
    update = _update(tmp_path, _benchmark("a"), _benchmark("b", suite="db"), reason=" so\n it is ")
    assert [file.name for file in update.files] == ["api.json", "db.json"]
    assert _ids(tmp_path) == {"api": ["a"], "db": ["b"]}
    (api, _) = load_baselines(tmp_path, ENVIRONMENT.key)
    assert api.baselines["a"].reason == "so it is"


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    (file,) = _update(tmp_path, _benchmark("a")).files
    before = (file.read_bytes(), file.stat().st_ino)
    update = _update(tmp_path, _benchmark("a", 1.05e-3), reason="another reason")
    assert update.files == ()
    assert (file.read_bytes(), file.stat().st_ino) == before


def test_a_suite_that_is_gone_goes_when_all_suites_are_pruned(tmp_path: Path) -> None:
    _update(tmp_path, _benchmark("a"), _benchmark("b", suite="db"))
    _update(tmp_path, _benchmark("a"), suites=("api",), prune=True)
    assert _ids(tmp_path) == {"api": ["a"], "db": ["b"]}
    update = _update(tmp_path, _benchmark("a"))
    assert [plan.prunable for plan in update.plans] == [(), ("b",)]
    _update(tmp_path, _benchmark("a"), prune=True)
    assert _ids(tmp_path) == {"api": ["a"]}


def test_a_benchmark_that_moved_leaves_its_old_file_even_if_that_suite_was_not_run(
    tmp_path: Path,
) -> None:
    _update(tmp_path, _benchmark("a"), _benchmark("b"))
    update = _update(tmp_path, _benchmark("a", suite="db"), suites=("db",))
    assert _ids(tmp_path) == {"api": ["b"], "db": ["a"]}
    api, db = update.plans
    assert [(each.benchmark, each.kind) for each in api.changes] == [("a", ChangeKind.MOVED)]
    assert api.prunable == ()
    assert [each.kind for each in db.changes] == [ChangeKind.ADDED]


@pytest.mark.parametrize("reason", ["", " \n"])
def test_no_approval_without_a_reason(tmp_path: Path, reason: str) -> None:
    with pytest.raises(UsageError, match="--reason is empty"):
        _update(tmp_path, _benchmark("a"), reason=reason)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_id_stops_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--only x"):
        _update(tmp_path, _benchmark("a"), only=("a", "x"))
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_approve_is_no_success(tmp_path: Path) -> None:
    failure = Failure(kind=FailureKind.SKIPPED, message="")
    with pytest.raises(UndecidedError):
        _update(tmp_path, Benchmark(id="a", suite="api", failure=failure))
    with pytest.raises(UndecidedError):
        _update(tmp_path)


@pytest.mark.parametrize(
    ("name", "suite"),
    [
        pytest.param("b", "z/../../api", id="path"),
        pytest.param("perfgate", "z", id="name-of-the-header"),
    ],
)
def test_a_foreign_name_that_cannot_be_kept_stops_before_anything_is_written(
    tmp_path: Path, name: str, suite: str
) -> None:
    with pytest.raises(BaselineError):
        _update(tmp_path, _benchmark("a"), _benchmark(name, suite=suite))
    assert list(tmp_path.iterdir()) == []


# --- the command -------------------------------------------------------------------------------


def _approve(folder: Path, source: Path, *options: str) -> Done:
    return perfgate(folder, "update-baselines", "--from", source, "--reason", "faster", *options)


def _lines(folder: Path) -> dict[str, float]:
    """Return the approved medians of the suite shop."""
    (file,) = (folder / "baselines").rglob("shop.json")
    entries = json.loads(file.read_text())
    return {
        name.removeprefix(SHOP): line["median_s"]
        for name, line in entries.items()
        if name != "perfgate"
    }


def test_old_and_new_are_printed_and_only_changed_lines_are_rewritten(tmp_path: Path) -> None:
    approve(tmp_path, measured("test_a"), measured("test_b"))
    before = {line for text in files_in(tmp_path).values() for line in text.splitlines()}
    new = write_results(
        tmp_path / "new.json", measured("test_a", 2e-3), measured("test_b", 1.01e-3)
    )
    done = _approve(tmp_path, new)
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        f"beyond-noise: {SHOP}test_a: 1.00 ms -> 2.00 ms\n"
        "1 changed, 1 within the noise: baselines/linux-x86_64-cpython-3.12/shop.json\n"
    )
    (file,) = (tmp_path / "baselines").rglob("*.json")
    (changed,) = [line for line in file.read_bytes().splitlines() if line not in before]
    assert b"test_a" in changed
    assert b'"reason": "faster"' in changed


def test_approving_the_same_twice_leaves_git_diff_empty_even_when_dirty_and_detached(
    tmp_path: Path,
) -> None:
    repository = GitRepository.create(tmp_path / "project")
    approve(repository.path, measured("test_a"))
    repository.commit()
    repository.git("checkout", "--quiet", "--detach")
    repository.write("dirty.txt")
    new = write_results(tmp_path / "new.json", measured("test_a", 1.02e-3))
    done = _approve(repository.path, new)
    assert (done.status, done.err) == (0, "")
    assert repository.git("diff", "--stat") == ""
    assert done.out == "0 changed, 1 within the noise\n"


def test_only_approves_what_is_named_whatever_the_noise(tmp_path: Path) -> None:
    approve(tmp_path, measured("test_a"), measured("test_b"))
    new = write_results(
        tmp_path / "new.json", measured("test_a", 1.01e-3), measured("test_b", 9e-3)
    )
    done = _approve(tmp_path, new, "--only", SHOP + "test_a")
    assert done.status == 0
    assert f"named: {SHOP}test_a: 1.00 ms -> 1.01 ms" in done.out
    assert _lines(tmp_path) == {
        "test_a": pytest.approx(1.012e-3),
        "test_b": pytest.approx(1.002e-3),
    }
    wrong = _approve(tmp_path, new, "--only", "test_a")
    assert (wrong.status, wrong.out) == (2, "")
    (line,) = wrong.err.splitlines()
    assert line.startswith("perfgate: --only test_a: ")


def test_lines_of_what_is_gone_stay_until_pruned(tmp_path: Path) -> None:
    approve(tmp_path, measured("test_a"), measured("test_b"))
    new = write_results(tmp_path / "new.json", measured("test_a"))
    done = _approve(tmp_path, new)
    assert f"gone: {SHOP}test_b: remove its line with --prune" in done.out
    assert set(_lines(tmp_path)) == {"test_a", "test_b"}
    done = _approve(tmp_path, new, "--prune")
    assert f"pruned: {SHOP}test_b: 1.00 ms -> nothing" in done.out
    assert set(_lines(tmp_path)) == {"test_a"}


def test_a_line_that_is_gone_can_be_pruned_alone_as_reports_advise(tmp_path: Path) -> None:
    approve(tmp_path, *map(measured, ("test_a", "test_b", "test_c")))
    new = write_results(tmp_path / "new.json", measured("test_a", 2e-3))
    done = _approve(tmp_path, new, "--prune", "--only", f"{SHOP}test_b")
    assert (done.status, done.err) == (0, "")
    assert _lines(tmp_path) == {
        "test_a": pytest.approx(1.002e-3),
        "test_c": pytest.approx(1.002e-3),
    }
    wrong = _approve(tmp_path, new, "--prune", "--only", f"{SHOP}test_d")
    assert (wrong.status, wrong.out) == (2, "")


def test_a_single_shard_prunes_nothing(tmp_path: Path) -> None:
    approve(tmp_path, measured("test_a"), measured("test_b"))
    new = write_results(tmp_path / "new.json", measured("test_a"), legs=("shard 1/2",))
    before = files_in(tmp_path)
    done = _approve(tmp_path, new, "--prune")
    assert (done.status, done.out) == (2, "")
    assert "shard 2/2 is missing" in done.err
    assert files_in(tmp_path) == before


def test_only_the_named_suites_are_approved_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    for name in ("shop", "other"):
        (tmp_path / "benchmarks" / f"test_{name}.py").touch()
    other = _benchmark("benchmarks/test_other.py::test_x", suite="other")
    new = write_results(tmp_path / "new.json", measured("test_a"), other)
    assert _approve(tmp_path, new, "other").status == 0
    assert [file.name for file in (tmp_path / "baselines").rglob("*.json")] == ["other.json"]
    assert _approve(tmp_path, new, "othr").err == (
        "perfgate: no suite is called othr; did you mean other?\n"
    )


def test_several_files_are_processes_of_one_run(tmp_path: Path) -> None:
    first = write_results(tmp_path / "1.json", measured("test_a", 1e-3, processes=1))
    second = write_results(tmp_path / "2.json", measured("test_a", 3e-3, processes=1))
    assert _approve(tmp_path, first, "--from", str(second)).status == 0
    assert _lines(tmp_path) == {"test_a": 2e-3}
    (file,) = (tmp_path / "baselines").rglob("*.json")
    assert '"processes": 2' in file.read_text()


def test_nothing_to_approve_ends_with_3_and_writes_nothing(tmp_path: Path) -> None:
    skipped = failed("test_a", Failure(kind=FailureKind.SKIPPED, message=""))
    new = write_results(tmp_path / "new.json", skipped)
    before = files_in(tmp_path)
    done = _approve(tmp_path, new)
    assert (done.status, done.out) == (3, "")
    assert done.err == f"perfgate: no benchmark has a number to approve: {SHOP}test_a: skipped\n"
    assert files_in(tmp_path) == before


def test_a_benchmark_that_raised_ends_with_1_beside_others_that_are_approved(
    tmp_path: Path,
) -> None:
    boom = failed("test_b", Failure(kind=FailureKind.RAISED, message="ValueError: sold out"))
    new = write_results(tmp_path / "new.json", measured("test_a"), boom)
    done = _approve(tmp_path, new)
    assert (done.status, done.err) == (1, f"raised: {SHOP}test_b: ValueError: sold out\n")
    assert set(_lines(tmp_path)) == {"test_a"}
    named = _approve(tmp_path, new, "--only", SHOP + "test_a")
    assert (named.status, named.err) == (0, "")


def test_what_cannot_be_written_leaves_the_old_lines(tmp_path: Path) -> None:
    approve(tmp_path, measured("test_a"))
    (file,) = (tmp_path / "baselines").rglob("*.json")
    before = file.read_bytes()
    file.unlink()
    file.mkdir()  # nobody may replace it, not even root
    (file / "kept").write_bytes(before)
    new = write_results(tmp_path / "new.json", measured("test_a", 2e-3))
    done = _approve(tmp_path, new)
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert files_in(file) == {"kept": before}
    assert not list(file.parent.glob(".*"))
