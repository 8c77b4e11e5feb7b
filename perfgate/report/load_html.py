"""A load that was run, as its page shows it."""

import dataclasses
import math
from collections.abc import Callable
from typing import Final

from perfgate.load_run import LoadRun, Moment, Series
from perfgate.report.load_charts import CURVE_PERCENTS, Bin, Instant, Quantile
from perfgate.report.load_page import LoadShown, render_load_page
from perfgate.report.load_view import LoadView, build_load_view
from perfgate.report.text import Quoted, Sentence
from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.histogram_data import HistogramData

__all__ = ["render_load_html"]

_BARS: Final = 40
_WHOLE: Final = 100_000


def render_load_html(run: LoadRun) -> bytes:
    """Render a page that stands alone: latency over time, percentiles, a histogram, errors."""
    view = build_load_view(run)
    facts = tuple((*fact, ".") for fact in (view.summary, *view.facts))
    return render_load_page(run.name, [_total(run, view), *map(_part(run), run.series)], facts)


def _total(run: LoadRun, view: LoadView) -> LoadShown:
    shown = _part(run)(run.total)
    return dataclasses.replace(
        shown,
        name="all operations",
        outcome=run.outcome.value,
        reasons=(*run.failures, *run.doubts),
        limits=run.limits,
        facts=(*shown.facts, *map(_generator, view.generators)),
        timeline=tuple(map(_instant, run.timeline)),
    )


def _part(run: LoadRun) -> Callable[[Series], LoadShown]:
    def shown(series: Series) -> LoadShown:
        return LoadShown(
            name=series.name,
            outcome="measured",
            p95_s=series.metrics.get("p95"),
            success_rate=series.ok / series.count if series.count else None,
            ops_per_s=series.ok / run.wall_s if run.wall_s > 0 else None,
            facts=(("Operations", (f"{series.ok:,} succeeded, {series.failed:,} failed",)),),
            quantiles=_quantiles(series.times),
            histogram=_bins(series.times),
            errors=tuple((series.details or series.failures).items()),
        )

    return shown


def _generator(told: tuple[Quoted, str, str, str]) -> tuple[str, Sentence]:
    name, count, busy, amiss = told
    ending = f", {amiss}" if amiss else ""
    return "Load from", (name, f": {count} operations, {busy} of a processor{ending}")


def _instant(moment: Moment) -> Instant:
    return Instant(
        at_s=moment.at_s,
        median_s=moment.median_s,
        p99_s=moment.p99_s,
        count=moment.count,
        failed=moment.failed,
    )


def _quantiles(data: HistogramData) -> tuple[Quantile, ...]:
    histogram = ExponentialHistogram.from_data(data)
    # A percentile needs at least one time beyond it; in thousandths of a per cent that is exact.
    beyond = {p: (_WHOLE - round(1_000 * p)) * histogram.count for p in CURVE_PERCENTS}
    known = [percent for percent, times in beyond.items() if times >= _WHOLE]
    read = zip(known, histogram.quantiles(known), strict=True)
    return tuple(Quantile(percent=p, time_s=time_s) for p, time_s in read if time_s)


def _bins(data: HistogramData) -> tuple[Bin, ...]:
    """Count in ranges that are each as much longer than the one before."""
    low, high = data.min, data.max
    if not low or not high or low <= 0:
        return ()
    histogram = ExponentialHistogram.from_data(data)
    count = min(_BARS, max(1, math.ceil(math.log2(high / low) * 8)))
    edges = [low * (high / low) ** (place / count) for place in range(count)] + [high]
    below = [0, *histogram.counts_at_most(edges[1:-1]), histogram.count]
    return tuple(
        Bin(low_s=edges[place], high_s=edges[place + 1], count=below[place + 1] - below[place])
        for place in range(count)
    )
