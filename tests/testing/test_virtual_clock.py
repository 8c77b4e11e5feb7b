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
