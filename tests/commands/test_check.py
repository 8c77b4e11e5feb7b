"""The gate on real projects; margins are wide, since the machine is shared."""

import json
from pathlib import Path
from typing import Any

import pytest

from perfgate.measure.environment import describe_environment
from tests.command_line import SHOP, Done, files_in, perfgate
from tests.commands.conftest import CODE, SUITE
from tests.git_repository import GitRepository

SLOWER = CODE.replace("sum(range(1000))", "[sum(range(1000)) for _ in range(9)][0]")


def _numbers(project: GitRepository, *options: str) -> Done:
    return perfgate(project.path, "check", "--paired", "never", *options)


def _verdicts(project: GitRepository) -> dict[str, str]:
    report = json.loads((project.path / ".perfgate" / "report.json").read_text())
    return {each["benchmark"].removeprefix(SHOP): each["verdict"] for each in report["judgements"]}


# --- nothing to judge --------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("check",), ("run",), ("update-baselines", "--reason", "x")])
def test_without_suites_nothing_is_judged(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "benchmarks").mkdir()
    done = perfgate(tmp_path, *command)
    assert (done.status, done.out) == (3, "")
    (line,) = done.err.splitlines()
    assert "no suites" in line
    assert "perfgate init" in line
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize("command", [("check",), ("run",), ("update-baselines", "--reason", "x")])
def test_a_suite_without_benchmarks_measures_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "test_shop.py").write_text("def test_x():\n    pass\n")
    before = files_in(tmp_path)
    done = perfgate(tmp_path, *command)
    assert (done.status, done.out) == (3, "")
    (line,) = done.err.splitlines()
    assert "nothing was measured" in line
    assert files_in(tmp_path) == before


def test_without_baselines_everything_is_new_and_nothing_passes(project: GitRepository) -> None:
    (project.path / "baselines").mkdir()
    done = _numbers(project)
    assert (done.status, done.err) == (3, "")
    assert _verdicts(project) == {"test_total": "new", "test_names": "new"}


def test_a_suite_that_skips_everything_is_no_success(project: GitRepository) -> None:
    project.write(
        "benchmarks/test_shop.py", f"import pytest\npytestmark = pytest.mark.skip\n{SUITE}"
    )
    done = _numbers(project)
    assert (done.status, done.err) == (3, "")
    assert "no benchmark was measured" in done.out
    done = perfgate(project.path, "run", "--processes", "1", "--output", "r.json")
    assert (done.status, done.out) == (3, "")
    assert "every benchmark was skipped" in done.err


def test_pairs_need_a_repository_with_a_commit(tmp_path: Path, project: GitRepository) -> None:
    plain = tmp_path / "plain"
    (plain / "benchmarks").mkdir(parents=True)
    (plain / "benchmarks" / "test_shop.py").touch()
    done = perfgate(plain, "check", "--paired", "always")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "perfgate: --paired always needs a git repository: there is no other code here\n"
    )
    done = perfgate(project.path, "check")
    assert (done.status, done.out) == (3, "")
    assert "nothing has been committed yet" in done.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(("shp",), "no suite is called shp; did you mean shop?", id="suite"),
        pytest.param(("--base", "nowhere"), "--base nowhere: no such commit", id="base"),
    ],
)
def test_a_wrong_name_ends_with_2_in_one_line(
    project: GitRepository, arguments: tuple[str, ...], problem: str
) -> None:
    project.commit()
    done = perfgate(project.path, "check", *arguments)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert problem in line
    assert not (project.path / ".perfgate").exists()


# --- committed numbers -------------------------------------------------------------------------


def test_numbers_alone_pass_unchanged_code_and_catch_what_broke(project: GitRepository) -> None:
    approved = perfgate(project.path, "update-baselines", "--reason", "first numbers")
    assert (approved.status, approved.err) == (0, "")
    project.commit()
    again = perfgate(project.path, "update-baselines", "--reason", "again")
    assert (again.status, again.err) == (0, "")
    assert project.git("diff", "--stat") == ""

    done = _numbers(project)
    assert (done.status, done.err) == (0, "")
    assert _verdicts(project) == {"test_total": "passed", "test_names": "passed"}
    assert (project.path / ".perfgate" / "report.md").read_text().startswith("<!-- perfgate -->")
    assert project.git("status", "--porcelain") == ""

    project.write("src/shop.py", SLOWER)
    broken = "def test_broken(benchmark):\n    raise ValueError('sold out')\n"
    suite = SUITE.replace("def test_names", "def test_labels") + broken
    project.write("benchmarks/test_shop.py", suite)
    done = _numbers(project, "--report", "-")
    assert done.status == 1
    verdicts = {
        each["benchmark"].removeprefix(SHOP): each["verdict"]
        for each in json.loads(done.out)["judgements"]
    }
    assert verdicts == {
        "test_total": "regressed",
        "test_names": "missing",
        "test_labels": "new",
        "test_broken": "errored",
    }
    assert "sold out" in done.out


@pytest.mark.parametrize(
    "command", [("check", "--paired", "never"), ("update-baselines", "--reason", "x")]
)
def test_a_damaged_baseline_is_told_before_anything_runs(
    project: GitRepository, command: tuple[str, ...]
) -> None:
    key = describe_environment("").key
    file = project.write(f"baselines/{key}/shop.json", "<<<<<<< HEAD\n{\n")
    project.write("benchmarks/test_shop.py", f"open('ran', 'w').close()\n{SUITE}")
    done = perfgate(project.path, *command)
    assert (done.status, done.out) == (2, "")
    assert done.err == f"perfgate: {file}: line 1: holds an unresolved merge conflict\n"
    assert not (project.path / "ran").exists()


def test_a_limit_that_is_exceeded_fails_without_any_baseline(project: GitRepository) -> None:
    with (project.path / "pyproject.toml").open("a") as file:
        file.write(
            '[tool.perfgate.suites.shop]\npaths = ["benchmarks"]\nlimits = ["median < 1ns"]\n'
        )
    assert _numbers(project).status == 1
    assert set(_verdicts(project).values()) == {"limit-exceeded"}


def test_a_waiver_of_nothing_ends_with_2_and_names_file_and_key(project: GitRepository) -> None:
    with (project.path / "pyproject.toml").open("a") as file:
        file.write(
            f'[[tool.perfgate.waivers]]\nbenchmark = "{SHOP}test_totl"\nmax_slowdown = "9%"\n'
            'reason = "x"\nexpires = 2099-01-01\n'
        )
    done = _numbers(project)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"perfgate: {project.path / 'pyproject.toml'}: tool.perfgate.waivers[0]")
    assert "did you mean" in line


# --- pairs -------------------------------------------------------------------------------------


def test_pairs_pass_unchanged_code_and_name_the_slower_benchmark_alone(
    project: GitRepository,
) -> None:
    project.write(
        "pyproject.toml", (project.path / "pyproject.toml").read_text().replace("80", "25")
    )
    perfgate(project.path, "update-baselines", "--reason", "first numbers")
    project.commit()
    project.git("checkout", "--quiet", "-b", "change")
    project.write("README.md")
    before = project.fingerprint()
    done = perfgate(project.path, "check")
    assert (done.status, done.err) == (0, "")
    assert _verdicts(project) == {"test_total": "passed", "test_names": "passed"}
    after = project.fingerprint()
    changed = {name for name in after if before.get(name) != after[name]}
    changed.discard("index mtime")  # pytest-benchmark asks `git describe --dirty`
    assert {name for name in changed if "__pycache__" not in name} == {
        ".perfgate/report.json",
        ".perfgate/report.md",
    }

    project.write(
        "src/shop.py", CODE.replace("range(1000))\n", "range(1000)) + 0 * sum(range(500))\n", 1)
    )
    done = perfgate(project.path, "check")
    assert (done.status, done.err) == (1, "")
    assert _verdicts(project) == {"test_total": "regressed", "test_names": "passed"}
    assert done.out.count(f"update-baselines --only {SHOP}test_total") == 1
    assert project.git("worktree", "list").count("\n") == 0


ORDER_CODE = """\
def price(count):
    return sum(range(count))

def order():
    return price(3000), price(500)
"""
ORDER_SUITE = """\
from shop import order

def test_order(benchmark):
    assert benchmark(order) == (4498500, 124750)
"""


def test_a_regression_names_the_function_that_became_slower(project: GitRepository) -> None:
    project.write("benchmarks/test_shop.py", ORDER_SUITE)
    project.write("src/shop.py", ORDER_CODE)
    settings = (project.path / "pyproject.toml").read_text()
    project.write("pyproject.toml", settings.replace("80", "25"))
    project.commit()
    perfgate(project.path, "update-baselines", "--reason", "first numbers")
    project.commit()
    project.git("checkout", "--quiet", "-b", "change")
    slower = ORDER_CODE.replace("return sum", "sum(range(2 * count))\n    return sum")
    project.write("src/shop.py", slower)
    done = perfgate(project.path, "check")
    assert done.status == 1, done.err
    function = "price (src/shop.py:1)"
    assert function in done.out
    (row,) = (
        line
        for line in (project.path / ".perfgate" / "report.md").read_text().splitlines()
        if line.startswith("| ") and "test_order" in line
    )
    assert row.split("<br>")[2].startswith(f"`{function}` ")
    report = json.loads((project.path / ".perfgate" / "report.json").read_text())
    explanation = report["evidence"][0]["explanation"]
    first = explanation["functions"][0]
    assert (first["name"], first["file"], first["line"]) == ("price", "src/shop.py", 1)
    assert first["calls_before"] == first["calls_after"] == 2
    assert len(explanation["commit"]) == len("4f1d0c9be2a77d3f5e6a8b9c0d1e2f3a4b5c6d7e")


# --- memory ------------------------------------------------------------------------------------

FREE_SUITE = """\
from shop import names, total

def test_total(benchmark):
    assert benchmark(total) == 499500

def test_names(benchmark):
    assert len(benchmark(names)) == 1000
"""
LEAKS = CODE.replace("return sum", "KEPT.append([0.5 * len(KEPT)])\n    return sum") + "KEPT = []\n"


def _judgement(project: GitRepository, name: str) -> dict[str, Any]:
    report = json.loads((project.path / ".perfgate" / "report.json").read_text())
    (found,) = (one for one in report["judgements"] if one["benchmark"] == SHOP + name)
    assert isinstance(found, dict)
    return found


def test_an_operation_that_keeps_more_fails_beside_its_merge_base(project: GitRepository) -> None:
    settings = (project.path / "pyproject.toml").read_text()
    memory = settings.replace("threshold =", 'memory_threshold = "10%"\nthreshold =')
    project.write("pyproject.toml", memory.replace("80%", "500%"))
    project.write("benchmarks/test_shop.py", FREE_SUITE)
    project.write("src/shop.py", CODE)
    project.commit()
    project.git("checkout", "--quiet", "-b", "change")
    project.write("README.md")
    done = perfgate(project.path, "check", "shop")
    assert "regressed" not in _verdicts(project).values(), done.out
    (same,) = [
        one
        for one in _judgement(project, "test_names")["memory"]
        if one["metric"] == "blocks_per_op"
    ]
    assert (same["before"], same["outcome"]) == (same["after"], "within")

    project.write("src/shop.py", LEAKS)
    done = perfgate(project.path, "check")
    assert done.status == 1
    assert _verdicts(project)["test_total"] == "regressed"
    assert "Blocks kept per operation: " in " ".join(done.out.split())
    assert _judgement(project, "test_total")["reason"] == "more-memory"
    markdown = (project.path / ".perfgate" / "report.md").read_text()
    assert "Blocks kept per operation: " in markdown


def test_committed_lines_hold_memory(project: GitRepository) -> None:
    settings = (project.path / "pyproject.toml").read_text()
    memory = settings.replace("threshold =", 'memory_threshold = "10%"\nthreshold =')
    project.write("pyproject.toml", memory.replace("80%", "500%"))
    project.write("benchmarks/test_shop.py", FREE_SUITE)
    approved = perfgate(project.path, "update-baselines", "--reason", "first numbers")
    assert (approved.status, approved.err) == (0, "")
    (line,) = (
        line
        for file in (project.path / "baselines").rglob("*.json")
        for line in file.read_text().splitlines()
        if "test_names" in line
    )
    kept = json.loads("{" + line.rstrip(",") + "}")[f"{SHOP}test_names"]["metrics"]
    assert kept["blocks_per_op"] == pytest.approx(1000, rel=0.01)
    assert _numbers(project).status == 0

    project.write("src/shop.py", LEAKS)
    assert _numbers(project).status == 1
    assert _verdicts(project) == {"test_total": "regressed", "test_names": "passed"}
