"""Reports as the gate writes them: judged by it, with pairs and rounds, from a seed."""

import random
from collections.abc import Sequence

from perfgate.commands.compare import finished_report
from perfgate.model import (
    Baseline,
    Benchmark,
    Evidence,
    PairedSamples,
    ProcessRun,
    ReferenceKind,
    Report,
    Results,
)
from tests import report_cases
from tests.evidence import config

_REFERENCES = (
    (ReferenceKind.MERGE_BASE, report_cases.BASE),
    (ReferenceKind.APPROVED, report_cases.APPROVED),
)


def paired_report(names: Sequence[str], *, seed: int = 1, slower_every: int = 20) -> Report:
    """Judge benchmarks of these ids, of which some became 12 % slower, some were confirmed."""
    draw = random.Random(seed)
    evidence, benchmarks = [], []
    for index, name in enumerate(names):
        suite = f"suite {index % 3}"
        effect = 0.12 if index % slower_every == 0 else 0.0
        is_confirmed = index % slower_every < 2
        time_s = 10 ** draw.uniform(-7, -2)
        evidence.append(
            Evidence(
                benchmark=name,
                suite=suite,
                baseline=_baseline(time_s),
                pairs=tuple(
                    PairedSamples(
                        reference=kind,
                        commit=commit,
                        explore=_pairs(draw, effect, 4),
                        confirm=_pairs(draw, effect, 16) if is_confirmed else (),
                        reference_s=time_s,
                    )
                    for kind, commit in _REFERENCES
                ),
            )
        )
        runs = tuple(_run(draw, time_s * (1 + effect)) for _ in range(20 if is_confirmed else 4))
        benchmarks.append(Benchmark(id=name, suite=suite, runs=runs, path=name, line=index + 1))
    blank = report_cases.results()
    results = Results(
        environment=blank.environment, revision=blank.revision, benchmarks=tuple(benchmarks)
    )
    return finished_report(evidence, results, config())


def _pairs(draw: random.Random, effect: float, count: int) -> tuple[float, ...]:
    return tuple(draw.gauss(effect, 0.01) for _ in range(count))


def _run(draw: random.Random, time_s: float) -> ProcessRun:
    median_s = time_s * draw.uniform(0.98, 1.02)
    return ProcessRun(
        rounds=24,
        iterations=80,
        min_s=median_s * 0.97,
        low_s=median_s * 0.98,
        median_s=median_s,
        mean_s=median_s * 1.01,
        max_s=median_s * draw.uniform(1.05, 1.6),
        iqr_s=median_s * 0.02,
        rss_growth_bytes=4096,
        metrics={"success_rate": 1.0},
    )


def _baseline(time_s: float) -> Baseline:
    return Baseline(
        low_s=time_s * 0.97,
        median_s=time_s,
        spread=0.008,
        processes=5,
        cpu="AMD EPYC 7763 64-Core Processor",
        reason="first numbers",
    )
