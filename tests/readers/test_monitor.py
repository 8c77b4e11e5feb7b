import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perfgate.errors import InputFileError, UsageError
from perfgate.model import FailureKind
from perfgate.readers.files import read_results
from tests.command_line import perfgate
from tests.monitor.scene import HERE, Scene


def _saved(path: Path, *, ms: float = 10.0, failing_every: int = 0) -> Path:
    scene = Scene("p95 < 1s")
    for number in range(1000):
        scene.monitor.record_operation("contentful", "get_entry", 5.0 + number % 10)
    scene.run(60, ms=ms, failing_every=failing_every)
    scene.monitor.generate_performance_report().save(path)
    return path


def test_each_operation_is_a_benchmark_and_the_report_one_run_of_it(tmp_path: Path) -> None:
    results = read_results(_saved(tmp_path / "monitor.json", failing_every=10))
    assert results.environment == HERE
    entry, refund = results.benchmarks
    assert (entry.id, entry.suite) == ("contentful:get_entry", "contentful")
    (run,) = entry.runs
    assert (run.rounds, run.iterations, run.min_s, run.max_s) == (1000, 1, 0.005, 0.014)
    assert (run.low_s, run.median_s) == pytest.approx((0.005, 0.009), rel=0.0055)
    assert run.p99_s == pytest.approx(0.014, rel=0.0055)
    (run,) = refund.runs
    assert run.metrics["success_rate"] == 0.9
    assert run.metrics["ops_per_s"] == pytest.approx(20, rel=0.01)


def test_the_command_line_compares_two_reports_and_slower_is_worse(tmp_path: Path) -> None:
    old = _saved(tmp_path / "old.json")
    same = _saved(tmp_path / "same.json")
    slower = _saved(tmp_path / "slower.json", ms=15.0)
    assert perfgate(tmp_path, "compare", same, "--against", old).status == 0
    done = perfgate(tmp_path, "compare", slower, "--against", old)
    assert done.status == 1
    assert "stripe:refund" in done.out
    faster = perfgate(tmp_path, "compare", old, "--against", slower, "--report", "-")
    verdicts = {one["benchmark"]: one["verdict"] for one in json.loads(faster.out)["judgements"]}
    assert verdicts == {"contentful:get_entry": "passed", "stripe:refund": "improved"}


def test_a_limit_on_the_success_rate_holds_for_a_monitored_operation(tmp_path: Path) -> None:
    settings = '[[tool.perfgate.benchmarks]]\nmatch = "stripe:*"\nlimits = ["success_rate > 95%"]\n'
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    old = _saved(tmp_path / "old.json")
    failing = _saved(tmp_path / "failing.json", failing_every=10)
    assert perfgate(tmp_path, "compare", old, "--against", old).status == 0
    done = perfgate(tmp_path, "compare", failing, "--against", old)
    assert done.status == 1
    assert "success_rate > 95%" in done.out


def test_an_operation_that_always_failed_fails_the_comparison(tmp_path: Path) -> None:
    old = _saved(tmp_path / "old.json")
    broken = _saved(tmp_path / "broken.json", failing_every=1)
    (failure,) = (one.failure for one in read_results(broken).benchmarks if one.failure)
    assert failure.kind is FailureKind.RAISED
    assert failure.message == "all 1200 operations failed: boom"
    assert perfgate(tmp_path, "compare", broken, "--against", old).status == 1


def test_an_operation_that_took_no_time_is_unfit(tmp_path: Path) -> None:
    path = _saved(tmp_path / "monitor.json", ms=0.0)
    refund = read_results(path).benchmarks[1]
    assert refund.failure is not None
    assert refund.failure.kind is FailureKind.UNFIT


def _changed(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        document = json.loads(path.read_bytes())
        change(document)
        path.write_text(json.dumps(document), encoding="utf-8")

    return apply


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(
            _changed(lambda d: d.update(version=2)),
            "version: is 2, and this perfgate reads 1",
            id="version",
        ),
        pytest.param(
            _changed(lambda d: d.update(operations=[])),
            "operations: hold no operation",
            id="empty",
        ),
        pytest.param(
            _changed(lambda d: d["operations"].append(d["operations"][0])),
            "operations[2]: contentful:get_entry is there already",
            id="twice",
        ),
        pytest.param(
            _changed(lambda d: d["operations"][1].update(total_operations=5)),
            "operations[1].outcomes: do not add up to 5",
            id="total",
        ),
        pytest.param(
            _changed(lambda d: d["operations"][0]["outcomes"][0]["times"].update(scale=99)),
            "operations[0].outcomes[0].times.scale",
            id="histogram",
        ),
        pytest.param(_changed(lambda d: d.update(extra=1)), "extra", id="unknown-key"),
        pytest.param(
            lambda path: path.write_bytes(path.read_bytes()[:-200]), "cut short", id="cut"
        ),
    ],
)
def test_a_damaged_report_is_refused_by_its_place(
    tmp_path: Path, damage: Callable[[Path], None], problem: str
) -> None:
    path = _saved(tmp_path / "monitor.json")
    damage(path)
    with pytest.raises(InputFileError) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert problem in str(caught.value)
    done = perfgate(tmp_path, "compare", path)
    assert done.status == 2


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    report = Scene().monitor.generate_performance_report()
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        report.save(folder)
    assert list(tmp_path.iterdir()) == [folder]
    file = _saved(tmp_path / "file.json")
    with pytest.raises(UsageError, match=r"file\.json is not a folder"):
        report.save(file / "monitor.json")
    report.save(str(tmp_path / "new" / "monitor.json"))
    assert (tmp_path / "new" / "monitor.json").read_bytes() == report.json()
