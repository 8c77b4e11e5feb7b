"""Does a rate limiter let through what it promises, whatever the pattern of the calls?

The calls come in an open load: callers that wait for their answers slow down with the limiter and
never reach it. A batch of ten against a limit of 100/s offers 63/s and sees no refusal at all.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import anyio

from perfgate.load import Clock, LoadResult
from perfgate.testing.arrivals import Arrival, Rate, busiest_window, rate_from_first_refusal
from perfgate.testing.operations import as_they_are
from perfgate.testing.trial import ServiceOperation, Trial
from perfgate.testing.verdict import Check, LoadVerdict
from perfgate.units import format_number

__all__ = ["LimitedHit", "RateLimitResult", "RateLimitTester"]

MIN_OFFERED: Final = 1.5
"""Of the limit; below, nobody knows whether the limiter would have refused more."""
TOLERANCE: Final = 0.05
"""Of the limit, for the time between the caller's clock and the limiter's."""

_BURST_FACTOR: Final = 4
_BEFORE_EDGE: Final = 0.25
_MIN_WINDOWS: Final = 2


class LimitedHit(Protocol):
    """An arrival that an upstream logged; those of perfgate.testing.upstream fit."""

    @property
    def at_s(self) -> float:
        """When, on ``time.monotonic()``."""

    @property
    def is_limited(self) -> bool:
        """Whether a limit refused it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitResult:
    """What a limiter did with more calls than it promises to let through."""

    expected_limit: int
    window_s: float
    attempted: int
    successful: int
    rate_limit_errors: int
    other_errors: int
    duration_s: float
    offered_per_s: float
    rate: Rate | None
    """What went through per second once the limiter was at its limit."""
    most_in_a_window: int
    """The most that went through in any window of this length, wherever it begins."""
    retry_after_s: float | None
    """The longest wait that a refusal asked for; None where none did."""
    has_recovered: bool | None
    """Whether a call after a quiet window went through."""
    is_isolated: bool | None
    """Whether a call with another key went through meanwhile; None where none was made."""
    is_delaying: bool
    """Whether calls waited in the client instead of being refused."""
    check: Check

    @property
    def verdict(self) -> LoadVerdict:
        """Passed, failed or inconclusive; ``check`` says why."""
        return self.check.verdict

    @property
    def within_expected_limit(self) -> bool:
        """Whether no more went through than promised, in any window."""
        return not any(text.startswith("too many") for text in self.check.failures)

    @property
    def rate_limiting_working(self) -> bool:
        """Whether the limiter stopped what is too much, and nothing else."""
        return self.verdict is LoadVerdict.PASSED

    def require(self) -> None:
        """Do nothing if the limiter is right.

        Raises:
            AssertionError: it is wrong, or nobody can say.
        """
        self.check.require()


class RateLimitTester:
    """Tests limiters with loads that they must refuse.

    Args:
        clock: The service's own virtual clock; the real one where it is None. With a virtual
            clock an hour's quota takes no time.
        hits: Returns the arrivals that the upstream has logged since the beginning of the test:
            they decide then, not what the caller saw.
        other_key: A call for which another limit counts; it must go through all the time.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        hits: Callable[[], Sequence[LimitedHit]] | None = None,
        other_key: ServiceOperation | None = None,
    ) -> None:
        self._clock = clock
        self._hits = hits
        self._other_key = other_key

    async def validate_rate_limit(  # noqa: PLR0913 - three of them may only be named
        self,
        service: Any,
        operation: ServiceOperation,
        expected_limit: int,
        time_window_ms: float = 60_000,
        *,
        burst: int = 0,
        offered: float = 2.0,
        windows: int = 3,
    ) -> RateLimitResult:
        """Offer more than the limit, rest for a window, and offer a burst across a window's edge.

        Takes about ``windows + 2.5`` windows. A limiter that counts by the clock lets twice its
        limit through at an edge; only calls that keep quiet before it show that.

        Args:
            service: Given to the operation.
            operation: One call; a refusal raises, or returns an answer of status 429.
            expected_limit: Calls per window that the limiter promises to let through.
            time_window_ms: Length of the window.
            burst: Calls beyond the limit that a window may hold after a rest, such as the size
                of a token bucket.
            offered: Calls offered, in multiples of the limit; at least 1.5.
            windows: How long they are offered; at least 2.

        Raises:
            ValueError: ``offered`` or ``windows`` is too small to tell anything.
        """
        if offered < MIN_OFFERED or windows < _MIN_WINDOWS or expected_limit < 1:
            raise ValueError(
                f"offered must be at least {MIN_OFFERED}, windows {_MIN_WINDOWS}, the limit 1"
            )
        window_s = time_window_ms / 1000
        trial = Trial(service, operation, clock=self._clock)
        begun_s = trial.now_s()
        rate_per_s = offered * expected_limit / window_s
        other = Trial(service, self._other_key, clock=self._clock) if self._other_key else None
        with as_they_are():
            async with anyio.create_task_group() as tasks:
                if other is not None:
                    tasks.start_soon(other.offer, windows / window_s, windows * window_s)
                load = await trial.offer(rate_per_s, windows * window_s)
        saturated_s = trial.now_s()
        known_until_s = saturated_s if self._hits else trial.known_until_s()
        has_recovered = await self._burst_across_edge(trial, expected_limit, window_s)
        return _judge(
            _Facts(
                limit=expected_limit,
                window_s=window_s,
                burst=burst,
                hits=self._arrivals(),
                trial=trial,
                load=load,
                offered_per_s=(load.count + load.unfinished) / (saturated_s - begun_s),
                begun_s=begun_s,
                saturated_s=saturated_s,
                known_until_s=known_until_s,
                has_recovered=has_recovered,
                is_isolated=None if other is None else other.refused == 0 and other.allowed > 0,
            )
        )

    async def _burst_across_edge(self, trial: Trial, limit: int, window_s: float) -> bool:
        """Rest, open a window with one call, and offer a burst from shortly before its end.

        Returns:
            Whether that one call went through.
        """
        edge_s = trial.last_resumption_s() or trial.now_s()
        rested_s = edge_s + window_s * math.ceil((trial.now_s() - edge_s) / window_s + 1)
        await trial.sleep_until(rested_s + 0.01 * window_s)
        allowed = trial.allowed
        await trial.once()
        has_recovered = trial.allowed > allowed
        await trial.sleep_until(rested_s + window_s * (1 - _BEFORE_EDGE))
        await trial.offer(_BURST_FACTOR * limit / window_s, 2 * _BEFORE_EDGE * window_s)
        return has_recovered

    def _arrivals(self) -> Sequence[Arrival] | None:
        if self._hits is None:
            return None
        return [Arrival(at_s=hit.at_s, is_allowed=not hit.is_limited) for hit in self._hits()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    limit: int
    window_s: float
    burst: int
    hits: Sequence[Arrival] | None
    trial: Trial
    load: LoadResult
    offered_per_s: float
    begun_s: float
    saturated_s: float
    known_until_s: float
    has_recovered: bool
    is_isolated: bool | None

    @property
    def is_delaying(self) -> bool:
        """Whether calls pile up that nobody refused."""
        return not self.trial.refused and self.load.unfinished > TOLERANCE * self.limit

    @property
    def seen(self) -> Sequence[Arrival]:
        """When calls were let through or refused, from where it can be seen best."""
        if self.hits is not None:
            return self.hits
        return self.trial.completions if self.is_delaying else self.trial.arrivals


def _judge(facts: _Facts) -> RateLimitResult:
    trial, limit, window_s = facts.trial, facts.limit, facts.window_s
    rate = _rate(facts)
    most = busiest_window(facts.seen, window_s)
    return RateLimitResult(
        expected_limit=limit,
        window_s=window_s,
        attempted=trial.attempted,
        successful=trial.allowed,
        rate_limit_errors=trial.refused,
        other_errors=trial.failed,
        duration_s=trial.now_s() - facts.begun_s,
        offered_per_s=facts.offered_per_s,
        rate=rate,
        most_in_a_window=most,
        retry_after_s=trial.retry_after_s,
        has_recovered=facts.has_recovered,
        is_isolated=facts.is_isolated,
        is_delaying=facts.is_delaying,
        check=Check(
            subject=f"limit of {limit} in {window_s:g} s",
            failures=tuple(_failures(facts, rate, most)),
            doubts=tuple(_doubts(facts, rate)),
        ),
    )


def _rate(facts: _Facts) -> Rate | None:
    seen = [arrival for arrival in facts.seen if arrival.at_s < facts.saturated_s]
    if facts.is_delaying:
        # Nothing is refused: the limiter is at its limit once calls pile up, after a window.
        seen = [Arrival(at_s=facts.begun_s + facts.window_s, is_allowed=False), *seen]
        return rate_from_first_refusal(seen, window_s=facts.window_s, end_s=facts.saturated_s)
    return rate_from_first_refusal(seen, window_s=facts.window_s, end_s=facts.known_until_s)


def _failures(facts: _Facts, rate: Rate | None, most: int) -> list[str]:
    limit, window_s = facts.limit, facts.window_s
    slack = max(1.0, TOLERANCE * limit)
    failures = []
    if not facts.trial.refused and not facts.is_delaying:
        failures.append(f"nothing was refused at {format_number(facts.offered_per_s)}/s")
    if most > limit + facts.burst + slack:
        failures.append(f"too many: {most} went through within {window_s:g} s")
    if rate is not None and rate.low_per_s * window_s > limit + slack:
        failures.append(f"too many: {format_number(rate.per_s)}/s went through in the long run")
    # Calls that never came or never arrived say nothing against the limiter.
    is_sure = not _doubts(facts, rate)
    if is_sure and rate is not None and rate.high_per_s * window_s < limit - slack:
        failures.append(f"too few: {format_number(rate.per_s)}/s went through in the long run")
    if is_sure and not facts.has_recovered:
        failures.append("refused a call after a quiet window")
    if facts.is_isolated is False:
        failures.append("refused calls with another key")
    return failures


def _doubts(facts: _Facts, rate: Rate | None) -> list[str]:
    limit_per_s = facts.limit / facts.window_s
    doubts = []
    if facts.offered_per_s < MIN_OFFERED * limit_per_s * (1 - TOLERANCE):
        offered, allowed = format_number(facts.offered_per_s), format_number(limit_per_s)
        doubts.append(f"only {offered}/s were offered of the {allowed}/s allowed")
    if facts.load.dropped:
        doubts.append(f"{facts.load.dropped} calls were dropped")
    if rate is None:
        doubts.append("no whole window after the first refusal")
    if facts.trial.failed:
        doubts.append(f"{facts.trial.failed} calls failed otherwise")
    return doubts
