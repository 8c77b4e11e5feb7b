import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.load import Open, run_async, run_threads
from perfgate.load.arrivals import offsets_ns
from tests.services.fake_clock import FakeClock

SECOND_NS = 1_000_000_000


def test_even_arrivals_begin_at_once_and_keep_their_distance() -> None:
    assert list(offsets_ns(Open(rate_per_s=4, duration_s=1))) == [
        0,
        SECOND_NS // 4,
        SECOND_NS // 2,
        SECOND_NS * 3 // 4,
    ]


@given(
    rate_per_s=st.floats(0.1, 200),
    duration_s=st.floats(0.1, 20),
    seed=st.none() | st.integers(0, 2**32),
)
def test_arrivals_ascend_within_the_load_and_keep_its_rate(
    rate_per_s: float, duration_s: float, seed: int | None
) -> None:
    model = Open(rate_per_s=rate_per_s, duration_s=duration_s, poisson_seed=seed)
    offsets = list(offsets_ns(model))
    assert offsets == sorted(offsets)
    assert len(offsets) == max(1, round(rate_per_s * duration_s))
    assert 0 <= offsets[0] <= offsets[-1] <= (duration_s + 1 / rate_per_s) * SECOND_NS
    assert offsets == list(offsets_ns(model))


def test_another_seed_gives_other_times() -> None:
    first, second = (
        list(offsets_ns(Open(rate_per_s=100, duration_s=1, poisson_seed=seed))) for seed in (1, 2)
    )
    assert first != second


def test_arrivals_at_random_come_in_crowds_as_exponential_distances_do() -> None:
    offsets = list(offsets_ns(Open(rate_per_s=100, duration_s=100, poisson_seed=7)))
    distances_s = [(late - early) / 1e9 for early, late in itertools.pairwise(offsets)]
    # P(distance > x) = exp(-100 x); of 9999 four standard deviations are 2 %.
    for limit_s, share in ((0.01, 0.368), (0.02, 0.135), (0.03, 0.050)):
        found = sum(distance_s > limit_s for distance_s in distances_s) / len(distances_s)
        assert found == pytest.approx(share, abs=0.02)


@pytest.mark.anyio
async def test_operations_start_when_they_were_planned_to() -> None:
    clock = FakeClock()
    starts_s: list[float] = []

    async def operation() -> None:
        starts_s.append(clock.monotonic_s())
        await clock.sleep_async(5.0)

    model = Open(rate_per_s=20, duration_s=5, poisson_seed=3)
    result = await run_async(operation, model, clock=clock)
    assert result.ok == 100
    assert result.lateness.max_s == pytest.approx(0, abs=1e-6)
    began_s = starts_s[0] - next(offsets_ns(model)) / 1e9
    planned_s = [began_s + offset_ns / 1e9 for offset_ns in offsets_ns(model)]
    assert starts_s == pytest.approx(planned_s, abs=1e-6)


def test_blocking_operations_arrive_at_random_as_well() -> None:
    model = Open(rate_per_s=20, duration_s=5, poisson_seed=3)
    assert run_threads(lambda: None, model, clock=FakeClock()).ok == 100
