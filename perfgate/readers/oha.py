"""oha's JSON (``--output-format json``, before 1.5 ``-j``): one load test, in seconds."""

from pathlib import Path
from typing import Final

import msgspec

from perfgate.model import Results
from perfgate.readers.document import check_keys, decode
from perfgate.readers.summary import Amount, Latencies, Runs, Whole, load_run, results_of

__all__ = ["read_oha"]

_CUT_OFF: Final = "aborted due to deadline"
_GOOD: Final = frozenset("123")
"""First digits of a status that is no error."""


class _Summary(msgspec.Struct, frozen=True, rename="camel"):
    fastest: Amount | None
    """None, as the others, where no request was answered."""
    slowest: Amount | None
    average: Amount | None
    requests_per_sec: Amount


class _Percentiles(msgspec.Struct, frozen=True):
    p50: Amount | None
    p90: Amount | None
    p95: Amount | None
    p99: Amount | None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    summary: _Summary
    latency_percentiles: _Percentiles
    status_code_distribution: dict[str, Whole]
    error_distribution: dict[str, Whole]


def read_oha(path: Path, data: bytes) -> Results:
    """Read one load test; the file does not say of what, so its name does.

    Raises:
        InputFileError: it is damaged, or no request was answered.
    """
    document = decode(path, data, _Document)
    check_keys(path, data)
    summary, percentiles = document.summary, document.latency_percentiles
    median_s = percentiles.p50 or 0.0
    run = load_run(
        path,
        "latencyPercentiles",
        Latencies(
            typical_s=median_s,
            median_s=median_s,
            min_s=summary.fastest,
            mean_s=summary.average,
            p90_s=percentiles.p90,
            p95_s=percentiles.p95,
            p99_s=percentiles.p99,
            max_s=summary.slowest,
        ),
        sum(document.status_code_distribution.values()),
        {"ops_per_s": summary.requests_per_sec, **_rates(document)},
    )
    runs = Runs(path, "oha")
    runs.add("", path.stem, [run])
    return results_of(runs)


def _rates(document: _Document) -> dict[str, float]:
    """Return the share of answers below 400: for oha itself a 500 is a success.

    What was under way when the time was up is neither, as oha has it.
    """
    answers, errors = document.status_code_distribution, document.error_distribution
    failed = sum(count for error, count in errors.items() if error != _CUT_OFF)
    total = sum(answers.values()) + failed
    good = sum(count for status, count in answers.items() if status[:1] in _GOOD)
    success_rate = good / total if total else 0.0
    return {"success_rate": success_rate, "error_rate": 1 - success_rate}
