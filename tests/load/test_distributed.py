"""Counts of many processes, put together: nothing is lost unseen."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.load.distributed import (
    OTHERS,
    Accumulator,
    LoadState,
    Merger,
    SenderState,
    StateEnd,
    WorkerReport,
    decode_state,
    encode_state,
)
from perfgate.load.trust import MAX_SILENCE_S, doubts_of, has_lost
from perfgate.stats.histogram import ExponentialHistogram

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["GET /a", "GET /b"]),
        st.sampled_from(["ok", "http_5xx"]),
        st.floats(1e-6, 100),
        st.booleans(),
    ),
    max_size=60,
)


def _state(merger: Merger, *, expected: int = 1, lost: str = "", now_s: float = 1.0) -> LoadState:
    return merger.state(
        end=StateEnd.COMPLETE,
        engine_version="1",
        expected=expected,
        wall_s=10.0,
        senders=merger.senders(now_s, {lost: True}),
        problems=(),
    )


def _one(*, counted: int = 3, is_final: bool = True) -> tuple[Merger, Accumulator]:
    merger, accumulator = Merger(), Accumulator()
    merger.expect("host_0123456789abcdef", 0.0, is_late=False)
    for _ in range(counted):
        accumulator.record("GET /a", "ok", 0.01)
    merger.merge("host_0123456789abcdef", accumulator.take(is_final=is_final), 0.5)
    return merger, accumulator


@given(events=EVENTS)
def test_however_reports_are_cut_and_mixed_the_sum_is_that_of_one_process(
    events: list[tuple[int, str, str, float, bool]],
) -> None:
    alone, merger = Merger(), Merger()
    one, many = Accumulator(), [Accumulator() for _ in range(4)]
    for place, name, outcome, seconds, reports in events:
        one.record(name, outcome, seconds)
        many[place].record(name, outcome, seconds)
        if reports:
            merger.merge(f"w{place}", many[place].take(is_final=False), 0.0)
    alone.merge("w", one.take(is_final=True), 0.0)
    for place, accumulator in enumerate(many):
        merger.merge(f"w{place}", accumulator.take(is_final=True), 0.0)
    together, whole = _state(merger, expected=4), _state(alone)
    assert [(part.name, part.outcome, part.count) for part in together.parts] == [
        (part.name, part.outcome, part.count) for part in whole.parts
    ]
    for mine, theirs in zip(together.parts, whole.parts, strict=True):
        assert mine.times.positive == theirs.times.positive
        assert mine.times.sum == pytest.approx(theirs.times.sum)
    assert doubts_of(together) == doubts_of(whole) == ()


def test_a_report_survives_the_way_and_counts_once() -> None:
    merger, accumulator = Merger(), Accumulator()
    accumulator.record("GET /a", "ok", 0.25, 0.2)
    accumulator.started_late(0.05)
    report = accumulator.take(is_final=True)
    received = msgspec.json.decode(msgspec.json.encode(report), type=WorkerReport)
    assert received == report
    merger.merge("w", received, 0.0)
    merger.merge("w", received, 0.0)
    state = decode_state(encode_state(_state(merger)))
    (part,) = state.parts
    assert part.count == 1
    assert part.service is not None
    assert ExponentialHistogram.from_data(part.service).max == 0.2
    assert state.lateness is not None


def test_a_load_of_which_everything_arrived_is_trusted() -> None:
    merger, _ = _one()
    assert doubts_of(_state(merger)) == ()
    assert not has_lost(_state(merger))


def test_a_report_that_got_lost_is_seen() -> None:
    merger, accumulator = _one(is_final=False)
    accumulator.record("GET /a", "ok", 0.01)
    accumulator.take(is_final=False)  # never arrives
    merger.merge("host_0123456789abcdef", accumulator.take(is_final=True), 1.0)
    assert doubts_of(_state(merger)) == (
        "worker host_01234567 counted 4 operations, and 3 arrived",
    )


def test_a_worker_without_a_last_report_is_doubted() -> None:
    merger, _ = _one(is_final=False)
    assert doubts_of(_state(merger)) == ("worker host_01234567 did not send its last report",)


def test_a_lost_worker_is_doubted_and_ends_the_load() -> None:
    merger, _ = _one(is_final=False)
    state = _state(merger, lost="host_0123456789abcdef")
    assert state.senders[0].state is SenderState.LOST
    assert has_lost(state)
    assert "was lost" in doubts_of(state)[0]


def test_a_worker_that_said_all_may_leave() -> None:
    merger, _ = _one()
    assert doubts_of(_state(merger, lost="host_0123456789abcdef")) == ()


def test_silence_is_doubted_also_when_it_is_over() -> None:
    merger, accumulator = _one(is_final=False)
    merger.merge("host_0123456789abcdef", accumulator.take(is_final=True), 1.5 + MAX_SILENCE_S)
    assert doubts_of(_state(merger)) == ("nothing was heard of worker host_01234567 for 6 s",)


def test_waiting_for_the_begin_is_no_silence() -> None:
    merger, accumulator = Merger(), Accumulator()
    merger.expect("w", 0.0, is_late=False)
    merger.begin(100.0)
    merger.merge("w", accumulator.take(is_final=True), 101.0)
    assert doubts_of(_state(merger)) == ()


def test_who_comes_late_and_who_does_not_come_is_doubted() -> None:
    merger, _ = _one()
    merger.expect("late", 0.0, is_late=True)
    merger.merge("late", Accumulator().take(is_final=True), 0.5)
    assert doubts_of(_state(merger, expected=3)) == (
        "2 of 3 workers took part",
        "worker late joined when the load had begun",
    )


def test_a_busy_process_dropped_arrivals_and_late_starts_are_doubted() -> None:
    merger, accumulator = Merger(), Accumulator()
    accumulator.cpu_share = 0.97
    accumulator.dropped = 7
    accumulator.record("GET /a", "ok", 0.21, 0.01)
    accumulator.started_late(0.2)
    merger.merge("w", accumulator.take(is_final=True), 0.0)
    assert doubts_of(_state(merger)) == (
        "w was busy, or waited for a processor, 97% of the time: operations queued in it",
        "7 arrivals dropped: too many were under way",
        "1 % of the starts were 200 ms late or more (10 ms allowed)",
    )


def test_names_without_end_are_counted_together() -> None:
    accumulator = Accumulator()
    for number in range(1000):
        accumulator.record(f"GET /{number}", "ok", 0.01)
    parts = accumulator.take(is_final=True).parts
    assert len(parts) == 201
    assert {part.name: part.count for part in parts}[OTHERS] == 800


@pytest.mark.parametrize("data", [b"", b"{}", b'{"version": 1', b"[]"])
def test_a_damaged_state_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_state(data)


def test_a_state_of_another_version_is_refused() -> None:
    merger, _ = _one()
    other = msgspec.structs.replace(_state(merger), version=2)
    with pytest.raises(ValueError, match="version 2"):
        decode_state(encode_state(other))
