"""Locust's statistics, from ``--json`` and from ``--csv`` (``_stats.csv``); knows all their keys.

Locust rounds each time, to 1 ms below 100 ms and to two digits above, before it counts it: a
median of 12 ms jumps by 8 %. Its sums are exact, so the mean request is what is compared.
"""

import csv
import io
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from perfgate.model import Results
from perfgate.readers.document import Count, check_keys, decode, fault
from perfgate.readers.summary import Amount, Latencies, Runs, Whole, load_run, results_of

__all__ = ["is_locust_csv", "read_locust", "read_locust_csv"]

_MS: Final = 1e-3
_SMALLEST_MS: Final = 0.5
"""What Locust rounds to 0 took at most that; 0 is no time."""
_COLUMNS: Final = (
    "Type",
    "Name",
    "Request Count",
    "Failure Count",
    "Median Response Time",
    "Average Response Time",
    "Min Response Time",
    "Max Response Time",
    "Requests/s",
    "90%",
    "95%",
    "99%",
)
_HEAD: Final = b"Type,Name,Request Count,Failure Count,"

_Key = Annotated[str, msgspec.Meta(pattern=r"^\d{1,9}(\.\d{1,9})?$")]


class _Entry(msgspec.Struct, frozen=True):
    name: str
    num_requests: Whole
    num_failures: Whole
    total_response_time: Amount
    max_response_time: Amount
    response_times: dict[_Key, Count]
    """How many requests took so many rounded milliseconds."""
    start_time: Amount
    last_request_timestamp: Amount | None
    min_response_time: Amount | None
    method: str | None = None


def read_locust(path: Path, data: bytes) -> Results:
    """Read what ``--json`` printed or ``--json-file`` wrote: one benchmark for each request name.

    Raises:
        InputFileError: it is damaged or holds no request.
    """
    entries = decode(path, data, list[_Entry])
    check_keys(path, data)
    runs = Runs(path, "locust")
    for index, entry in enumerate(entries):
        place = f"[{index}]"
        if not entry.num_requests:
            continue
        run = load_run(
            path,
            place,
            _latencies(path, place, entry),
            entry.num_requests,
            _metrics(entry),
        )
        runs.add(f"{place}.name", _label(entry.method or "", entry.name), [run])
    return results_of(runs)


def _latencies(path: Path, place: str, entry: _Entry) -> Latencies:
    counted = sum(entry.response_times.values())
    if not counted or counted > entry.num_requests:
        problem = f"counts {counted} requests where num_requests says {entry.num_requests}"
        raise fault(path, f"{place}.response_times", problem)
    times = sorted((float(key), count) for key, count in entry.response_times.items())
    mean_s = entry.total_response_time / entry.num_requests * _MS
    quantiles = [_quantile_s(times, percent) for percent in (50, 90, 95, 99)]
    return Latencies(
        typical_s=mean_s,
        median_s=quantiles[0],
        # not rounded, where the quantiles are
        min_s=min((entry.min_response_time or 0.0) * _MS or quantiles[0], quantiles[0]),
        mean_s=mean_s,
        p90_s=quantiles[1],
        p95_s=quantiles[2],
        p99_s=quantiles[3],
        max_s=max(entry.max_response_time * _MS, quantiles[3]),
    )


def _quantile_s(times: list[tuple[float, int]], percent: int) -> float:
    """Return the nearest-rank quantile of what was counted."""
    reached = itertools.accumulate(count for _, count in times)
    rank = -(-percent * sum(count for _, count in times) // 100)
    index = next(index for index, count in enumerate(reached) if count >= rank)
    return max(times[index][0], _SMALLEST_MS) * _MS


def _metrics(entry: _Entry) -> dict[str, float]:
    rates = _rates(entry.num_failures, entry.num_requests)
    duration_s = (entry.last_request_timestamp or 0.0) - entry.start_time
    return rates | ({"ops_per_s": entry.num_requests / duration_s} if duration_s > 0 else {})


def _rates(failures: int, requests: int) -> dict[str, float]:
    error_rate = min(1.0, failures / requests)
    return {"error_rate": error_rate, "success_rate": 1 - error_rate}


def _label(method: str, name: str) -> str:
    return f"{method} {name}".strip()


# --- CSV ---------------------------------------------------------------------------------------


def is_locust_csv(data: bytes) -> bool:
    """Say whether a text begins with the head of ``_stats.csv``."""
    return data.startswith(_HEAD)


def read_locust_csv(path: Path, data: bytes) -> Results:
    """Read ``_stats.csv``: its percentiles are whole milliseconds, its last second may be missing.

    Raises:
        InputFileError: it is damaged or holds no request.
    """
    rows = csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True)
    runs = Runs(path, "locust")
    try:
        for number, row in enumerate(rows, start=2):
            _add_row(path, f"row {number}", row, runs)
    except csv.Error as error:
        raise fault(path, f"line {rows.line_num}", f"is not CSV: {error}") from error
    return results_of(runs)


def _add_row(path: Path, place: str, row: Mapping[str | None, str | None], runs: Runs) -> None:
    lacking = next((column for column in _COLUMNS if row.get(column) is None), None)
    if lacking is not None or None in row:
        raise fault(path, place, f"has no {lacking}" if lacking else "has more cells than the head")
    if row["Name"] == "Aggregated" and not row["Type"]:
        return
    values = {
        column: _cell(path, f"{place}, {column}", row[column] or "") for column in _COLUMNS[2:]
    }
    requests, failures = int(values["Request Count"]), int(values["Failure Count"])
    if not requests:
        return
    mean_s = values["Average Response Time"] * _MS
    median_s = max(values["Median Response Time"], _SMALLEST_MS) * _MS
    quantiles = [max(values[column] * _MS, median_s) for column in ("90%", "95%", "99%")]
    latencies = Latencies(
        typical_s=mean_s,
        median_s=median_s,
        min_s=min(values["Min Response Time"] * _MS or median_s, median_s),
        mean_s=mean_s,
        p90_s=quantiles[0],
        p95_s=quantiles[1],
        p99_s=quantiles[2],
        max_s=max(values["Max Response Time"] * _MS, quantiles[2]),
    )
    metrics = _rates(failures, requests) | {"ops_per_s": values["Requests/s"]}
    run = load_run(path, place, latencies, requests, metrics)
    runs.add(f"{place}, Name", _label(row["Type"] or "", row["Name"] or ""), [run])


def _cell(path: Path, place: str, text: str) -> float:
    """Read a number as msgspec does, so that neither ``nan`` nor ``1_0`` is one."""
    return decode(path, text.encode() or b" ", Amount, place)
