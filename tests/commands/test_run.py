import json
from pathlib import Path

import pytest

from perfgate.commands.selection import shard_of
from perfgate.model import Failure, FailureKind
from perfgate.readers.files import read_results
from tests.command_line import SHOP, failed, files_in, measured, perfgate, write_results
from tests.commands.conftest import SUITE
from tests.git_repository import GitRepository


def test_results_can_be_compared_and_approved(project: GitRepository) -> None:
    commit = project.commit()
    done = perfgate(project.path, "run", "shop", "--processes", "1", "--output", "out/r.json")
    assert (done.status, done.out, done.err) == (0, "", "")
    results = read_results(project.path / "out" / "r.json")
    assert [one.id for one in results.benchmarks] == [SHOP + "test_total", SHOP + "test_names"]
    assert [len(one.runs) for one in results.benchmarks] == [1, 1]
    assert results.revision.commit == commit
    assert results.revision.is_dirty is False
    assert perfgate(project.path, "compare", "out/r.json", "--against", "out/r.json").status == 0


def test_a_benchmark_that_raises_ends_with_1_and_keeps_the_others(project: GitRepository) -> None:
    project.write("benchmarks/test_shop.py", SUITE.replace("== 1000", "== 1"))
    done = perfgate(project.path, "run", "--processes", "1")
    assert done.status == 1
    assert done.err.startswith(f"raised: {SHOP}test_names: ")
    total, names = json.loads(done.out)["benchmarks"]
    assert total["runs"]
    assert names["failure"]["kind"] == "raised"


def test_a_suite_that_cannot_be_imported_ends_with_1_and_names_it(project: GitRepository) -> None:
    project.write("benchmarks/test_shop.py", "import nowhere\n" + SUITE)
    done = perfgate(project.path, "run", "--processes", "1", "--output", "r.json")
    assert done.status == 1
    assert "benchmarks/test_shop.py" in done.err
    assert "nowhere" in done.err


# --- from files --------------------------------------------------------------------------------


def test_files_of_several_processes_become_one_run(tmp_path: Path) -> None:
    sources = [
        write_results(tmp_path / f"{number}.json", measured("test_a", 1e-3 * number, processes=1))
        for number in (1, 2, 3)
    ]
    options = [option for source in sources for option in ("--from", source)]
    done = perfgate(tmp_path, "run", *options)
    assert (done.status, done.err) == (0, "")
    (benchmark,) = json.loads(done.out)["benchmarks"]
    assert [run["median_s"] for run in benchmark["runs"]] == [1e-3, 2e-3, 3e-3]


def test_a_benchmark_that_failed_in_one_file_has_failed(tmp_path: Path) -> None:
    boom = Failure(kind=FailureKind.RAISED, message="boom")
    first = write_results(tmp_path / "1.json", measured("test_a"))
    second = write_results(tmp_path / "2.json", failed("test_a", boom))
    done = perfgate(tmp_path, "run", "--from", first, "--from", second, "--output", "r.json")
    assert (done.status, done.err) == (1, f"raised: {SHOP}test_a: boom\n")


def test_files_of_other_code_or_named_twice_are_refused(tmp_path: Path) -> None:
    first = write_results(tmp_path / "1.json", measured("test_a"), commit="a" * 40)
    other = write_results(tmp_path / "2.json", measured("test_a"), commit="b" * 40)
    before = files_in(tmp_path)
    for source, problem in ((other, "2.json: is of the commit bbb"), (first, "named twice")):
        done = perfgate(tmp_path, "run", "--from", first, "--from", source, "--output", "r.json")
        assert (done.status, done.out) == (2, "")
        (line,) = done.err.splitlines()
        assert problem in line
    assert files_in(tmp_path) == before


# --- shards ------------------------------------------------------------------------------------


def test_every_benchmark_is_in_exactly_one_shard(project: GitRepository) -> None:
    for number in (1, 2):
        done = perfgate(
            project.path, "run", "--processes", "1", "--shard", f"{number}/2",
            "--output", f"{number}.json",
        )  # fmt: skip
        assert (done.status, done.err) == (0, "")
    done = perfgate(project.path, "merge", "1.json", "2.json", "--output", "all.json")
    assert (done.status, done.err) == (0, "")
    merged = read_results(project.path / "all.json")
    assert sorted(one.id for one in merged.benchmarks) == [SHOP + "test_names", SHOP + "test_total"]
    assert merged.legs == ("shard 1/2", "shard 2/2")


def test_a_shard_that_gets_nothing_says_so(project: GitRepository) -> None:
    done = perfgate(project.path, "run", "--shard", "3/3", "--output", "r.json")
    assert (done.status, done.out) == (3, "")
    assert done.err == (
        "perfgate: nothing was measured: there are too few benchmarks for shard 3/3\n"
    )


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_a_stable_partition_that_balances_recorded_durations(count: int) -> None:
    names = [f"b{number}" for number in range(20)]
    durations_s = {name: 0.1 * (1 + number % 5) for number, name in enumerate(names)}
    shards = [shard_of(names, (number, count), durations_s) for number in range(1, count + 1)]
    assert sorted(name for shard in shards for name in shard) == sorted(names)
    again = [shard_of(names[::-1], (number, count), durations_s) for number in range(1, count + 1)]
    assert shards == again
    loads_s = [sum(durations_s[name] for name in shard) for shard in shards]
    assert max(loads_s) - min(loads_s) <= max(durations_s.values())


def test_a_benchmark_that_nobody_recorded_counts_as_a_usual_one() -> None:
    durations_s = {"long": 9.0, "usual": 1.0, "short": 0.5}
    shards = [
        shard_of(("long", "usual", "short", "unknown"), (number, 2), durations_s)
        for number in (1, 2)
    ]
    assert shards == [{"long"}, {"usual", "short", "unknown"}]
