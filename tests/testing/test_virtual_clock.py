import anyio
import anyio.lowlevel
import pytest

from perfgate.testing.virtual_clock import VirtualClock

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@BACKENDS
def test_sleepers_wake_in_the_order_of_their_times_and_do_not_add_up(backend: str) -> None:
    clock = VirtualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep_async(seconds)
        woken.append((name, clock.monotonic_s()))
        await clock.sleep_async(10)
        woken.append((name, clock.monotonic_s()))

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for name, seconds in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
                tasks.start_soon(sleeper, name, seconds)

    anyio.run(main, backend=backend)
    assert woken == [
        ("a", 1001),
        ("b", 1002),
        ("c", 1003),
        ("a", 1011),
        ("b", 1012),
        ("c", 1013),
    ]


@BACKENDS
def test_time_stands_still_while_somebody_still_works(backend: str) -> None:
    clock = VirtualClock()
    seen: list[float] = []

    async def worker() -> None:
        for _ in range(15):
            await anyio.lowlevel.checkpoint()
            seen.append(clock.monotonic_s())

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker)
            await clock.sleep_async(3600)

    anyio.run(main, backend=backend)
    assert seen == [1000] * 15
    assert clock.monotonic_s() == 4600


@BACKENDS
def test_time_stands_still_for_those_who_were_started_by_one_that_woke(backend: str) -> None:
    clock = VirtualClock()
    late_s: list[float] = []

    async def started(planned_s: float) -> None:
        late_s.append(clock.monotonic_s() - planned_s)
        await clock.sleep_async(0.7)  # so that many sleep at any time

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                await clock.sleep_async(0.1)
                tasks.start_soon(started, clock.monotonic_s())

    anyio.run(main, backend=backend)
    assert late_s == [0] * 50


@BACKENDS
def test_others_go_on_when_the_one_who_wakes_them_is_cancelled(backend: str) -> None:
    clock = VirtualClock()
    woken: list[float] = []

    async def first(scope: anyio.CancelScope) -> None:
        with scope:
            await clock.sleep_async(10)

    async def ender(scope: anyio.CancelScope) -> None:
        await clock.sleep_async(1)
        scope.cancel()
        for _ in range(2):
            await clock.sleep_async(2)
            woken.append(clock.monotonic_s())

    async def main() -> None:
        scope = anyio.CancelScope()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first, scope)
            tasks.start_soon(ender, scope)

    anyio.run(main, backend=backend)
    assert woken == [1003, 1005]


@BACKENDS
def test_a_sleeper_that_is_cancelled_is_forgotten(backend: str) -> None:
    clock = VirtualClock()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.sleep_async, 60)
            await clock.sleep_async(1)
            tasks.cancel_scope.cancel()
        await clock.sleep_async(1)

    anyio.run(main, backend=backend)
    assert clock.monotonic_s() == 1002
    assert sorted(clock.slept_s) == [1, 1, 60]


def test_a_thread_sleeps_at_once() -> None:
    clock = VirtualClock(wall_s=5000)
    clock.sleep(7)
    clock.advance(3)
    assert (clock.monotonic_s(), clock.wall_s(), clock.slept_s) == (1010, 5010, [7])
