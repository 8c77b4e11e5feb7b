"""What became slower, on real projects under a real profiler."""

import json
import os
import shutil
from pathlib import Path

import pytest

from perfgate.measure.instruments import why_no_callgrind
from tests.command_line import SHOP, perfgate
from tests.git_repository import GitRepository

CODE = """\
def price(count):
    return sum(range(count))

def name(count):
    return ",".join(str(number) for number in range(count))

def order():
    return price(2000), name(300)
"""
SUITE = """\
from shop import order

def test_order(benchmark):
    assert benchmark(order)[0] == 1999000
"""
NAME = f"{SHOP}test_order"


def _changed(tmp_path: Path, old: str, new: str) -> GitRepository:
    """Return a repository whose working tree has one edit that is not committed."""
    project = GitRepository.create(tmp_path / "project")
    project.write("benchmarks/test_shop.py", SUITE)
    project.write("src/shop.py", CODE)
    project.write("pyproject.toml", '[tool.pytest.ini_options]\npythonpath = ["src"]\n')
    project.write(".gitignore", ".perfgate/\n__pycache__/\n")
    project.commit()
    assert old in CODE
    project.write("src/shop.py", CODE.replace(old, new))
    return project


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "return sum(range(count))",
            "return sum(range(2 * count)) - sum(range(count, 2 * count))",
            ("price", "builtins.sum"),
            id="in-c-that-it-calls",
        ),
        pytest.param(
            "    return price(2000)",
            "    for number in range(3000):\n        number * 2\n    return price(2000)",
            ("order", ""),
            id="in-python",
        ),
    ],
)
def test_it_names_the_function_that_was_slowed(
    tmp_path: Path, old: str, new: str, expected: tuple[str, str]
) -> None:
    project = _changed(tmp_path, old, new)
    done = perfgate(
        project.path,
        "explain",
        NAME,
        "--base",
        "HEAD",
        "--json",
        "-",
        PATH=_only_git(tmp_path / "bin"),
    )
    assert done.status == 0, done.err
    explanation = json.loads(done.out)
    first = explanation["python"][0]
    name, within = expected
    assert (first["name"], first["file"]) == (name, "src/shop.py")
    assert within in first["within"]
    line = CODE.splitlines().index(f"def {name}({'count' if name == 'price' else ''}):") + 1
    assert first["line"] == line
    speedscope = json.loads(
        (project.path / ".perfgate/explain/profile.speedscope.json").read_text()
    )
    assert [one["name"] for one in speedscope["profiles"]] == ["merge base", "candidate"]
    for profile in speedscope["profiles"]:
        assert sum(profile["weights"]) == pytest.approx(profile["endValue"])


def _only_git(folder: Path) -> str:
    """Return a PATH that has no valgrind on it."""
    git = shutil.which("git")
    assert git is not None
    folder.mkdir()
    (folder / "git").symlink_to(git)
    return str(folder)


@pytest.mark.counts
@pytest.mark.skipif(bool(why_no_callgrind(os.environ)), reason=why_no_callgrind(os.environ) or "-")
def test_functions_in_c_are_counted_and_callgrind_s_files_are_kept(tmp_path: Path) -> None:
    project = _changed(tmp_path, "str(number)", "str(number * 1000000007)")
    done = perfgate(project.path, "explain", NAME, "--base", "HEAD")
    assert done.status == 0, done.err
    assert "long_to_decimal_string" in done.out
    for side in ("base", "candidate"):
        file = project.path / ".perfgate" / "explain" / f"{side}.callgrind.out"
        assert file.read_text().startswith("# callgrind format")


@pytest.mark.parametrize(
    ("name", "status", "problem"),
    [
        pytest.param("benchmarks/test_other.py::test_x", 2, "no suite has a file", id="no-suite"),
        pytest.param(f"{SHOP}test_x", 2, "it is not there", id="no-benchmark"),
    ],
)
def test_what_is_not_there_cannot_be_explained(
    tmp_path: Path, name: str, status: int, problem: str
) -> None:
    project = _changed(tmp_path, "2000", "2001")
    done = perfgate(project.path, "explain", name, "--base", "HEAD")
    assert (done.status, done.out) == (status, "")
    assert problem in done.err


def test_without_a_repository_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "test_shop.py").write_text(SUITE)
    done = perfgate(tmp_path, "explain", NAME)
    assert (done.status, done.out) == (2, "")
    assert "needs a git repository" in done.err
