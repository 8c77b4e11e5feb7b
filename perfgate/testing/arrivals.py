"""Arrivals at a limiter over time: how many it let through, and the most of them in any window."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Arrival", "Rate", "busiest_window", "rate_from_first_refusal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One call as the limiter saw it, or as the caller did."""

    at_s: float
    is_allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rate with the interval that counting leaves open, per second."""

    per_s: float
    low_per_s: float
    high_per_s: float


def busiest_window(arrivals: Sequence[Arrival], window_s: float) -> int:
    """Return the most calls that were let through in any window of this length, open at its end."""
    times_s = sorted(arrival.at_s for arrival in arrivals if arrival.is_allowed)
    most = first = 0
    for last, at_s in enumerate(times_s):
        while at_s - times_s[first] >= window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def rate_from_first_refusal(
    arrivals: Sequence[Arrival], *, window_s: float, end_s: float
) -> Rate | None:
    """Return the rate over as many whole windows as lie between the first refusal and the end.

    Only whole windows, for a limiter that counts by the clock lets all through in the first part
    of each. From the first refusal, for before it a burst may have gone through. None without a
    refusal or a whole window after it.
    """
    refused = [arrival.at_s for arrival in arrivals if not arrival.is_allowed]
    if not refused:
        return None
    begin_s = min(refused)
    windows = int((end_s - begin_s) / window_s + 1e-6)
    if not windows:
        return None
    span_s = windows * window_s
    count = sum(
        arrival.is_allowed and begin_s <= arrival.at_s < begin_s + span_s for arrival in arrivals
    )
    # Either edge of the span may fall on either side of one call, and in each window the limiter
    # may have been ready up to one arrival before anybody came.
    return Rate(
        per_s=count / span_s,
        low_per_s=max(0, count - 1) / span_s,
        high_per_s=(count + 1 + windows) / span_s,
    )
