"""The suites that process runs and lockstep groups are both held against."""

from typing import Final

__all__ = ["ASYNC", "BROKEN", "FEATURES", "NAMES"]

FEATURES: Final = '''
import functools
import os
import pytest

events = []


@pytest.fixture(scope="session")
def session_value():
    return 1


@pytest.fixture(scope="module", params=["small", "large"])
def size(request, session_value):
    return {"small": 10, "large": 100}[request.param] * session_value


@pytest.fixture(scope="class")
def class_value():
    return 7


@pytest.fixture(autouse=True)
def entered():
    events.append("entered")
    yield
    events.append("left")


def work(count=30, *, step=1):
    return sum(range(0, count, step))


def test_call(benchmark):
    assert benchmark(work, 30, step=3) == 135


def test_decorator(benchmark):
    @benchmark
    def result():
        return 42

    assert result == 42


def test_pedantic(benchmark):
    def setup():
        return (30,), {"step": 3}

    assert benchmark.pedantic(work, setup=setup, rounds=12) == 135


def test_pedantic_teardown(benchmark):
    counts = {"setup": 0, "call": 0, "teardown": 0}

    def setup():
        counts["setup"] += 1
        return (30,), {"step": 3}

    def target(count, *, step):
        counts["call"] += 1
        return work(count, step=step)

    def teardown(count, *, step):
        assert (count, step) == (30, 3)
        counts["teardown"] += 1

    assert benchmark.pedantic(target, setup=setup, teardown=teardown, rounds=12) == 135
    assert counts["setup"] == counts["call"] == counts["teardown"] <= 12
    benchmark.extra_info.update(counts)


def test_pedantic_iterations(benchmark):
    assert benchmark.pedantic(work, args=(30,), kwargs={"step": 3}, rounds=8, iterations=5) == 135


def test_pedantic_warm_up(benchmark):
    calls = []
    benchmark.pedantic(calls.append, args=(1,), rounds=6, warmup_rounds=4)
    benchmark.extra_info["calls"] = len(calls)


def test_pedantic_one_round(benchmark):
    assert benchmark.pedantic(work, rounds=1) == 435


def test_weave(benchmark):
    pytest.importorskip("aspectlib")

    class Shop:
        def price(self):
            return work()

    benchmark.weave(Shop, methods="price")
    assert Shop().price() == 435


class TestClass:
    offset = 5

    def setup_method(self):
        self.ready = True

    def test_method(self, benchmark, class_value):
        assert self.ready
        assert benchmark(lambda: self.offset + class_value) == 12

    @pytest.mark.parametrize("step", [1, 2])
    def test_parameter(self, benchmark, step):
        assert benchmark(work, 4, step=step) == sum(range(0, 4, step))


def test_fixture_of_a_module(benchmark, size):
    assert benchmark(work, size) == sum(range(size))


@pytest.fixture
def measured(benchmark):
    return benchmark(work)


def test_measured_in_a_fixture(measured):
    assert measured == 435


def test_autouse(benchmark):
    benchmark(work)
    assert events[-1] == "entered"
    benchmark.extra_info["entered"] = events.count("entered") - events.count("left")


def test_extra_info(benchmark):
    benchmark.extra_info["before"] = 3
    benchmark(work)
    benchmark.extra_info.update(
        after=2.5, flag=True, text="x", nothing=float("nan"), endless=float("inf"), huge=10**400
    )


def test_statistics(benchmark):
    benchmark(work)
    assert 0 < benchmark.stats.stats.min <= benchmark.stats.stats.mean < 1


def test_callable_object(benchmark):
    assert benchmark(functools.partial(work, 4)) == 6


def test_class_with_an_async_call(benchmark):
    class Middleware:
        async def __call__(self):
            pass

    assert isinstance(benchmark(Middleware), Middleware)


def test_many_rounds(benchmark):
    benchmark.pedantic(work, rounds=368)


def test_few_rounds(benchmark):
    benchmark.pedantic(work, rounds=35)


def test_hash_seed(benchmark):
    benchmark(work)
    benchmark.extra_info["hash"] = hash("seed") % 2**31
    benchmark.extra_info["seed"] = int(os.environ["PYTHONHASHSEED"])


@pytest.mark.xfail(reason="known", strict=False)
def test_passes_unexpectedly(benchmark):
    benchmark(work)


def test_plain():
    """Not a benchmark: never runs."""
    raise AssertionError
'''

NAMES: Final = (
    "test_call",
    "test_decorator",
    "test_pedantic",
    "test_pedantic_teardown",
    "test_pedantic_iterations",
    "test_pedantic_warm_up",
    "test_pedantic_one_round",
    "test_weave",
    "TestClass::test_method",
    "TestClass::test_parameter[1]",
    "TestClass::test_parameter[2]",
    "test_fixture_of_a_module[small]",
    "test_fixture_of_a_module[large]",
    "test_measured_in_a_fixture",
    "test_autouse",
    "test_extra_info",
    "test_statistics",
    "test_callable_object",
    "test_class_with_an_async_call",
    "test_many_rounds",
    "test_few_rounds",
    "test_hash_seed",
    "test_passes_unexpectedly",
)

ASYNC: Final = """
import functools
import sys


async def fetch(value=1):
    return value


async def stream():
    yield 1


class Client:
    async def __call__(self):
        return 1

    async def get(self):
        return 1


def test_function(benchmark):
    benchmark(fetch)


def test_partial(benchmark):
    benchmark(functools.partial(fetch, 2))


def test_partial_of_an_object(benchmark):
    benchmark(functools.partial(Client()))


def test_callable_object(benchmark):
    benchmark(Client())


def test_method(benchmark):
    benchmark(Client().get)


def test_lambda(benchmark):
    benchmark(lambda: fetch())


def test_pedantic(benchmark):
    benchmark.pedantic(fetch, rounds=3)


def test_pedantic_lambda(benchmark):
    benchmark.pedantic(lambda: fetch(), rounds=3)


def test_decorated(benchmark):
    @functools.wraps(fetch)
    def wrapper():
        return fetch()

    benchmark(wrapper)


def test_generator(benchmark):
    benchmark(stream)


def test_lambda_of_a_generator(benchmark):
    benchmark(lambda: stream())


def test_tracer(benchmark):
    sys.settrace(lambda *_: None)
    try:
        benchmark(int)
    finally:
        sys.settrace(None)


def test_profiler(benchmark):
    sys.setprofile(lambda *_: None)
    try:
        benchmark(int)
    finally:
        sys.setprofile(None)


def test_monitoring(benchmark):
    if not hasattr(sys, "monitoring"):
        sys.setprofile(lambda *_: None)
    else:
        sys.monitoring.use_tool_id(3, "watcher")
    try:
        benchmark(int)
    finally:
        if not hasattr(sys, "monitoring"):
            sys.setprofile(None)
        else:
            sys.monitoring.free_tool_id(3)
"""

BROKEN: Final = """
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

here = pathlib.Path(__file__).parent


def test_before(benchmark):
    benchmark(int)


@pytest.mark.skip(reason="not today")
def test_skip_mark(benchmark):
    benchmark(int)


def test_skip_call(benchmark):
    pytest.skip("no service")


@pytest.mark.xfail(reason="known to fail")
def test_xfail(benchmark):
    benchmark(lambda: 1 / 0)


@pytest.mark.xfail(reason="should fail", strict=True)
def test_xpass_strict(benchmark):
    benchmark(int)


def test_raises(benchmark):
    raise ValueError("no such price")


def test_target_raises(benchmark):
    benchmark(lambda: {}["price"])


def test_wrong_answer(benchmark):
    assert benchmark(int) == 1, "wrong answer"


@pytest.fixture
def breaks():
    raise OSError("no database")


def test_fixture_raises(benchmark, breaks):
    benchmark(int)


@pytest.fixture
def breaks_late():
    yield
    raise OSError("cannot clean up")


def test_teardown_raises(benchmark, breaks_late):
    benchmark(int)


def test_unused(benchmark):
    pass


def test_twice(benchmark):
    benchmark(int)
    benchmark(int)


def test_twice_by_force(benchmark):
    benchmark(int)
    benchmark._mode = None
    benchmark(int)


def test_undecodable_message(benchmark):
    raise ValueError(os.fsdecode(b"caf\\xe9"))


def test_hang(benchmark):
    benchmark(lambda: time.sleep(600))


def test_exit(benchmark):
    benchmark(lambda: os._exit(7))


def test_sys_exit(benchmark):
    benchmark(lambda: sys.exit(3))


def test_pytest_exit(benchmark):
    pytest.exit("enough")


def test_kill(benchmark):
    print("last words", file=sys.stderr, flush=True)
    benchmark(lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_fork(benchmark):
    def fork():
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)

    benchmark.pedantic(fork, rounds=8)


def test_fork_that_comes_back(benchmark):
    child = os.fork()
    benchmark(int)
    if child:
        os.waitpid(child, 0)


def test_prints(benchmark):
    line = "x" * 1_000_000
    benchmark.pedantic(lambda: [print(line) for _ in range(50)], rounds=1)
    benchmark.extra_info["printed"] = 50
    for _ in range(50):
        print(line, file=sys.stderr)


def test_closes(benchmark):
    kept = os.dup(1), os.dup(2)
    os.close(1)
    os.close(2)
    benchmark(int)


def test_changes_directory(benchmark, tmp_path):
    os.chdir(tmp_path)
    benchmark(int)


def test_grandchild(benchmark):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (here / "grandchild").write_text(str(child.pid))
    benchmark(int)


def test_daemon(benchmark):
    program = (
        "import os, sys, time\\n"
        "child = os.fork()\\n"
        "if child: sys.exit()\\n"
        "open('daemon', 'w').write(str(os.getpid()))\\n"
        "time.sleep(600)\\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, start_new_session=True, cwd=here)
    benchmark(int)


def test_after(benchmark):
    assert pathlib.Path.cwd() == here
    benchmark(int)
"""
