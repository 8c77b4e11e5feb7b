import anyio
import anyio.lowlevel
import pytest

from perfgate.errors import MeasurementError
from perfgate.testing.memory import (
    Sample,
    assert_no_leak,
    assert_no_leak_async,
    judge_growth,
    measure_memory_growth,
    settled_rss_bytes,
)

MB = 1_000_000


def _samples(blocks: list[int], rss_bytes: list[int | None]) -> list[Sample]:
    return [Sample(blocks=each, rss_bytes=rss) for each, rss in zip(blocks, rss_bytes, strict=True)]


STILL = [100] * 17
FLAT: list[int | None] = [50 * MB] * 17


@pytest.mark.parametrize(
    ("blocks", "rss_bytes", "is_leaking"),
    [
        pytest.param(STILL, FLAT, False, id="still"),
        pytest.param([200 * n for n in range(17)], FLAT, True, id="a-block-per-operation"),
        pytest.param([2 * n for n in range(17)], FLAT, False, id="a-block-now-and-then"),
        pytest.param(
            [min(200 * n, 1600) for n in range(17)], FLAT, False, id="a-cache-that-is-full"
        ),
        pytest.param([0] * 12 + [10_000] * 5, FLAT, False, id="one-jump"),
        pytest.param(STILL, [50 * MB + 200_000 * n for n in range(17)], True, id="native"),
        pytest.param(
            STILL, [50 * MB + 900_000 * (n % 2) for n in range(17)], False, id="up-and-down"
        ),
        pytest.param(STILL, [None] * 17, False, id="unknown-resident-memory"),
        pytest.param([200 * n for n in range(17)], [None] * 17, True, id="blocks-alone"),
    ],
)
def test_only_steady_growth_in_the_second_half_is_a_leak(
    blocks: list[int],
    rss_bytes: list[int | None],
    is_leaking: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert judge_growth(_samples(blocks, rss_bytes), 200).is_leaking is is_leaking


@pytest.mark.parametrize(
    ("blocks_per_batch", "is_leaking"),
    [pytest.param(2, False, id="noise"), pytest.param(25, True, id="a-block-per-operation")],
)
def test_a_small_batch_must_grow_as_a_large_one(
    blocks_per_batch: int,
    is_leaking: bool,  # noqa: FBT001 - a column of the table
) -> None:
    samples = _samples([blocks_per_batch * n for n in range(17)], FLAT)
    assert judge_growth(samples, 25).is_leaking is is_leaking


def test_slopes_are_per_operation() -> None:
    growth = judge_growth(
        _samples([300 * n for n in range(17)], [100_000 * n for n in range(17)]), 100
    )
    assert growth.blocks_per_operation == pytest.approx(3)
    assert growth.bytes_per_operation == pytest.approx(1000)
    assert growth.operations == 1600


def test_a_leak_is_raised_with_the_line_that_made_it() -> None:
    kept: list[bytes] = []
    with pytest.raises(AssertionError, match=r"memory grows: 1\.0\d blocks") as caught:
        assert_no_leak(lambda: kept.append(bytes(500)), operations=100)
    assert f"{__file__}:" in str(caught.value)
    assert "B per operation" in str(caught.value)


def test_an_operation_that_keeps_nothing_passes_after_half_the_work() -> None:
    calls = 0

    def operation() -> bytes:
        nonlocal calls
        calls += 1
        return bytes(500)

    growth = assert_no_leak(operation, operations=50)
    assert not growth.is_leaking
    assert calls == growth.operations == 16 * 50


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_asynchronous_operations_are_judged_alike(backend: str) -> None:
    kept: list[bytes] = []

    async def leaks() -> None:
        kept.append(bytes(500))

    async def clean() -> None:
        await anyio.lowlevel.checkpoint()

    async def main() -> None:
        await assert_no_leak_async(clean, operations=50)
        with pytest.raises(AssertionError, match="memory grows"):
            await assert_no_leak_async(leaks, operations=50)

    anyio.run(main, backend=backend)


def test_a_coroutine_is_refused_where_nobody_would_await_it() -> None:
    async def operation() -> None:
        await anyio.lowlevel.checkpoint()

    with pytest.raises(MeasurementError, match="asynchronous"):
        measure_memory_growth(operation)


@pytest.mark.parametrize("arguments", [{"batches": 3}, {"operations": 0}])
def test_too_little_to_judge_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        measure_memory_growth(bytes, **arguments)


def test_garbage_and_freed_pages_are_no_memory() -> None:
    before = settled_rss_bytes()
    assert before is not None
    garbage: list[object] = [[] for _ in range(300_000)]
    for each in garbage:
        assert isinstance(each, list)
        each.append(each)
    held = settled_rss_bytes()
    del garbage, each
    after = settled_rss_bytes()
    assert held is not None
    assert after is not None
    assert held - before > 15 * MB
    assert after - before < 5 * MB
