"""How long a server wants to be left alone, read from the headers of its answers."""

import email.utils
import math
from collections.abc import Mapping

__all__ = ["server_wait_s"]

_QUOTAS = (
    ("x-contentful-ratelimit-second-remaining", "x-contentful-ratelimit-reset"),
    ("x-contentful-ratelimit-hour-remaining", "x-contentful-ratelimit-reset"),
    ("x-featureratelimit-remaining", "x-featureratelimit-reset"),
)
REFUSALS = frozenset({420, 429, 503})
"""Statuses whose answers may say when to come back; Cloudinary's 420 is not in the RFCs."""


def server_wait_s(status: int, headers: Mapping[str, str], *, wall_s: float) -> float | None:
    """Return the seconds until the server wants the next request; None if it does not care.

    After a refusal the longest of what the server names counts. After a success the server is
    heeded where it says that nothing is left of a quota, for the next request would be refused.

    Args:
        status: Of the answer.
        headers: With names in lower case.
        wall_s: Seconds since 1970 now, for headers that name a date.
    """
    if status in REFUSALS:
        names = ("retry-after", *(reset for _, reset in _QUOTAS))
        waits = [_seconds(headers[name], wall_s) for name in names if name in headers]
    else:
        waits = [
            _seconds(headers.get(reset, ""), wall_s)
            for remaining, reset in _QUOTAS
            if headers.get(remaining) == "0"
        ]
    known = [wait for wait in waits if wait is not None]
    wait_s = max(known, default=None)
    return wait_s if wait_s is None or wait_s > 0 or status in REFUSALS else None


def _seconds(text: str, wall_s: float) -> float | None:
    """Read a number of seconds or a date of RFC 9110; None for anything else."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = date.timestamp() - wall_s
    return max(0.0, seconds) if math.isfinite(seconds) else None
