import datetime as dt
import re

import pytest

from perfgate.commands.calibrate import THRESHOLDS
from perfgate.config import load_config
from tests.command_line import perfgate
from tests.git_repository import GitRepository


def test_identical_code_is_told_about_and_the_advice_is_settings_that_load(
    project: GitRepository,
) -> None:
    done = perfgate(project.path, "calibrate", "--pairs", "12", "--trials", "100", "--write")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("2 benchmarks in 12 pairs of processes")
    red = re.search(r"red +([\d.]+)% \(([\d.]+)% to ([\d.]+)%\)", done.out)
    assert red is not None
    assert float(red[2]) <= float(red[1]) <= float(red[3])
    config = load_config(project.path, today=dt.date(2026, 1, 1))
    assert config.threshold in {0.8, *THRESHOLDS}
    assert config.processes == 3  # what was there stays


@pytest.mark.parametrize(
    ("suite", "status", "message"),
    [
        pytest.param("import nothing_of_that_name\n", 3, "no benchmark ran", id="broken"),
        pytest.param("def test_a(): pass\n", 3, "no benchmark ran", id="none"),
    ],
)
def test_without_a_benchmark_nothing_is_said(
    project: GitRepository, suite: str, status: int, message: str
) -> None:
    project.write("benchmarks/test_shop.py", suite)
    done = perfgate(project.path, "calibrate", "--pairs", "12")
    assert (done.status, done.out) == (status, "")
    assert message in done.err
    assert done.err.count("\n") == 1
