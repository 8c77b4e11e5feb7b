"""k6's summaries in all three layouts, whose times are milliseconds.

They are ``--summary-export`` of old, handleSummary's data, and since 1.5 the one that
``--new-machine-readable-summary`` asks for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from perfgate.model import ProcessRun, Results
from perfgate.readers.document import check_keys, decode, fault, finite_numbers
from perfgate.readers.scales import metric_name
from perfgate.readers.summary import Amount, Latencies, Runs, load_run, results_of

__all__ = ["read_k6", "read_k6_machine_readable"]

_MS: Final = 1e-3
_SUFFIX: Final = "_duration"
"""Of k6's own times of whole requests; those without are phases of one, mostly zero."""
_COUNTED_BY: Final = {"http_req_duration": "http_reqs", "iteration_duration": "iterations"}
"""k6 counts a trend only on demand (``summaryTrendStats``), but there are counters beside it."""

_Type = Literal["trend", "rate", "counter", "gauge"]


class _Trend(msgspec.Struct, frozen=True):
    med: Amount
    avg: Amount | UnsetType = UNSET
    min: Amount | UnsetType = UNSET
    max: Amount | UnsetType = UNSET
    p90: Amount | UnsetType = msgspec.field(name="p(90)", default=UNSET)
    p95: Amount | UnsetType = msgspec.field(name="p(95)", default=UNSET)
    p99: Amount | UnsetType = msgspec.field(name="p(99)", default=UNSET)
    count: Amount | UnsetType = UNSET


class _Metric(msgspec.Struct, frozen=True):
    name: str
    place: str
    values: dict[str, Any]
    contains: str = ""
    type: _Type | None = None
    """None where the layout does not say."""


class _Typed(msgspec.Struct, frozen=True):
    type: _Type
    contains: str
    values: dict[str, Any]


class _Summary(msgspec.Struct, frozen=True):
    metrics: dict[str, dict[str, Any]]


class _Config(msgspec.Struct, frozen=True):
    duration: Amount
    """Of the test, in seconds."""


class _Named(_Typed, frozen=True):
    name: str


class _Metrics(msgspec.Struct, frozen=True):
    metrics: list[_Named]


class _MachineReadable(msgspec.Struct, frozen=True):
    results: _Metrics
    config: _Config


def read_k6(path: Path, data: bytes) -> Results:
    """Read ``--summary-export``, or handleSummary's data as JSON.

    Raises:
        InputFileError: it is damaged or holds no duration.
    """
    summary = decode(path, data, _Summary)
    check_keys(path, data)
    metrics = []
    for name, values in summary.metrics.items():
        place = f"metrics.{name}"
        if isinstance(values.get("values"), dict):
            typed = _converted(path, place, values, _Typed)
            metrics.append(
                _Metric(
                    name=name,
                    place=f"{place}.values",
                    values=typed.values,
                    contains=typed.contains,
                    type=typed.type,
                )
            )
        else:
            metrics.append(_Metric(name=name, place=place, values=values))
    return _results(path, metrics, duration_s=0.0)


def read_k6_machine_readable(path: Path, data: bytes) -> Results:
    """Read the summary that ``--new-machine-readable-summary`` exports.

    Raises:
        InputFileError: it is damaged or holds no duration.
    """
    document = decode(path, data, _MachineReadable)
    check_keys(path, data)
    metrics = [
        _Metric(
            name=metric.name,
            place=f"results.metrics[{index}].values",
            values=metric.values,
            contains=metric.contains,
            type=metric.type,
        )
        for index, metric in enumerate(document.results.metrics)
    ]
    return _results(path, metrics, document.config.duration)


def _results(path: Path, metrics: Sequence[_Metric], duration_s: float) -> Results:
    known = {metric.name: metric for metric in metrics}
    numbers = dict(_numbers(known.values(), duration_s))
    runs = Runs(path, "k6")
    for metric in metrics:
        if _is_gated(metric):
            runs.add(metric.place, metric.name, [_run(path, metric, known, numbers)])
    return results_of(runs)


def _is_gated(metric: _Metric) -> bool:
    name = metric.name.partition("{")[0]
    if metric.type is None:
        return "med" in metric.values and name.endswith(_SUFFIX)
    is_phase = name.startswith("http_req_") and not name.endswith(_SUFFIX)
    return metric.type == "trend" and metric.contains == "time" and not is_phase


def _run(
    path: Path, metric: _Metric, known: Mapping[str, _Metric], numbers: Mapping[str, float]
) -> ProcessRun:
    trend = _converted(path, metric.place, metric.values, _Trend)
    count = trend.count
    counter = known.get(_COUNTED_BY.get(metric.name, ""))
    if count is UNSET and counter is not None:
        count = finite_numbers(counter.values).get("count", 1)
    requests = 1 if count is UNSET else int(count)
    rate = numbers.get(f"{counter.name}_per_s") if counter is not None else None
    return load_run(
        path,
        metric.place,
        Latencies(
            typical_s=trend.med * _MS,
            median_s=trend.med * _MS,
            min_s=_seconds(trend.min),
            mean_s=_seconds(trend.avg),
            p90_s=_seconds(trend.p90),
            p95_s=_seconds(trend.p95),
            p99_s=_seconds(trend.p99),
            max_s=_seconds(trend.max),
        ),
        requests,
        {**numbers, **({} if rate is None else {"ops_per_s": rate})},
    )


def _seconds(milliseconds: float | UnsetType) -> float | None:
    return None if milliseconds is UNSET else milliseconds * _MS


def _numbers(metrics: Iterable[_Metric], duration_s: float) -> Iterator[tuple[str, float]]:
    """Yield what limits may be about: counters with their rates, shares, and gauges."""
    for metric in metrics:
        values = finite_numbers(metric.values)
        name = metric_name(metric.name)
        if "{" in metric.name or "med" in values:
            continue
        if "count" in values:
            yield name, values["count"]
            rate = values.get("rate", values["count"] / duration_s if duration_s else None)
            if rate is not None:
                yield f"{name}_per_s", rate
            continue
        share = values.get("rate", values.get("value"))
        if share is not None:
            yield name, share
        if share is not None and metric.name == "http_req_failed":
            yield from (("error_rate", share), ("success_rate", 1 - share))


def _converted(path: Path, place: str, values: Any, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise fault(path, place, str(error)) from error
