"""perfgate's own hot paths: reading, judging and rendering what a large project measures."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.synthetic import write_pytest_benchmark_file
from perfgate.baselines.store import BaselineFile, encode_baselines, parse_baselines
from perfgate.commands.compare import compare
from perfgate.config import Config
from perfgate.gate import judge
from perfgate.model import Baseline, Report
from perfgate.readers.files import read_results
from perfgate.report.markdown import render_markdown
from perfgate.stats.paired import sign_flip_p

SIZES = (1_000, 10_000)
Files = Callable[[int], tuple[Path, Path]]
"""Old and new results of so many benchmarks."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")

    @functools.cache  # written when first asked for: ten seconds for the larger ones when counting
    def written(size: int) -> tuple[Path, Path]:
        pair = (folder / f"old-{size}.json", folder / f"new-{size}.json")
        for seed, path in enumerate(pair):
            write_pytest_benchmark_file(path, size, seed=seed)
        return pair

    return written


@pytest.fixture(scope="module")
def report(files: Files) -> Report:
    old, new = files(1_000)
    return compare(new, str(old), Config(root=old.parent), {})


@pytest.mark.parametrize("size", SIZES)
def test_read(benchmark: BenchmarkFixture, files: Files, size: int) -> None:
    results = benchmark(read_results, files(size)[0])
    assert len(results.benchmarks) == size


def test_judge(benchmark: BenchmarkFixture, report: Report) -> None:
    config = Config(root=Path())
    judgements = benchmark(judge, report.evidence, report.results, config)
    assert judgements == report.judgements


def test_render_markdown(benchmark: BenchmarkFixture, report: Report) -> None:
    text = benchmark(render_markdown, report)
    assert text.startswith("<!-- perfgate -->")


def test_load_baselines(benchmark: BenchmarkFixture) -> None:
    line = Baseline(
        low_s=1e-6, median_s=1.1e-6, spread=0.01, processes=5, cpu="CPU", reason="first numbers"
    )
    lines = {f"benchmarks/test_many.py::test_{number}": line for number in range(1_000)}
    file = BaselineFile(environment="linux-x86_64-cpython-3.12", suite="many", baselines=lines)
    data = encode_baselines(file)
    assert benchmark(parse_baselines, data, "many.json") == file


def test_sign_flips(benchmark: BenchmarkFixture) -> None:
    estimates = [0.05] * 20
    assert benchmark(sign_flip_p, estimates, 0.05) == 2**-20
