"""How long to wait before a request is sent again: pure functions of GitHub's answer.

After docs.github.com, "Best practices for using the REST API": ``retry-after`` first, then
``x-ratelimit-reset`` where nothing remains, else at least a minute after a secondary limit.
"""

import datetime as dt
import email.utils
from collections.abc import Mapping
from typing import Final

__all__ = ["backoff_s", "rate_limit_wait_s"]

_SECONDARY_S: Final = 60.0
_RATE_LIMITED: Final = frozenset({403, 429})
_TOO_MANY: Final = 429


def rate_limit_wait_s(
    status: int, headers: Mapping[str, str], message: str, *, attempt: int, now: dt.datetime
) -> float | None:
    """Return the pause that a rate limit asks for; None where the answer is not about one.

    Args:
        status: Of the answer.
        headers: Of the answer, looked up in lower case.
        message: What GitHub says in the body.
        attempt: Number of the request that was refused, from 1.
        now: Used where the answer has no date; GitHub's own clock is the better one.
    """
    if status not in _RATE_LIMITED:
        return None
    after = headers.get("retry-after", "")
    if after.isdecimal():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        there = _date(headers.get("date", "")) or now
        return max(0.0, float(reset) - there.timestamp()) + 1
    if status == _TOO_MANY or "secondary rate limit" in message.lower():
        return _SECONDARY_S * attempt
    return None


def backoff_s(attempt: int) -> float:
    """Return the pause after a failure of the server or the way to it: 1, 2, 4 ... seconds."""
    return float(2 ** (attempt - 1))


def _date(text: str) -> dt.datetime | None:
    try:
        return email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
