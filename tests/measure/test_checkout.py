"""Measuring leaves the folder that it measures as it was."""

import os
from pathlib import Path

import pytest

from tests.git_repository import GitRepository
from tests.measure.suites import (
    FILE,
    INI,
    candidate_run,
    lockstep,
    measure,
    pair_plan,
    plan_of,
    run_of,
    side_of,
    write,
)

SUITE = "def test_one(benchmark): benchmark(int)\n"


def entries(root: Path) -> list[str]:
    """Return all files and folders but what Python compiles and git keeps."""
    found = (path.relative_to(root) for path in sorted(root.rglob("*")))
    return [str(path) for path in found if {".git", "__pycache__"}.isdisjoint(path.parts)]


@pytest.mark.parametrize(
    "addopts",
    [
        pytest.param("", id="default"),
        pytest.param("--benchmark-save=x --benchmark-save-data", id="saving"),
        pytest.param("--benchmark-autosave", id="saving-always"),
        pytest.param("--benchmark-storage=file://store", id="storage-of-its-own"),
        pytest.param("--benchmark-json=out.json", id="json"),
        pytest.param("--benchmark-compare --benchmark-compare-fail=mean:1%", id="comparing"),
        pytest.param("--benchmark-histogram=picture", id="histogram"),
    ],
)
def test_options_that_save_results_save_none(tmp_path: Path, addopts: str) -> None:
    ini = f"{INI.strip()} {addopts}\n"
    root = write(tmp_path, {FILE: SUITE, "pytest.ini": ini, "out.json": "kept"})
    before = entries(root)
    assert run_of(measure(plan_of(root))["test_one"]).rounds >= 1
    assert entries(root) == before
    assert (root / "out.json").read_text() == "kept"


def test_a_pair_adds_nothing_to_either_tree(tmp_path: Path) -> None:
    sides = [side_of(name, write(tmp_path / name, {FILE: SUITE})) for name in ("new", "old")]
    before = entries(tmp_path)
    (outcomes,) = lockstep(pair_plan(*sides, benchmarks=("test_one",)))
    assert candidate_run(outcomes["test_one"]).rounds >= 1
    assert entries(tmp_path) == before


def test_the_index_of_the_checkout_is_not_rewritten(tmp_path: Path) -> None:
    """pytest-benchmark asks git whether the checkout is dirty, which refreshes a stale index."""
    repository = GitRepository.create(tmp_path / "project")
    root = write(repository.path, {FILE: SUITE, ".gitignore": "__pycache__/\n"})
    repository.commit()
    os.utime(root / FILE, (1, 1))  # git has to look into the file again
    before = repository.fingerprint()
    assert run_of(measure(plan_of(root))["test_one"]).rounds >= 1
    after = repository.fingerprint()
    assert {name: after[name] for name in before} == before
