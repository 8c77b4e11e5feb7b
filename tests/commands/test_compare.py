import json
import shutil
from pathlib import Path

import msgspec
import pytest

from perfgate.model import Failure, FailureKind
from tests.command_line import (
    ENVIRONMENT,
    ROOT,
    SHOP,
    Done,
    approve,
    failed,
    measured,
    perfgate,
    write_results,
)
from tests.git_repository import GitRepository

OTHER_CPU = msgspec.structs.replace(ENVIRONMENT, cpu_model="Xeon")


def _verdicts(done: Done) -> dict[str, str]:
    report = json.loads(done.out)
    assert report["exit_status"] == done.status
    return {each["benchmark"].removeprefix(SHOP): each["verdict"] for each in report["judgements"]}


def _compare(folder: Path, *arguments: str | Path) -> Done:
    return perfgate(folder, "compare", *arguments, "--report", "-")


# --- two files ---------------------------------------------------------------------------------


def test_equal_files_pass(tmp_path: Path) -> None:
    file = write_results(tmp_path / "a.json", measured("test_a"))
    done = _compare(tmp_path, file, "--against", file)
    assert done.status == 0
    assert _verdicts(done) == {"test_a": "passed"}


def test_the_slower_benchmark_fails_and_no_other(tmp_path: Path) -> None:
    old = write_results(tmp_path / "old.json", measured("test_a"), measured("test_b"))
    new = write_results(tmp_path / "new.json", measured("test_a"), measured("test_b", 1.2e-3))
    done = _compare(tmp_path, new, "--against", old)
    assert done.status == 1
    assert _verdicts(done) == {"test_a": "passed", "test_b": "regressed"}
    assert _compare(tmp_path, new, "--against", old, "--threshold", "30%").status == 0


def test_a_benchmark_that_is_gone_or_raises_fails(tmp_path: Path) -> None:
    boom = Failure(kind=FailureKind.RAISED, message="boom")
    old = write_results(tmp_path / "old.json", *map(measured, ("test_a", "test_b", "test_c")))
    new = write_results(tmp_path / "new.json", measured("test_a"), failed("test_b", boom))
    done = _compare(tmp_path, new, "--against", old)
    assert done.status == 1
    assert _verdicts(done) == {"test_a": "passed", "test_b": "errored", "test_c": "missing"}


def test_other_hardware_is_undecided(tmp_path: Path) -> None:
    old = write_results(tmp_path / "old.json", measured("test_a"), environment=OTHER_CPU)
    new = write_results(tmp_path / "new.json", measured("test_a"))
    done = _compare(tmp_path, new, "--against", old)
    assert done.status == 3
    assert _verdicts(done) == {"test_a": "undecided"}
    shown = perfgate(tmp_path, "compare", new, "--against", old).out
    assert "EPYC" in shown
    assert "Xeon" in shown


def test_nothing_in_common_is_no_success(tmp_path: Path) -> None:
    skipped = Failure(kind=FailureKind.SKIPPED, message="")
    old = write_results(tmp_path / "old.json", failed("test_a", skipped))
    new = write_results(tmp_path / "new.json", measured("test_b"))
    assert _compare(tmp_path, new, "--against", old).status == 3


@pytest.mark.parametrize(("reference", "status"), [(True, 1), (False, 3)])
def test_everything_skipped_is_no_success(tmp_path: Path, *, reference: bool, status: int) -> None:
    skipped = failed("test_a", Failure(kind=FailureKind.SKIPPED, message=""))
    old = write_results(tmp_path / "old.json", measured("test_a") if reference else skipped)
    new = write_results(tmp_path / "new.json", skipped)
    assert _compare(tmp_path, new, "--against", old).status == status


def test_single_processes_are_judged_by_the_threshold_and_footnoted(tmp_path: Path) -> None:
    old = write_results(tmp_path / "old.json", measured("test_a", processes=1))
    new = write_results(tmp_path / "new.json", measured("test_a", 2e-3, processes=1))
    done = perfgate(tmp_path, "compare", new, "--against", old)
    assert done.status == 1
    assert "single process" in " ".join(done.out.split()).lower()


def test_files_of_others_are_read(tmp_path: Path) -> None:
    folders = (folder / "shared" / "data" / "raw" for folder in ROOT.parents)
    raw = next((folder for folder in folders if folder.is_dir()), None)
    if raw is None:
        pytest.skip("the collection of real files is not here")
    for pattern in ("karlicoss*3.12*.json", "psf__pyperf*py38.json"):
        (file,) = raw.glob(pattern)
        assert _compare(tmp_path, file, "--against", file).status == 0


# --- baselines ---------------------------------------------------------------------------------


def test_without_baselines_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    new = write_results(tmp_path / "new.json", measured("test_a"))
    (tmp_path / "baselines").mkdir()
    done = _compare(tmp_path, new)
    assert (done.status, done.out) == (3, "")
    (line,) = done.err.splitlines()
    assert "no baselines" in line
    assert "perfgate update-baselines" in line


def test_own_baselines_and_a_folder_of_them(tmp_path: Path) -> None:
    approve(tmp_path, measured("test_a"))
    new = write_results(tmp_path / "new.json", measured("test_a", 2e-3))
    shutil.copytree(tmp_path / "baselines", tmp_path / "other")
    for against in ((), ("--against", "other"), ("--against", "baselines")):
        done = _compare(tmp_path, new, *against)
        assert _verdicts(done) == {"test_a": "regressed"}


def test_a_damaged_baseline_ends_with_2_and_names_file_and_line(tmp_path: Path) -> None:
    approve(tmp_path, measured("test_a"))
    (file,) = (tmp_path / "baselines").rglob("*.json")
    file.write_text(file.read_text().replace("low_s", "low"))
    new = write_results(tmp_path / "new.json", measured("test_a"))
    done = _compare(tmp_path, new)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"perfgate: {file}: line 2: ")


def test_the_baselines_of_a_revision_also_in_a_folder_of_the_repository(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "repository")
    project = repository.write("service/pyproject.toml").parent
    approve(project, measured("test_a"))
    repository.commit()
    new = write_results(project / "new.json", measured("test_a", 2e-3))
    approve(project, measured("test_a", 2e-3))
    repository.commit()
    assert _verdicts(_compare(project, new)) == {"test_a": "passed"}
    assert _verdicts(_compare(project, new, "--against", "HEAD")) == {"test_a": "passed"}
    assert _verdicts(_compare(project, new, "--against", "HEAD~1")) == {"test_a": "regressed"}
    done = _compare(project, new, "--against", "HEAD~9")
    assert (done.status, done.out) == (2, "")
    assert done.err == "perfgate: --against HEAD~9: neither a file, a folder nor a commit\n"


# --- settings ----------------------------------------------------------------------------------


def _configure(folder: Path, text: str) -> None:
    (folder / "benchmarks").mkdir(exist_ok=True)
    (folder / "benchmarks" / "test_shop.py").touch()
    (folder / "pyproject.toml").write_text(text)


def test_a_limit_that_is_exceeded_fails(tmp_path: Path) -> None:
    _configure(
        tmp_path,
        '[tool.perfgate.suites.shop]\npaths = ["benchmarks"]\nlimits = ["median < 500us"]\n',
    )
    file = write_results(tmp_path / "new.json", measured("test_a"))
    done = _compare(tmp_path, file, "--against", file)
    assert done.status == 1
    assert _verdicts(done) == {"test_a": "limit-exceeded"}


def test_benchmarks_belong_to_the_suite_that_the_settings_name(tmp_path: Path) -> None:
    _configure(
        tmp_path,
        '[tool.perfgate.suites.store]\npaths = ["benchmarks"]\nlimits = ["median < 500us"]\n',
    )
    approve(tmp_path, measured("test_a"))
    (file,) = (tmp_path / "baselines").rglob("*.json")
    assert file.name == "store.json"
    new = write_results(tmp_path / "new.json", measured("test_a"))
    assert _verdicts(_compare(tmp_path, new)) == {"test_a": "limit-exceeded"}


def test_new_benchmarks_pass_beside_known_ones_unless_forbidden(tmp_path: Path) -> None:
    approve(tmp_path, measured("test_a"))
    new = write_results(tmp_path / "new.json", measured("test_a"), measured("test_b"))
    done = _compare(tmp_path, new)
    assert done.status == 0
    assert _verdicts(done) == {"test_a": "passed", "test_b": "new"}
    _configure(tmp_path, '[tool.perfgate]\nnew = "fail"\n')
    assert _compare(tmp_path, new).status == 1


# --- shards ------------------------------------------------------------------------------------


def test_one_shard_alone_is_not_held_against_all_baselines(tmp_path: Path) -> None:
    approve(tmp_path, measured("test_a"), measured("test_b"))
    new = write_results(tmp_path / "new.json", measured("test_a"), legs=("shard 1/2",))
    done = _compare(tmp_path, new)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert "perfgate merge" in line
    assert "shard 2/2" in line


# --- files of other tools ----------------------------------------------------------------------


SAMPLES = ROOT / "tests" / "readers" / "samples"


def test_a_load_test_has_baselines_where_it_is_told_that_it_ran_here(tmp_path: Path) -> None:
    sample = SAMPLES / "k6-handle-summary.json"
    slower = tmp_path / "slower.json"
    slower.write_text(sample.read_text().replace('"med": 4.8', '"med": 5.8'))
    approved = perfgate(
        tmp_path, "update-baselines", "--from", sample, "--here", "--reason", "first"
    )
    assert approved.status == 0, approved.err

    assert _compare(tmp_path, sample, "--here").status == 0
    assert _verdicts(_compare(tmp_path, slower, "--here"))["http_req_duration"] == "regressed"


def test_numbers_of_an_unknown_machine_are_not_compared_with_baselines(tmp_path: Path) -> None:
    sample = SAMPLES / "vegeta.json"
    assert perfgate(tmp_path, "update-baselines", "--from", sample, "--reason", "first").status == 0
    done = _compare(tmp_path, sample)
    assert (done.status, _verdicts(done)) == (3, {"vegeta": "undecided"})


def test_runs_of_a_command_are_tested_against_those_of_the_other_file(tmp_path: Path) -> None:
    document = json.loads((SAMPLES / "hyperfine.json").read_bytes())
    document["results"][1]["times"] = [time * 1.5 for time in document["results"][1]["times"]]
    slower = tmp_path / "slower.json"
    slower.write_text(json.dumps(document))
    done = _compare(tmp_path, slower, "--against", SAMPLES / "hyperfine.json")
    assert _verdicts(done) == {"sleep 0.01": "passed", "sleep 0.02": "regressed"}
    tested = json.loads(done.out)["judgements"][1]["comparisons"][0]
    assert (tested["samples"], tested["p_value"] < 0.01) == (6, True)


def test_here_without_files_is_refused(tmp_path: Path) -> None:
    done = perfgate(tmp_path, "update-baselines", "--here", "--reason", "x")
    assert (done.status, done.out) == (2, "")
    assert "--here is about the files of --from" in done.err
