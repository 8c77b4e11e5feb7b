import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.measure.agent.channel import Channel
from perfgate.measure.agent.fixture import Stopwatch
from perfgate.measure.agent.memory import PeakMemory, kept_blocks
from perfgate.measure.agent.waiting import RunQueue
from perfgate.model import ProcessRun
from tests.measure.suites import (
    ENVIRON,
    FILE,
    candidate_run,
    lockstep,
    measure,
    pair_plan,
    plan_of,
    run_of,
    side_of,
    write,
)

SCHEDULER = Path("/proc/thread-self/schedstat")
needs_scheduler = pytest.mark.skipif(
    not SCHEDULER.exists() or not hasattr(os, "sched_setaffinity"),
    reason="the kernel tells no waiting times",
)


# --- the conversation


def pipe() -> tuple[Channel, Channel]:
    (their_read, our_write), (our_read, their_write) = os.pipe(), os.pipe()
    ours = Channel(os.fdopen(our_read, "rb"), os.fdopen(our_write, "wb"))
    theirs = Channel(os.fdopen(their_read, "rb"), os.fdopen(their_write, "wb"))
    return ours, theirs


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    numbers=st.lists(st.floats(allow_nan=False), max_size=200),
)
def test_what_is_sent_arrives(text: str, numbers: list[float]) -> None:
    ours, theirs = pipe()
    ours.send({"text": text}, numbers)
    message, received = theirs.receive()
    ours.close()
    theirs.close()
    assert (message, list(received)) == ({"text": text}, numbers)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0\0\0\5\0", id="half-a-length"),
        pytest.param(b"\0\0\0\5\0\0\0\0{}", id="half-a-header"),
        pytest.param(b"\0\0\0\2\0\0\0\x08{}1234", id="half-a-number"),
        pytest.param(b"\0\0\0\2\0\0\0\0[}", id="no-json"),
        pytest.param(b"\0\0\0\2\0\0\0\0\xff\xff", id="no-text"),
        pytest.param(b"Traceback (most recent call last)", id="another-language"),
    ],
)
def test_what_is_no_frame_is_the_end_of_the_conversation(data: bytes) -> None:
    read, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as writer:
        writer.write(data)
    nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "wb")
    channel = Channel(os.fdopen(read, "rb"), nowhere)
    with pytest.raises(EOFError):
        channel.receive()
    channel.close()


# --- time that others took


def spin_cpu(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def wall_of(cpu_s: float) -> float:
    start = time.perf_counter()
    spin_cpu(cpu_s)
    return time.perf_counter() - start


@pytest.fixture
def neighbour() -> Iterator[None]:
    """Pin this process and a busy one to the same CPU."""
    before = os.sched_getaffinity(0)
    cpu = min(before)
    program = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nprint(flush=True)\nwhile True: pass"
    os.sched_setaffinity(0, {cpu})
    try:
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, env=ENVIRON
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            yield
            process.kill()
    finally:
        os.sched_setaffinity(0, before)


@needs_scheduler
@pytest.mark.usefixtures("neighbour")
def test_a_round_beside_a_neighbour_is_told_without_the_waiting() -> None:
    queue = RunQueue()
    walls: list[float] = []

    def time_round() -> float:
        walls.append(wall_of(0.01))
        return walls[-1]

    told = [queue.without_waiting(time_round) for _ in range(20)]
    assert sum(told) < 0.8 * sum(walls)
    assert sum(told) > 0.9 * 20 * 0.01  # never less than what ran


THREADS = """
import threading, time

def spin():
    end = time.thread_time() + 0.01
    while time.thread_time() < end:
        pass

def test_threads(benchmark):
    def target():
        thread = threading.Thread(target=spin)
        thread.start()
        spin()
        thread.join()
    benchmark(target)

import pytest

@pytest.mark.benchmark(timer=time.process_time)
def test_cpu_timer(benchmark):
    benchmark(spin)

def test_setup(benchmark):
    benchmark.pedantic(spin, setup=spin, rounds=8)
"""


def medians_beside(tmp_path: Path) -> dict[str, float]:
    root = write(tmp_path, {FILE: THREADS})
    names = ("test_threads", "test_cpu_timer", "test_setup")
    cpu = min(os.sched_getaffinity(0))
    assert os.sched_getaffinity(0) == {cpu}  # what the measured process inherits
    (outcomes,) = lockstep(pair_plan(side_of("candidate", root), benchmarks=names))
    return {name: candidate_run(outcomes[name]).median_s for name in names}


@needs_scheduler
@pytest.mark.usefixtures("neighbour")
def test_no_round_is_told_as_less_than_the_cpu_time_that_was_burnt_in_it(tmp_path: Path) -> None:
    medians_s = medians_beside(tmp_path)
    assert medians_s["test_threads"] > 0.95 * 0.02
    assert medians_s["test_cpu_timer"] > 0.95 * 0.01
    assert medians_s["test_setup"] > 0.95 * 0.01


def test_where_the_kernel_does_not_tell_a_round_is_what_the_timer_says(tmp_path: Path) -> None:
    queue = RunQueue(tmp_path / "no-such-file")
    assert queue.without_waiting(lambda: 1.5) == 1.5


def test_a_file_that_tells_something_else_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "schedstat").write_text("not three numbers")
    queue = RunQueue(tmp_path / "schedstat")
    assert queue.without_waiting(lambda: 1.5) == 1.5


@pytest.mark.parametrize(
    ("waited_ns", "told_s"),
    [
        pytest.param(500_000_000, 1.0, id="taken-out"),
        pytest.param(3_000_000_000, 1.5, id="more-than-the-round-itself"),
    ],
)
def test_waiting_is_taken_out_where_the_round_can_hold_it(
    tmp_path: Path, waited_ns: int, told_s: float
) -> None:
    file = tmp_path / "schedstat"
    file.write_text("0 0 0")

    def time_round() -> float:
        file.write_text(f"0 {waited_ns} 0")
        return 1.5

    assert RunQueue(file).without_waiting(time_round) == pytest.approx(told_s, abs=0.05)


@pytest.mark.parametrize(
    ("timer", "told_s"),
    [
        pytest.param(time.perf_counter, 1.0, id="wall-clock"),
        pytest.param(time.monotonic, 1.0, id="other-wall-clock"),
        pytest.param(time.process_time, 1.5, id="cpu-time"),
        pytest.param(lambda: 0.0, 1.5, id="unknown"),
    ],
)
def test_waiting_is_taken_out_of_wall_clocks_alone(
    tmp_path: Path, timer: Callable[[], float], told_s: float
) -> None:
    file = tmp_path / "schedstat"
    file.write_text("0 0 0")

    def run() -> float:
        file.write_text("0 500000000 0")
        return 1.5

    assert Stopwatch(timer, RunQueue(file)).time(run) == pytest.approx(told_s, abs=0.05)


def test_a_round_is_never_told_as_less_than_what_its_thread_ran(tmp_path: Path) -> None:
    file = tmp_path / "schedstat"
    file.write_text("0 0 0")

    def time_round() -> float:
        duration_s = wall_of(0.02)
        file.write_text(f"0 {int((duration_s - 0.001) * 1e9)} 0")  # waited before the timer began
        return duration_s

    assert RunQueue(file).without_waiting(time_round) >= 0.02


# --- memory

MEMORY = """
def test_hungry(benchmark):
    benchmark.pedantic(lambda: len(b"x" * 60_000_000), rounds=2)

def test_modest(benchmark):
    benchmark.pedantic(int, rounds=2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere peaks are never reset")
def test_a_hungry_benchmark_s_peak_is_its_own(tmp_path: Path) -> None:
    measured = measure(plan_of(write(tmp_path, {FILE: MEMORY})))
    hungry = run_of(measured["test_hungry"]).rss_growth_bytes
    modest = run_of(measured["test_modest"]).rss_growth_bytes
    assert hungry is not None
    assert modest is not None
    assert 50_000_000 < hungry < 90_000_000
    assert modest < 10_000_000


def test_memory_that_was_never_watched_is_unknown() -> None:
    memory = PeakMemory()
    memory.stop()
    assert memory.growth_bytes is None


# --- the agent goes with its parent

PARENT = """
import sys
from pathlib import Path
from perfgate.measure.worker import Worker, WorkerSettings
import os
root = Path(sys.argv[1])
worker = Worker(WorkerSettings(python=Path(sys.executable), root=root, source_paths=(),
    files=("test_suite.py",), environ=os.environ, hash_seed=0, is_lockstep=False))
worker.configure()
found = worker.collect(60.0)
worker.send({"plan": [one.id for one in found.benchmarks]})
print(worker._process.pid, flush=True)
worker.receive(60.0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends with its next answer")
def test_a_measured_process_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    suite = "import time\ndef test_long(benchmark): time.sleep(600)\n"
    root = write(tmp_path, {FILE: suite})
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(root)], stdout=subprocess.PIPE, env=ENVIRON
    ) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([worker], timeout=20)
    assert gone == [worker]


# --- blocks that an operation keeps


LEAKED: list[object] = []


@pytest.mark.parametrize(
    ("call", "blocks"),
    [
        pytest.param(lambda: None, 0, id="nothing"),
        pytest.param(lambda: [object() for _ in range(10)], 12, id="a list, its items, itself"),
        pytest.param(lambda: sum([1.5 * number for number in range(500)]) * 0, 1, id="one number"),
        pytest.param(lambda: LEAKED.extend(object() for _ in range(8)), 8, id="kept elsewhere"),
    ],
)
def test_blocks_that_a_call_keeps_are_counted_the_same_each_time(
    call: Callable[[], object], blocks: int
) -> None:
    for _ in range(3):
        call()
    counted = [kept_blocks(call, 1e-6) for _ in range(5)]
    assert len(set(counted)) == 1
    assert counted[0] is not None
    assert abs(counted[0] - blocks) <= 1  # a large list lies outside of Python's allocator


def test_a_call_that_takes_long_is_not_made_again() -> None:
    calls: list[int] = []
    assert kept_blocks(lambda: calls.append(1), 0.3) is None
    assert calls == []
    kept_blocks(lambda: calls.append(1), 0.2)
    assert len(calls) == 3


def test_counting_leaves_the_cycle_collector_as_it_was() -> None:
    was_enabled = gc.isenabled()
    try:
        for is_enabled in (True, False):
            (gc.enable if is_enabled else gc.disable)()
            with pytest.raises(ZeroDivisionError):
                kept_blocks(lambda: 1 / 0, 1e-6)
            assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


KEEPING = """
from shop import make

def test_made(benchmark):
    benchmark(make)

def test_pedantic(benchmark):
    benchmark.pedantic(make, rounds=3)

def test_own(benchmark):
    benchmark(make)
    benchmark.extra_info["blocks_per_op"] = 3
"""
MAKES = "def make():\n    return [object() for _ in range({})]\n"


def test_a_process_tells_what_is_kept_only_when_asked(tmp_path: Path) -> None:
    plan = plan_of(write(tmp_path, {FILE: KEEPING, "shop.py": MAKES.format(10)}))
    asked = measure(replace(plan, measures_memory=True))
    assert run_of(asked["test_made"]).metrics["blocks_per_op"] == pytest.approx(12, abs=1)
    assert run_of(asked["test_pedantic"]).metrics == {}  # its author counts its calls
    assert run_of(asked["test_own"]).metrics == {"blocks_per_op": 3}
    assert run_of(measure(plan)["test_made"]).metrics == {}


def test_both_sides_of_a_pair_tell_what_is_kept(tmp_path: Path) -> None:
    old = write(tmp_path / "old", {FILE: KEEPING, "shop.py": MAKES.format(10)})
    new = write(tmp_path / "new", {FILE: KEEPING, "shop.py": MAKES.format(30)})
    plan = pair_plan(side_of("new", new), side_of("old", old), benchmarks=("test_made",))
    (group,) = lockstep(replace(plan, measures_memory=True))
    reference = group["test_made"].references["old"]
    assert isinstance(reference, ProcessRun)
    more = candidate_run(group["test_made"]).metrics["blocks_per_op"]
    assert more - reference.metrics["blocks_per_op"] == pytest.approx(20, abs=1)
