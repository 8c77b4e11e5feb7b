import json
from pathlib import Path

import msgspec
import pytest

from perfgate.model import Benchmark, Environment
from perfgate.readers.files import read_results
from tests.command_line import ENVIRONMENT, SHOP, Done, files_in, measured, perfgate, write_results

OTHER_CPU = msgspec.structs.replace(ENVIRONMENT, cpu_model="Xeon")
OTHER_PYTHON = msgspec.structs.replace(ENVIRONMENT, python="3.13.1", cpu_model="Xeon")


def _merge(folder: Path, *sources: str | Path, expect: int | None = None) -> Done:
    option = () if expect is None else ("--expect", str(expect))
    return perfgate(folder, "merge", *sources, "--output", "all.json", *option)


def _shard(folder: Path, number: int, name: str, environment: Environment = ENVIRONMENT) -> Path:
    return write_results(
        folder / f"{number}.json",
        measured(name),
        environment=environment,
        legs=(f"shard {number}/2",),
    )


def _report(
    folder: Path,
    name: str,
    *benchmarks: Benchmark,
    environment: Environment = ENVIRONMENT,
    commit: str = "",
) -> Path:
    old = [measured(one.id.removeprefix(SHOP)) for one in benchmarks]
    write_results(folder / "old.json", *old, environment=environment)
    write_results(folder / "new.json", *benchmarks, environment=environment, commit=commit)
    done = perfgate(folder, "compare", "new.json", "--against", "old.json", "--report", name)
    assert done.err == ""
    return folder / name


# --- results -----------------------------------------------------------------------------------


def test_shards_become_one_file_that_can_be_compared(tmp_path: Path) -> None:
    done = _merge(tmp_path, _shard(tmp_path, 2, "test_b"), _shard(tmp_path, 1, "test_a"))
    assert (done.status, done.err) == (0, "")
    merged = read_results(tmp_path / "all.json")
    assert sorted(one.id for one in merged.benchmarks) == [SHOP + "test_a", SHOP + "test_b"]
    assert merged.environment == ENVIRONMENT
    assert perfgate(tmp_path, "compare", "all.json", "--against", "all.json").status == 0


def test_a_missing_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    done = _merge(tmp_path, _shard(tmp_path, 1, "test_a"))
    assert (done.status, done.out) == (3, "")
    assert done.err.startswith("perfgate: shard 2/2: missing")
    assert not (tmp_path / "all.json").exists()


def test_shards_of_different_cpus_are_compared_with_no_numbers(tmp_path: Path) -> None:
    _merge(tmp_path, _shard(tmp_path, 1, "test_a"), _shard(tmp_path, 2, "test_b", OTHER_CPU))
    merged = read_results(tmp_path / "all.json")
    assert merged.environment.cpu_model == ""


def test_shards_of_different_environments_are_refused(tmp_path: Path) -> None:
    done = _merge(
        tmp_path, _shard(tmp_path, 1, "test_a"), _shard(tmp_path, 2, "test_b", OTHER_PYTHON)
    )
    assert (done.status, done.out) == (2, "")
    assert "cpython-3.13" in done.err
    assert not (tmp_path / "all.json").exists()


def test_a_benchmark_in_two_shards_is_refused(tmp_path: Path) -> None:
    done = _merge(tmp_path, _shard(tmp_path, 1, "test_a"), _shard(tmp_path, 2, "test_a"))
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert f"2.json: {SHOP}test_a: is in" in line
    assert not (tmp_path / "all.json").exists()


# --- reports -----------------------------------------------------------------------------------


def test_legs_in_different_environments_keep_their_benchmarks_apart(tmp_path: Path) -> None:
    first = _report(tmp_path, "a.json", measured("test_a"))
    second = _report(tmp_path, "b.json", measured("test_a", 2e-3), environment=OTHER_PYTHON)
    done = _merge(tmp_path, first, second, expect=2)
    assert (done.status, done.err) == (1, "")
    report = json.loads((tmp_path / "all.json").read_text())
    assert {each["benchmark"]: each["verdict"] for each in report["judgements"]} == {
        f"{SHOP}test_a (linux-x86_64-cpython-3.12)": "passed",
        f"{SHOP}test_a (linux-x86_64-cpython-3.13)": "regressed",
    }
    assert report["results"]["legs"] == ["linux-x86_64-cpython-3.12", "linux-x86_64-cpython-3.13"]
    shown = perfgate(tmp_path, "report", "all.json", "--markdown", "all.md")
    assert shown.status == 0
    text = (tmp_path / "all.md").read_text()
    assert f"--only {SHOP}test_a --reason" in text  # as the commands know it
    assert "on `EPYC`, `linux-x86_64-cpython-3.12`; on `Xeon`, `linux-x86_64-cpython-3.13`" in text


def test_legs_may_be_merged_one_after_the_other(tmp_path: Path) -> None:
    first = _report(tmp_path, "a.json", measured("test_a"))
    second = _report(tmp_path, "b.json", measured("test_a"), environment=OTHER_PYTHON)
    assert _merge(tmp_path, first, second).status == 0
    merged = (tmp_path / "all.json").rename(tmp_path / "two.json")
    newest = msgspec.structs.replace(ENVIRONMENT, python="3.14.0")
    third = _report(tmp_path, "c.json", measured("test_a"), environment=newest)
    assert _merge(tmp_path, merged, third).status == 0
    report = json.loads((tmp_path / "all.json").read_text())
    assert [one["benchmark"] for one in report["judgements"]] == [
        f"{SHOP}test_a (linux-x86_64-cpython-3.{minor})" for minor in (12, 13, 14)
    ]


def test_legs_that_passed_pass_together(tmp_path: Path) -> None:
    first = _report(tmp_path, "a.json", measured("test_a"))
    second = _report(tmp_path, "b.json", measured("test_b"))
    done = _merge(tmp_path, first, second)
    assert (done.status, done.err) == (0, "")
    assert "2 passed" in done.out


@pytest.mark.parametrize(("expect", "status"), [(1, 2), (2, 0), (3, 3)])
def test_the_number_of_legs_must_be_what_was_expected(
    tmp_path: Path, expect: int, status: int
) -> None:
    first = _report(tmp_path, "a.json", measured("test_a"))
    second = _report(tmp_path, "b.json", measured("test_b"))
    done = _merge(tmp_path, first, second, expect=expect)
    assert done.status == status
    assert (tmp_path / "all.json").exists() is (status == 0)


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    first = _report(tmp_path, "a.json", measured("test_a"))
    again = _report(tmp_path, "b.json", measured("test_a"))
    other = _report(tmp_path, "c.json", measured("test_b"), commit="f" * 40)
    results = write_results(tmp_path / "d.json", measured("test_b"))
    before = files_in(tmp_path)
    for source, problem in (
        (first, "a file is named twice"),
        (again, "is in"),
        (other, "c.json: is of the commit ffffffffff"),
        (results, "merge one kind"),
        (tmp_path / "e.json", "does not exist"),
    ):
        done = _merge(tmp_path, first, source)
        assert (done.status, done.out) == (2, "")
        (line,) = done.err.splitlines()
        assert problem in line
    assert files_in(tmp_path) == before
