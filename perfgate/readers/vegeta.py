"""vegeta's JSON report (``vegeta report -type=json``): one attack, in nanoseconds."""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from perfgate.model import Results
from perfgate.readers.document import Count, check_keys, decode
from perfgate.readers.summary import Amount, Latencies, Runs, load_run, results_of

__all__ = ["read_vegeta"]

_NS_PER_S: Final = 1e9


class _Latencies(msgspec.Struct, frozen=True):
    mean: Amount
    max: Amount
    p50: Amount = msgspec.field(name="50th")
    p95: Amount = msgspec.field(name="95th")
    p99: Amount = msgspec.field(name="99th")
    p90: Amount | UnsetType = msgspec.field(name="90th", default=UNSET)
    """Since vegeta 12.8, as is the least."""
    min: Amount | UnsetType = UNSET


class _Report(msgspec.Struct, frozen=True):
    latencies: _Latencies
    requests: Count
    rate: Amount
    success: Amount
    throughput: Amount | UnsetType = UNSET
    """Successful requests per second; since vegeta 12.2."""


def read_vegeta(path: Path, data: bytes) -> Results:
    """Read one attack; the report does not say of what, so its file names it.

    Raises:
        InputFileError: it is damaged, or nothing was attacked.
    """
    report = decode(path, data, _Report)
    check_keys(path, data)
    found = report.latencies
    run = load_run(
        path,
        "latencies",
        Latencies(
            typical_s=found.p50 / _NS_PER_S,
            median_s=found.p50 / _NS_PER_S,
            min_s=None if found.min is UNSET else found.min / _NS_PER_S,
            mean_s=found.mean / _NS_PER_S,
            p90_s=None if found.p90 is UNSET else found.p90 / _NS_PER_S,
            p95_s=found.p95 / _NS_PER_S,
            p99_s=found.p99 / _NS_PER_S,
            max_s=found.max / _NS_PER_S,
        ),
        report.requests,
        {
            "ops_per_s": report.rate if report.throughput is UNSET else report.throughput,
            "success_rate": report.success,
            "error_rate": 1 - report.success,
        },
    )
    runs = Runs(path, "vegeta")
    runs.add("", path.stem, [run])
    return results_of(runs)
