import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.load import Closed, Open, Stage, run_async, run_threads
from perfgate.load.arrivals import offsets_ns, shifts_ns
from tests.services.fake_clock import FakeClock

STAGES = st.lists(
    st.builds(
        Stage,
        duration_s=st.floats(0, 20, allow_subnormal=False),
        target=st.floats(0, 60, allow_subnormal=False),
    ),
    min_size=1,
    max_size=5,
)
STAIRS = (
    Stage(duration_s=10, target=20),
    Stage(duration_s=10, target=20),
    Stage(duration_s=0, target=5),
    Stage(duration_s=10, target=5),
)


def _wanted(stages: list[Stage], at_s: float) -> float:
    begun_s = height = 0.0
    for stage in stages:
        if at_s < begun_s + stage.duration_s:
            return height + (stage.target - height) * (at_s - begun_s) / stage.duration_s
        begun_s += stage.duration_s
        height = stage.target
    return height


@given(stages=STAGES)
def test_arrivals_ascend_within_the_stages_and_are_as_many_as_their_area(
    stages: list[Stage],
) -> None:
    area = sum(
        stage.duration_s * (before + stage.target) / 2
        for before, stage in zip([0.0, *(each.target for each in stages)], stages, strict=False)
    )
    if area < 1:
        return
    model = Open.staged(stages)
    offsets = list(offsets_ns(model))
    assert offsets == sorted(offsets)
    assert 0 <= offsets[0] <= offsets[-1] <= model.duration_s * 1e9 + 1
    assert abs(len(offsets) - area) <= 1 + 1e-6 * area


def test_arrivals_of_a_ramp_come_as_its_area_grows() -> None:
    """From 0 to 10 in 1 s: the n-th comes when 5 t**2 is n, and then one each tenth."""
    ramp = (Stage(duration_s=1, target=10), Stage(duration_s=0.5, target=10))
    seconds = [offset / 1e9 for offset in offsets_ns(Open.staged(ramp))]
    assert seconds == pytest.approx(
        [0, 0.4472, 0.6325, 0.7746, 0.8944, 1.0, 1.1, 1.2, 1.3, 1.4], abs=1e-4
    )


@given(stages=STAGES)
def test_at_any_time_the_rounded_concurrency_is_under_way(stages: list[Stage]) -> None:
    most = round(max(stage.target for stage in stages))
    shifts = shifts_ns(stages, most)
    total_s = sum(stage.duration_s for stage in stages)
    assert list(shifts) == sorted(shifts)
    for share in (0.113, 0.31, 0.5077, 0.77, 0.931):
        at_ns = share * total_s * 1e9
        wanted = _wanted(stages, share * total_s)
        if abs(wanted % 1 - 0.5) > 1e-3 and total_s > 1e-3:  # where it is just changing, either
            under_way = sum(begin <= at_ns < end for begin, end in shifts)
            assert under_way in {round(wanted), round(wanted + 1e-6), round(wanted - 1e-6)}


def test_stages_that_ask_for_nothing_are_refused() -> None:
    for build in (Closed.staged, Open.staged):
        with pytest.raises(ValueError, match=r"must be"):
            build([Stage(duration_s=10, target=0)])


def test_a_stage_has_no_negative_number() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Stage(duration_s=-1, target=3)


@pytest.mark.anyio
async def test_a_closed_load_follows_its_stages() -> None:
    clock = FakeClock()
    begins: list[float] = []

    async def operation() -> None:
        begins.append(clock.monotonic_s())
        await clock.sleep_async(0.5)

    model = Closed.staged(STAIRS)
    begun_s = clock.monotonic_s()
    result = await run_async(operation, model, clock=clock)
    seconds = [round(begin - begun_s, 6) for begin in begins]
    in_the_middle = sum(10 <= second < 20 for second in seconds)
    at_the_end = sum(20.5 <= second < 30 for second in seconds)
    # Each of 20 runs two a second for 10 s; each of 5 so in the last 9.5 s.
    assert in_the_middle == pytest.approx(400, abs=20)
    assert at_the_end == pytest.approx(95, abs=5)
    assert result.doubts == ()
    assert model.mean_concurrency == pytest.approx((100 + 200 + 50) / 30)


def test_stages_work_on_threads_too() -> None:
    clock = FakeClock()
    model = Open.staged([Stage(duration_s=2, target=50), Stage(duration_s=2, target=50)])
    result = run_threads(lambda: None, model, clock=clock)
    assert result.ok == model.arrivals == 150


def test_the_engines_agree_on_how_many_work_at_once() -> None:
    shifts = shifts_ns(STAIRS, 20)
    assert len(shifts) == 20
    assert sum(end == 30_000_000_000 for _, end in shifts) == 5
    assert all(first <= second for (first, _), (second, _) in itertools.pairwise(shifts))
