"""Every supported version of pytest-benchmark, each installed into an environment of its own."""

import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from perfgate.measure.lockstep import GroupOutcome
from perfgate.measure.process import Progress, measure_suites
from perfgate.model import Benchmark, FailureKind
from tests.measure.behaviours import ASYNC, FEATURES, NAMES
from tests.measure.suites import ENVIRON, FILE, lockstep, pair_plan, plan_of, side_of, write

pytestmark = pytest.mark.versions

VERSIONS = (
    ("4.0.0", "8.1.*"),
    ("5.0.1", "8.1.*"),
    ("5.1.*", "8.4.*"),
    ("5.2.*", "8.4.*"),
    ("5.3.*", "9.*"),
)
WITHOUT_TEARDOWN = frozenset({"4.0.0", "5.0.1", "5.1.*"})
TEARDOWN = "test_pedantic_teardown"
UNFIT = ("test_function", "test_lambda", "test_pedantic", "test_tracer", "test_profiler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    requested: str
    version: str
    benchmarks: Mapping[str, Benchmark]
    outcomes: Mapping[str, GroupOutcome]


def install(folder: Path, *requirements: str) -> Path:
    """Make an environment; return its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run(
        [sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet", *requirements],
        check=True,
        env=ENVIRON,
    )
    return python


@pytest.fixture(scope="module", params=VERSIONS, ids=[version for version, _ in VERSIONS])
def measured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    version, pytest_version = request.param
    root = tmp_path_factory.mktemp("version")
    python = install(
        root / "venv",
        f"pytest-benchmark=={version}",
        f"pytest=={pytest_version}",
        "aspectlib",
        "pytest-xdist",
        "pytest-cov",
    )
    options = "[pytest]\naddopts = -n2 --cov=.\n"
    write(root / "suite", {FILE: FEATURES, "test_unfit.py": ASYNC, "pytest.ini": options})
    plan = replace(plan_of(root / "suite", FILE, "test_unfit.py"), python=python)
    results = measure_suites(plan, Progress())
    sides = [
        replace(side_of(name, root / "suite"), python=python) for name in ("candidate", "base")
    ]
    (outcomes,) = lockstep(pair_plan(*sides, benchmarks=NAMES))
    return Measured(
        requested=version,
        version=results.pytest_benchmark,
        benchmarks={one.id: one for one in results.benchmarks},
        outcomes=outcomes,
    )


def test_the_version_that_was_asked_for_measures(measured: Measured) -> None:
    assert measured.version.startswith(measured.requested.rstrip("*"))


def skip_what_did_not_exist(measured: Measured, name: str) -> None:
    if name == TEARDOWN and measured.requested in WITHOUT_TEARDOWN:
        pytest.skip("pedantic had no teardown then")


@pytest.mark.parametrize("name", NAMES)
def test_every_feature_works_in_process_runs(measured: Measured, name: str) -> None:
    skip_what_did_not_exist(measured, name)
    assert measured.benchmarks[f"{FILE}::{name}"].failure is None


@pytest.mark.parametrize("name", NAMES)
def test_every_feature_works_in_lockstep(measured: Measured, name: str) -> None:
    skip_what_did_not_exist(measured, name)
    outcome = measured.outcomes[name]
    assert (set(outcome.log_ratios), dict(outcome.failures)) == ({"base"}, {})


@pytest.mark.parametrize("name", UNFIT)
def test_what_must_not_be_measured_is_unfit(measured: Measured, name: str) -> None:
    failure = measured.benchmarks[f"test_unfit.py::{name}"].failure
    assert failure is not None
    assert failure.kind is FailureKind.UNFIT
