"""What wrk and wrk2 print, and the percentile tables of HdrHistogram; knows those texts alone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perfgate.model import Results
from perfgate.readers.document import fault
from perfgate.readers.scales import quantity_seconds
from perfgate.readers.summary import Latencies, Runs, load_run, results_of

__all__ = ["is_histogram", "is_wrk", "read_histogram", "read_wrk"]

_MS: Final = 1e-3
"""The unit of wrk2's table; one that another program wrote does not name its unit."""
_HEADING: Final = re.compile(
    r"^ *Value +Percentile +TotalCount +1/\(1-Percentile\) *$", re.MULTILINE
)
_ROW: Final = re.compile(r" *(\d+\.\d+) +([01]\.\d+) +\d+(?: +(?:\d+\.\d+|inf|Infinity))? *")
_END: Final = re.compile(
    r"#\[Mean += +(?P<mean>\d+\.\d+), StdDeviation += +\d+\.\d+\]\r?\n"
    r" *#\[Max += +(?P<max>\d+\.\d+), Total ?[cC]ount += +(?P<count>\d{1,15})(?:\.0+)?\]\r?\n"
    r" *#\[Buckets += +\d+, SubBuckets += +\d+\]"
)
_TARGET: Final = re.compile(r"Running .+ test @ (?P<url>\S+)")
_AVERAGE: Final = re.compile(
    r"^ +Latency +(?P<mean>[\d.]+\w+) +[\d.]+\w+ +(?P<max>[\d.]+\w+) ", re.MULTILINE
)
_QUANTILE: Final = re.compile(r"^ *(\d+(?:\.\d+)?)% +([\d.]+\w+) *$", re.MULTILINE)
_TOTAL: Final = re.compile(r"^ *(?P<count>\d{1,15}) requests in \S+, \S+ read *$", re.MULTILINE)
_RATE: Final = re.compile(
    r"^Requests/sec: +(?P<rate>\d+\.\d\d) *\r?\nTransfer/sec: +\S+B\r?$", re.MULTILINE
)
_SOCKET: Final = re.compile(
    r"^ *Socket errors: connect (\d{1,15}), read (\d{1,15}), write (\d{1,15}), timeout (\d{1,15})",
    re.MULTILINE,
)
_STATUS: Final = re.compile(r"^ *Non-2xx or 3xx responses: (\d{1,15})", re.MULTILINE)
_WANTED: Final = (0.5, 0.9, 0.95, 0.99)
_REACH: Final = 0.3
"""How far above a quantile the next row may lie, as a share of what is left above it."""


def is_wrk(data: bytes) -> bool:
    """Say whether a text begins as wrk's output does."""
    return data.lstrip().startswith(b"Running ") and b" test @ " in data


def is_histogram(data: bytes) -> bool:
    """Say whether a text begins as a percentile table does."""
    return data.split(maxsplit=3)[:3] == [b"Value", b"Percentile", b"TotalCount"]


def read_wrk(path: Path, data: bytes) -> Results:
    """Read what wrk or wrk2 printed: one load test, named by its URL.

    Raises:
        InputFileError: it is cut short, or holds no percentiles (``--latency``).
    """
    text = data.decode()
    target, total, rate = _TARGET.search(text), _TOTAL.search(text), _RATE.search(text)
    if target is None or total is None or rate is None:
        raise fault(path, "", "is cut short: it does not end with requests and transfer per second")
    average = _AVERAGE.search(text)
    if average is None:
        raise fault(path, "", "holds no line with the average Latency")
    if heading := _HEADING.search(text):
        quantiles = dict(_table(path, text, heading))
    else:
        found = ((float(percent), value) for percent, value in _QUANTILE.findall(text))
        quantiles = {round(percent / 100, 6): _seconds(path, value) for percent, value in found}
    latencies = _latencies(
        path, quantiles, _seconds(path, average["mean"]), _seconds(path, average["max"])
    )
    requests = int(total["count"])
    metrics = {"ops_per_s": float(rate["rate"])} | _rates(text, requests)
    runs = Runs(path, "wrk")
    runs.add("", target["url"], [load_run(path, "", latencies, requests, metrics)])
    return results_of(runs)


def read_histogram(path: Path, data: bytes) -> Results:
    """Read a table alone, in milliseconds; it does not say of what, so its file names it.

    Raises:
        InputFileError: it is damaged or cut short.
    """
    text = data.decode()
    heading = _HEADING.search(text)
    if heading is None:
        raise fault(path, "line 1", "is not the heading of a percentile table")
    quantiles = dict(_table(path, text, heading))
    end = _END.search(text)
    assert end is not None  # noqa: S101 - the table ended there
    latencies = _latencies(path, quantiles, float(end["mean"]) * _MS, float(end["max"]) * _MS)
    runs = Runs(path, "hdrhistogram")
    runs.add("", path.stem, [load_run(path, "", latencies, int(end["count"]), {})])
    return results_of(runs)


def _table(path: Path, text: str, heading: re.Match[str]) -> Iterator[tuple[float, float]]:
    """Yield shares and seconds of every row; a row that is lost would shift quantiles."""
    end = _END.search(text, heading.end())
    if end is None:
        raise fault(path, "", "is cut short: what ends a percentile table is missing")
    first = text.count("\n", 0, heading.end()) + 1
    for number, line in enumerate(text[heading.end() : end.start()].splitlines(), start=first):
        if not line.strip():
            continue
        row = _ROW.fullmatch(line)
        if row is None:
            raise fault(path, f"line {number}", "is no row of a percentile table")
        yield float(row[2]), float(row[1]) * _MS


def _latencies(path: Path, quantiles: dict[float, float], mean_s: float, max_s: float) -> Latencies:
    """Pick quantiles, or the next above: what they cannot exceed, where a table has no such row."""
    picked = {}
    for wanted in _WANTED:
        above = [share for share in quantiles if wanted <= share <= wanted + _REACH * (1 - wanted)]
        picked[wanted] = quantiles[min(above)] if above else None
    median_s = picked[0.5]
    if median_s is None:
        raise fault(path, "", "holds no median: run wrk with --latency")
    known = [value for value in picked.values() if value is not None]
    return Latencies(
        typical_s=median_s,
        median_s=median_s,
        min_s=quantiles.get(0.0),
        mean_s=mean_s,
        p90_s=picked[0.9],
        p95_s=picked[0.95],
        p99_s=picked[0.99],
        max_s=max(max_s, *known),  # a row is the upper end of its bucket, the maximum is not
    )


def _rates(text: str, requests: int) -> dict[str, float]:
    """Return the shares of failures; those of sockets are not among the requests."""
    socket, status = _SOCKET.search(text), _STATUS.search(text)
    lost = sum(map(int, socket.groups())) if socket else 0
    failed = lost + (int(status[1]) if status else 0)
    error_rate = min(1.0, failed / max(1, requests + lost))
    return {"error_rate": error_rate, "success_rate": 1 - error_rate}


def _seconds(path: Path, text: str) -> float:
    seconds = quantity_seconds(text)
    if seconds is None:
        raise fault(path, "", f"{text} is no time")
    return seconds
