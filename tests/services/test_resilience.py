"""The laws of the one way to call a service, on a clock whose time is only slept."""

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
import stamina
import stamina.instrumentation
from hypothesis import given, settings
from hypothesis import strategies as st

from perfgate.services.breaker import BreakerSettings, BreakerState
from perfgate.services.errors import (
    BulkheadFullError,
    CircuitOpenError,
    ConnectionFailedError,
    NotFoundError,
    RateLimitError,
    ServerFailedError,
    ServiceError,
)
from perfgate.services.limiter import ClientLimit, LimitKind
from perfgate.services.resilience import Resilience, ResilienceSettings, RetrySettings
from tests.services.fake_clock import FakeClock

OUTAGE = ServerFailedError("s", "broken", status=500)
LOST = ConnectionFailedError("s", "reset", was_sent=True)
NEVER_SENT = ConnectionFailedError("s", "refused", was_sent=False)
NOT_FOUND = NotFoundError("s", "nothing", status=404)
NO_LIMITS = ResilienceSettings(breaker=BreakerSettings(failure_threshold=100))


def _limited(retry_after_s: float | None) -> RateLimitError:
    return RateLimitError("s", "second", status=429, retry_after_s=retry_after_s)


class Server:
    """Answers with what it was given, one after the other, then well; notes when it was asked."""

    def __init__(self, clock: FakeClock, *answers: ServiceError | None) -> None:
        self._clock = clock
        self._answers = list(answers)
        self.asked_at_s: list[float] = []

    def __call__(self) -> str:
        self.asked_at_s.append(self._clock.now_s)
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        return "ok"


Drive = Callable[..., str]


def _drive_sync(way: Resilience, server: Server, **options: Any) -> str:
    return way.call(server, **options)


def _drive_async(way: Resilience, server: Server, **options: Any) -> str:
    async def operation() -> str:
        await anyio.lowlevel.checkpoint()
        return server()

    async def run() -> str:
        return await way.call_async(operation, **options)

    return anyio.run(run)


@pytest.fixture(params=[_drive_sync, _drive_async], ids=["sync", "async"])
def drive(request: pytest.FixtureRequest) -> Drive:
    chosen: Drive = request.param
    return chosen


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _way(clock: FakeClock, settings_: ResilienceSettings = NO_LIMITS) -> Resilience:
    return Resilience("s", settings=settings_, clock=clock)


# --- retry ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "is_repeatable", "attempts"),
    [
        pytest.param(OUTAGE, True, 4, id="outage"),
        pytest.param(OUTAGE, False, 1, id="outage-of-what-must-not-happen-twice"),
        pytest.param(LOST, False, 1, id="lost-answer-of-what-must-not-happen-twice"),
        pytest.param(NEVER_SENT, False, 4, id="never-sent"),
        pytest.param(_limited(None), False, 4, id="refused-for-a-limit"),
        pytest.param(NOT_FOUND, True, 1, id="not-found"),
    ],
)
def test_only_what_may_help_is_tried_again(
    clock: FakeClock,
    drive: Drive,
    failure: ServiceError,
    is_repeatable: bool,  # noqa: FBT001 - a table
    attempts: int,
) -> None:
    server = Server(clock, *[failure] * 10)
    with pytest.raises(type(failure)) as caught:
        drive(_way(clock), server, is_repeatable=is_repeatable)
    assert caught.value is failure
    assert len(server.asked_at_s) == attempts


def test_a_passing_failure_does_not_show(clock: FakeClock, drive: Drive) -> None:
    assert drive(_way(clock), Server(clock, OUTAGE, LOST)) == "ok"


def test_the_servers_wait_is_kept_before_the_next_attempt(clock: FakeClock, drive: Drive) -> None:
    server = Server(clock, _limited(7.5))
    assert drive(_way(clock), server) == "ok"
    first, second = server.asked_at_s
    assert second - first == 7.5


def test_the_servers_wait_is_kept_by_everybody(clock: FakeClock, drive: Drive) -> None:
    way = _way(clock, ResilienceSettings(retry=RetrySettings(attempts=1)))
    server = Server(clock, _limited(7.5))
    with pytest.raises(RateLimitError):
        drive(way, server)
    assert drive(way, server) == "ok"
    assert server.asked_at_s[1] - server.asked_at_s[0] == 7.5


def test_a_wait_that_is_too_long_is_told_and_not_slept(clock: FakeClock, drive: Drive) -> None:
    way = _way(clock)
    server = Server(clock, _limited(3000.0))
    with pytest.raises(RateLimitError) as caught:
        drive(way, server)
    assert caught.value.status == 429
    with pytest.raises(RateLimitError) as caught:
        drive(way, server)
    assert caught.value.status is None
    assert caught.value.retry_after_s == 3000.0
    assert len(server.asked_at_s) == 1
    assert clock.slept_s == []


def test_no_attempt_starts_after_the_time_out(clock: FakeClock, drive: Drive) -> None:
    way = _way(clock, ResilienceSettings(retry=RetrySettings(attempts=100, timeout_s=45.0)))
    server = Server(clock, *[_limited(10.0)] * 100)
    with pytest.raises(RateLimitError):
        drive(way, server)
    assert [at - server.asked_at_s[0] for at in server.asked_at_s] == [0, 10, 20, 30, 40]


def test_stamina_is_told_the_servers_wait(clock: FakeClock) -> None:
    """In test mode stamina tells its hooks a wait of nothing, so here it is real, and stopped."""

    class Told(BaseException):
        pass

    def stop(details: stamina.instrumentation.RetryDetails) -> None:
        raise Told(details.wait_for)

    stamina.set_testing(False)
    stamina.instrumentation.set_on_retry_hooks([stop])
    try:
        with pytest.raises(Told) as caught:
            _way(clock).call(Server(clock, _limited(7.5)))
        assert caught.value.args == (7.5,)
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)


def test_a_bug_is_not_tried_again(clock: FakeClock) -> None:
    def operation() -> None:
        clock.advance(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _way(clock).call(operation)
    assert clock.now_s == 1001.0


# --- limits ---------------------------------------------------------------------------------------


def test_calls_are_held_back_to_the_limit(clock: FakeClock, drive: Drive) -> None:
    limit = ClientLimit(name="second", calls=5, kind=LimitKind.SPACED)
    way = _way(clock, ResilienceSettings(limits=(limit,)))
    server = Server(clock)
    for _ in range(11):
        drive(way, server)
    assert server.asked_at_s[-1] - server.asked_at_s[0] == pytest.approx(2.0, abs=0.02)


def test_endpoints_have_limits_of_their_own_within_the_common_one(clock: FakeClock) -> None:
    limits = (
        ClientLimit(name="all", calls=3, guard_s=0),
        ClientLimit(name="each", calls=1, guard_s=0, is_per_endpoint=True),
    )
    way = _way(clock, ResilienceSettings(limits=limits))
    server = Server(clock)
    for endpoint in ("a", "b", "a", "c", "d"):
        way.call(server, endpoint=endpoint)
    seconds = [round(at - 1000.0, 2) for at in server.asked_at_s]
    # The second a waits for a; then c passes; d waits for the three of the last second.
    assert seconds == [0.0, 0.0, 1.0, 1.0, 1.0]


def test_a_limit_that_takes_too_long_is_told(clock: FakeClock, drive: Drive) -> None:
    limit = ClientLimit(name="hour", calls=1, window_s=3600.0, kind=LimitKind.ALIGNED)
    way = _way(clock, ResilienceSettings(limits=(limit,)))
    server = Server(clock)
    drive(way, server)
    with pytest.raises(RateLimitError, match=r"rate limit exceeded: hour, 1 in 3600 s") as caught:
        drive(way, server)
    assert caught.value.retry_after_s is not None
    clock.advance(caught.value.retry_after_s)
    assert drive(way, server) == "ok"


@settings(max_examples=20, deadline=None)
@given(
    calls=st.integers(1, 10),
    tasks=st.integers(1, 40),
    kind=st.sampled_from([LimitKind.ROLLING, LimitKind.SPACED]),
)
def test_concurrent_calls_stay_below_the_limit(calls: int, tasks: int, kind: LimitKind) -> None:
    clock = FakeClock()
    way = _way(clock, ResilienceSettings(limits=(ClientLimit(name="l", calls=calls, kind=kind),)))
    asked = _ask_at_once(way, clock, tasks, takes_s=0.01)
    assert len(asked) == tasks
    for start in asked:
        assert sum(start <= at < start + 0.998 for at in asked) <= calls


def test_nobody_goes_out_while_the_server_wants_a_pause(clock: FakeClock) -> None:
    limit = ClientLimit(name="l", calls=2, kind=LimitKind.SPACED)
    way = _way(clock, ResilienceSettings(limits=(limit,)))
    way.pause(10.0)
    asked = [at - 1000.0 for at in _ask_at_once(way, clock, 5)]
    # And then they do not go out all at once.
    assert asked == pytest.approx([10.0, 10.5, 11.0, 11.5, 12.0], abs=0.01)


def _ask_at_once(
    way: Resilience, clock: FakeClock, tasks: int, *, takes_s: float = 0.0
) -> list[float]:
    asked: list[float] = []

    async def operation() -> None:
        asked.append(clock.now_s)
        if takes_s:
            await clock.sleep_async(takes_s)

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(_call, way, operation)

    anyio.run(run)
    return asked


async def _call(way: Resilience, operation: Callable[[], Awaitable[None]]) -> None:
    await way.call_async(operation)


# --- bulkhead -------------------------------------------------------------------------------------


def test_no_more_calls_are_under_way_than_allowed(clock: FakeClock) -> None:
    way = _way(clock, ResilienceSettings(max_running=3))
    running, most = 0, 0

    async def operation() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await clock.sleep_async(1.0)
        running -= 1

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(_call, way, operation)

    anyio.run(run)
    assert (most, clock.now_s) == (3, 1004.0)


def test_who_finds_no_place_to_wait_fails_at_once(clock: FakeClock) -> None:
    way = _way(clock, ResilienceSettings(max_running=1, max_waiting=1))
    outcomes: list[str] = []

    async def one() -> None:
        try:
            await way.call_async(lambda: clock.sleep_async(1.0))
            outcomes.append("ok")
        except BulkheadFullError as error:
            outcomes.append(f"{error.running} and {error.waiting}")

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(one)

    anyio.run(run)
    assert outcomes == ["1 and 1", "ok", "ok"]


def test_threads_are_counted_like_tasks(clock: FakeClock) -> None:
    way = _way(clock, ResilienceSettings(max_running=3, max_waiting=0))
    entered, leave = threading.Barrier(4), threading.Event()

    def operation() -> None:
        entered.wait(timeout=10)
        leave.wait(timeout=10)

    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(way.call, operation) for _ in range(3)]
        entered.wait(timeout=10)
        with pytest.raises(BulkheadFullError, match="3 calls are under way and 0 wait already"):
            way.call(operation)
        leave.set()
        for call in calls:
            call.result(timeout=10)


def test_a_cancelled_call_gives_its_place_back(clock: FakeClock) -> None:
    way = _way(clock, ResilienceSettings(max_running=1, max_waiting=0))

    async def run() -> None:
        with anyio.move_on_after(0):
            await way.call_async(anyio.sleep_forever)
        await way.call_async(anyio.lowlevel.checkpoint)

    anyio.run(run)
    assert way.breaker.state is BreakerState.CLOSED


# --- breaker --------------------------------------------------------------------------------------

BREAKING = ResilienceSettings(
    retry=RetrySettings(attempts=1),
    breaker=BreakerSettings(failure_threshold=5, window_calls=5, open_s=30.0, probes=2),
)


def _break(way: Resilience, clock: FakeClock, drive: Drive) -> None:
    for _ in range(5):
        with pytest.raises(ServerFailedError):
            drive(way, Server(clock, OUTAGE))
    assert way.breaker.state is BreakerState.OPEN


def test_an_open_breaker_lets_nothing_through_and_says_for_how_long(
    clock: FakeClock, drive: Drive
) -> None:
    way = _way(clock, BREAKING)
    _break(way, clock, drive)
    clock.advance(10.0)
    server = Server(clock)
    with pytest.raises(CircuitOpenError, match="circuit breaker of s is open") as caught:
        drive(way, server)
    assert caught.value.retry_after_s == 20.0
    assert server.asked_at_s == []


def test_an_open_breaker_is_not_retried(clock: FakeClock, drive: Drive) -> None:
    way = _way(clock, ResilienceSettings(breaker=BREAKING.breaker))
    server = Server(clock, *[OUTAGE] * 50)
    for _ in range(3):
        with pytest.raises(ServiceError):
            drive(way, server)
    # Four attempts of the first call and one of the second: then it is open.
    assert len(server.asked_at_s) == 5


def test_a_breaker_closes_when_its_probes_do_well(clock: FakeClock, drive: Drive) -> None:
    way = _way(clock, BREAKING)
    _break(way, clock, drive)
    clock.advance(30.0)
    states = []
    for _ in range(2):
        assert drive(way, Server(clock)) == "ok"
        states.append(way.breaker.state)
    assert states == [BreakerState.HALF_OPEN, BreakerState.CLOSED]


def test_a_breaker_opens_again_when_a_probe_fails(clock: FakeClock, drive: Drive) -> None:
    way = _way(clock, BREAKING)
    _break(way, clock, drive)
    clock.advance(30.0)
    for _ in range(2):
        with pytest.raises(ServerFailedError):
            drive(way, Server(clock, OUTAGE))
    assert way.breaker.state is BreakerState.OPEN


def test_one_of_twenty_concurrent_callers_probes_a_half_open_breaker(clock: FakeClock) -> None:
    way = _way(clock, BREAKING)
    _break(way, clock, _drive_sync)
    clock.advance(30.0)
    asked, refused = 0, 0

    async def operation() -> None:
        nonlocal asked
        asked += 1
        await clock.sleep_async(1.0)

    async def one() -> None:
        nonlocal refused
        try:
            await way.call_async(operation)
        except CircuitOpenError:
            refused += 1

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(one)

    anyio.run(run)
    assert (asked, refused) == (1, 19)


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(NOT_FOUND, id="not-found"),
        pytest.param(_limited(None), id="rate-limit"),
    ],
)
def test_what_says_nothing_about_health_does_not_open_it(
    clock: FakeClock, drive: Drive, failure: ServiceError
) -> None:
    way = _way(clock, BREAKING)
    for _ in range(20):
        with pytest.raises(type(failure)):
            drive(way, Server(clock, failure))
    assert way.breaker.state is BreakerState.CLOSED


def test_calls_that_waited_while_it_opened_do_not_go_out(clock: FakeClock) -> None:
    limit = ClientLimit(name="l", calls=1, kind=LimitKind.SPACED)
    way = _way(
        clock, ResilienceSettings(retry=BREAKING.retry, breaker=BREAKING.breaker, limits=(limit,))
    )
    outcomes: list[type[Exception]] = []

    async def failing() -> None:
        raise ServerFailedError("s", "broken")

    async def one() -> None:
        try:
            await way.call_async(failing)
        except ServiceError as error:
            outcomes.append(type(error))

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(one)

    anyio.run(run)
    assert outcomes == [ServerFailedError] * 5 + [CircuitOpenError] * 3
