"""The kernel's counters, real ones; page faults stand for instructions where a machine has none."""

import contextlib
import mmap
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perfgate.measure.agent.counting import CountingStopwatch
from perfgate.measure.agent.processor import ProcessorCounter
from perfgate.measure.counters import CountPlan, count_suites
from perfgate.measure.instruments import Processor, why_no_processor_counter
from perfgate.measure.process import Progress, SuiteFiles
from tests.measure.suites import BUSY, ENVIRON, FILE, write

PAGE_FAULTS = (1, 2)
"""``PERF_TYPE_SOFTWARE`` and ``PERF_COUNT_SW_PAGE_FAULTS``: every kernel with perf counts them."""
PAGES = 400
BY_THE_WAY = 60
"""Pages that the interpreter may touch for itself meanwhile."""


def _why_no_perf() -> str:
    try:
        ProcessorCounter(PAGE_FAULTS).close()
    except OSError as error:
        return f"this kernel lets nobody count: {error}"
    return ""


needs_perf = pytest.mark.skipif(bool(_why_no_perf()), reason=_why_no_perf() or "-")


@pytest.fixture
def counter() -> Iterator[ProcessorCounter]:
    with contextlib.closing(ProcessorCounter(PAGE_FAULTS)) as counter:
        yield counter


def touch(pages: int) -> None:
    with mmap.mmap(-1, pages * mmap.PAGESIZE) as memory:
        for place in range(0, len(memory), mmap.PAGESIZE):
            memory[place] = 1


def touch_in_a_thread(pages: int) -> None:
    thread = threading.Thread(target=touch, args=(pages,))
    thread.start()
    thread.join()


@needs_perf
class TestCounting:
    @pytest.mark.parametrize(
        "work",
        [
            pytest.param(touch, id="this-thread"),
            pytest.param(touch_in_a_thread, id="a-thread-that-has-ended"),
        ],
    )
    def test_what_happens_in_the_region_is_counted(
        self, counter: ProcessorCounter, work: Callable[[int], None]
    ) -> None:
        for _ in range(3):
            counter.begin()
            work(PAGES)
            counter.end()
            assert PAGES <= counter.read() < PAGES + BY_THE_WAY

    def test_what_happens_outside_is_not(self, counter: ProcessorCounter) -> None:
        touch(PAGES)
        counter.begin()
        counter.end()
        touch(PAGES)
        assert counter.read() < BY_THE_WAY

    def test_a_region_that_failed_is_no_part_of_the_next(self, counter: ProcessorCounter) -> None:
        stopwatch = CountingStopwatch(counter)

        def fail() -> float:
            touch(PAGES)
            raise LookupError

        with pytest.raises(LookupError):
            stopwatch.count(lambda _: stopwatch.time(fail), 1)
        stopwatch.start()
        _, counted = stopwatch.count(lambda _: stopwatch.time(lambda: 0.0), 1)
        assert counted < BY_THE_WAY


@needs_perf
def test_an_event_that_no_machine_has_is_refused() -> None:
    with pytest.raises(OSError, match=r"No such|not supported|Invalid"):
        ProcessorCounter((0, 0xFFFF))


SUITE = f"""
{BUSY}
def test_busy(benchmark):
    assert benchmark(busy, 1000) == 499500

def test_one_percent_more(benchmark):
    assert benchmark(busy, 1010) == 509545
"""


@pytest.mark.counts
@pytest.mark.skipif(
    bool(why_no_processor_counter()), reason=why_no_processor_counter() or "it can count"
)
def test_one_percent_more_work_is_one_percent_more_instructions(tmp_path: Path) -> None:
    counts = count_suites(
        CountPlan(
            root=write(tmp_path, {FILE: SUITE}),
            source_paths=(tmp_path,),
            suites=(SuiteFiles(name="suite", files=(FILE,)),),
            python=Path(sys.executable),
            environ={**ENVIRON, **os.environ},
            instrument=Processor(),
            timeout_s=30.0,
            hash_seeds=(1,),
            jobs=1,
        ),
        Progress(),
    )
    less, more = (one.instructions for one in counts.values())
    assert less is not None
    assert more is not None
    assert more / less == pytest.approx(1.01, abs=0.002)
