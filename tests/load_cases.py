"""Loads to show: one of every kind, from a seed."""

import random

from perfgate.report.load_charts import Instant, bins_of, quantiles_of
from perfgate.report.load_page import LoadShown


def loads(name: str = "create customer") -> list[LoadShown]:
    draw = random.Random(7)
    times_s = sorted(draw.lognormvariate(-3.5, 0.5) for _ in range(5_000))
    quick = LoadShown(
        name=name,
        outcome="passed",
        limits=("p95 < 500ms",),
        p95_s=times_s[4_749],
        success_rate=1.0,
        ops_per_s=412.3,
        facts=(("Operations", ("5,000 succeeded",)),),
        quantiles=quantiles_of(times_s),
        histogram=bins_of(times_s),
        timeline=tuple(
            Instant(
                at_s=at_s,
                median_s=0.03 * draw.uniform(0.9, 1.1) * (3 if 20 < at_s < 26 else 1),
                p99_s=0.1 * draw.uniform(0.8, 1.4),
                count=400,
                failed=0,
            )
            for at_s in range(60)
        ),
    )
    broken = LoadShown(
        name=f"{name}, failing",
        outcome="failed",
        reasons=("success_rate > 95%: was 90 %", name),
        limits=("success_rate > 95%", name),
        p95_s=0.2,
        success_rate=0.9,
        ops_per_s=45.0,
        quantiles=quantiles_of([0.02] * 90),
        histogram=bins_of([0.02] * 90),
        errors=(("timeout", 3), (name, 6), ("reset", 1)),
    )
    unknown = LoadShown(name=f"{name}, unknown", outcome="inconclusive", reasons=("too few",))
    return [quick, broken, unknown]
