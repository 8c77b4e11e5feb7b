"""Counting real suites under a real valgrind; figures are exact, so no margin is wide."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

import pytest

from perfgate.measure.counters import CountPlan, count_suites
from perfgate.measure.instruments import (
    Callgrind,
    Processor,
    counting_environ,
    find_valgrind,
    why_no_callgrind,
)
from perfgate.measure.process import Progress, SuiteFiles
from perfgate.model import Counts
from tests.measure.suites import BUSY, ENVIRON, FILE, write

needs_valgrind = pytest.mark.skipif(
    bool(why_no_callgrind(os.environ)), reason=why_no_callgrind(os.environ) or "valgrind is here"
)
SUITE = f"""
import time, threading
import pytest
{BUSY}
def test_busy(benchmark):
    assert benchmark(busy, 1000) == 499500

def test_one_percent_more(benchmark):
    assert benchmark(busy, 1010) == 509545

def test_setup_is_not_counted(benchmark):
    benchmark.pedantic(
        busy, setup=lambda: ((busy(200_000) and 1000,), {{}}), rounds=6, teardown=lambda n: busy(n)
    )

def test_nothing(benchmark):
    benchmark(lambda: None)

def test_sleeps(benchmark):
    benchmark(time.sleep, 0.001)

def test_fails(benchmark):
    benchmark(busy, 10)
    assert False, "the answer is wrong"

@pytest.mark.skip(reason="not today")
def test_skipped(benchmark):
    benchmark(busy, 10)

def test_ends_its_process(benchmark):
    import os
    benchmark(os._exit, 7)

def test_after_the_end(benchmark):
    assert benchmark(busy, 1000) == 499500
"""


MANY_OBJECTS = """
def test_many_objects(benchmark):
    benchmark(lambda: [(str(number), [number], {number: b"%d" % number}) for number in range(97)])

def test_some_objects(benchmark):
    benchmark(lambda: {str(number): float(number) for number in range(31)})

def test_large_blocks(benchmark):
    benchmark(lambda: [b"%d" % number * 700 for number in range(7)])
"""

DEPENDS_ON_HASHES = """
import pytest

def work(number):
    return [number * number for _ in range(number)]

def test_as_long_as_the_hash_says(benchmark):
    benchmark(work, 100 + hash("a") % 50)

@pytest.mark.parametrize("number", [hash("a")])
def test_named_by_its_hash(benchmark, number):
    benchmark(work, 100)
"""

DRAWN = """
import random

NUMBERS = [random.random() for _ in range(200)]

def test_drawn_on_import(benchmark):
    benchmark(sorted, NUMBERS)

def test_drawn_in_the_test(benchmark):
    numbers = [random.random() for _ in range(200)]
    benchmark(sorted, numbers)
"""


def _counted(root: Path, *, seeds: tuple[int, ...] = (1,), **environ: str) -> dict[str, Counts]:
    valgrind = find_valgrind(os.environ)
    assert valgrind is not None
    counts = count_suites(
        CountPlan(
            root=root,
            source_paths=(root,),
            suites=(SuiteFiles(name="suite", files=(FILE,)),),
            python=Path(sys.executable),
            environ={**ENVIRON, **environ},
            instrument=Callgrind(valgrind),
            timeout_s=30.0,
            hash_seeds=seeds,
            jobs=2,
        ),
        Progress(),
    )
    return {name.partition("::")[2]: one for name, one in counts.items()}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("counted"), {FILE: SUITE})


@pytest.fixture(scope="module")
def counted(suite: Path) -> Mapping[str, Counts]:
    return _counted(suite)


def _instructions(counts: Mapping[str, Counts], name: str) -> float:
    instructions = counts[name].instructions
    assert instructions is not None, counts[name].why
    return instructions


@pytest.mark.counts
@needs_valgrind
class TestUnderValgrind:
    def test_another_run_counts_the_same(self, counted: Mapping[str, Counts], suite: Path) -> None:
        again = _counted(suite)
        for name in ("test_busy", "test_one_percent_more", "test_after_the_end", "test_nothing"):
            known = _instructions(counted, name)
            assert _instructions(again, name) == pytest.approx(known, rel=1e-3, abs=2)

    def test_it_does_not_matter_where_a_project_lies(self, tmp_path: Path) -> None:
        places = [tmp_path / "a", tmp_path / ("b" * 61), tmp_path / "c" / "d" / ("e" * 23)]
        found = [
            _counted(write(place, {FILE: MANY_OBJECTS}), LONGER="x" * 700 * number)
            for number, place in enumerate(places)
        ]
        for name in ("test_many_objects", "test_some_objects", "test_large_blocks"):
            counts = [_instructions(one, name) for one in found]
            assert max(counts) / min(counts) - 1 < 1e-3

    def test_one_percent_more_work_is_one_percent_more_instructions(
        self, counted: Mapping[str, Counts]
    ) -> None:
        ratio = _instructions(counted, "test_one_percent_more") / _instructions(
            counted, "test_busy"
        )
        assert ratio == pytest.approx(1.01, abs=0.002)

    def test_setup_and_teardown_are_not_counted(self, counted: Mapping[str, Counts]) -> None:
        ratio = _instructions(counted, "test_setup_is_not_counted") / _instructions(
            counted, "test_busy"
        )
        assert ratio == pytest.approx(1.0, abs=0.02)

    def test_a_call_of_nothing_costs_next_to_nothing(self, counted: Mapping[str, Counts]) -> None:
        assert 1 <= _instructions(counted, "test_nothing") < 3000

    def test_what_comes_after_a_lost_process_is_counted(
        self, counted: Mapping[str, Counts]
    ) -> None:
        known = _instructions(counted, "test_busy")
        assert _instructions(counted, "test_after_the_end") == pytest.approx(known, rel=2e-3)

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            pytest.param("test_sleeps", "it waits", id="sleeps"),
            pytest.param("test_fails", "the answer is wrong", id="fails"),
            pytest.param("test_skipped", "not today", id="is-skipped"),
            pytest.param("test_ends_its_process", "ended with status 7", id="ends-its-process"),
        ],
    )
    def test_what_cannot_be_counted_says_why(
        self, counted: Mapping[str, Counts], name: str, why: str
    ) -> None:
        assert counted[name].instructions is None
        assert why in counted[name].why

    def test_the_count_is_the_mean_over_the_hash_seeds(self, tmp_path: Path) -> None:
        root = write(tmp_path, {FILE: DEPENDS_ON_HASHES})
        name = "test_as_long_as_the_hash_says"
        seeds = (1, 2, 3)
        alone = [_instructions(_counted(root, seeds=(seed,)), name) for seed in seeds]
        together = _counted(root, seeds=seeds)
        assert _instructions(together, name) == pytest.approx(fmean(alone), rel=2e-3)
        spread = (max(alone) - min(alone)) / fmean(alone)
        assert together[name].spread == pytest.approx(spread, abs=5e-3)
        assert spread > 0.02

    def test_it_does_not_matter_what_the_cpu_can_do(
        self, counted: Mapping[str, Counts], suite: Path
    ) -> None:
        again = _counted(suite, GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-ERMS")
        for name in ("test_busy", "test_nothing"):
            known = _instructions(counted, name)
            assert _instructions(again, name) == pytest.approx(known, rel=1e-3, abs=2)

    def test_what_is_drawn_at_random_is_drawn_alike(self, tmp_path: Path) -> None:
        root = write(tmp_path, {FILE: DRAWN})
        first, second = _counted(root), _counted(root)
        for name in ("test_drawn_on_import", "test_drawn_in_the_test"):
            known = _instructions(first, name)
            assert _instructions(second, name) == pytest.approx(known, rel=1e-3, abs=2)

    def test_what_other_hash_seeds_do_not_have_is_not_counted(self, tmp_path: Path) -> None:
        counts = _counted(write(tmp_path, {FILE: DEPENDS_ON_HASHES}), seeds=(1, 2))
        named = [one for name, one in counts.items() if name.startswith("test_named_by_its_hash")]
        assert [one.instructions for one in named] == [None, None]
        assert all("not there with every hash seed" in one.why for one in named)

    def test_the_build_is_named(self, counted: Mapping[str, Counts]) -> None:
        assert {one.build for one in counted.values()} == {Callgrind(Path()).build}


# --- without valgrind --------------------------------------------------------------------------


def test_a_missing_valgrind_is_told_with_the_way_to_install_it(tmp_path: Path) -> None:
    why = why_no_callgrind({"PATH": str(tmp_path)})
    assert "apt-get install valgrind" in why or "Linux on x86_64 only" in why


def test_the_c_library_is_told_to_forget_what_this_cpu_can_do() -> None:
    assert "-AVX2" in counting_environ({})["GLIBC_TUNABLES"]


def test_what_the_user_asks_of_the_c_library_gives_way_where_counts_depend_on_it() -> None:
    theirs = "glibc.cpu.hwcaps=-SSSE3:glibc.rtld.nns=5:glibc.malloc.tcache_count=0"
    tunables = counting_environ({"GLIBC_TUNABLES": theirs})["GLIBC_TUNABLES"]
    assert tunables == f"glibc.rtld.nns=5:{counting_environ({})['GLIBC_TUNABLES']}"


def test_the_build_names_the_exact_version() -> None:
    assert Callgrind(Path()).build.startswith(sys.version.split()[0])


def test_counts_of_the_processor_are_no_counts_of_callgrind() -> None:
    assert Processor().build != Callgrind(Path()).build
