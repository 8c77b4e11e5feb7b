from pathlib import Path

import pytest

from perfgate.baselines.store import load_baselines
from perfgate.baselines.update import ChangeKind
from perfgate.commands.update_baselines import BaselineUpdate, update_baselines
from perfgate.errors import BaselineError, UndecidedError, UsageError
from perfgate.model import Benchmark, Environment, Failure, FailureKind, ProcessRun, Results

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
