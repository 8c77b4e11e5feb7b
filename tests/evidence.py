"""What the gate is given, built by hand: one benchmark at a time, numbers in per cent."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perfgate.config import Config
from perfgate.gate import judge
from perfgate.model import (
    Baseline,
    BaselineEdit,
    Benchmark,
    Environment,
    Evidence,
    Failure,
    FailureKind,
    Judgement,
    PairedSamples,
    ProcessRun,
    ReferenceKind,
    Results,
)

CPU = "AMD EPYC 7763"
NAME = "benchmarks/test_api.py::test_call"
EVEN = (-0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.4)
"""Deviations between pairs or processes, in per cent."""
BASE = ReferenceKind.MERGE_BASE
APPROVED = ReferenceKind.APPROVED


def config(**settings: Any) -> Config:
    return Config(**{"root": Path("project"), **settings})


def logs(percent: float, count: int, *, spread: float = 1.0) -> tuple[float, ...]:
    """Return that many estimates around an effect; the deviations sum up to nothing."""
    effect = math.log1p(percent / 100)
    return tuple(
        effect + spread * EVEN[index % len(EVEN)] / 100 * (1 if index // len(EVEN) % 2 else -1)
        for index in range(count)
    )


def pairs(
    kind: ReferenceKind,
    explored: float,
    confirmed: float | None = None,
    *,
    spread: float = 1.0,
    count: int = 14,
    reference_s: float | None = 1e-3,
) -> PairedSamples:
    return PairedSamples(
        reference=kind,
        commit=kind.value,
        explore=logs(explored, 4, spread=spread),
        confirm=() if confirmed is None else logs(confirmed, count, spread=spread),
        reference_s=reference_s,
    )


def run(seconds: float, **fields: Any) -> ProcessRun:
    known = {"rounds": 20, "iterations": 1, "min_s": seconds * 0.9, "low_s": seconds}
    return ProcessRun(**{**known, "median_s": seconds, **fields})


def measured(*seconds: float, name: str = NAME, **fields: Any) -> Benchmark:
    """Return a benchmark with one process for each of these times; 1 ms in five without any."""
    times = seconds or tuple(1e-3 * (1 + percent / 100) for percent in EVEN[1:6])
    return Benchmark(id=name, suite="api", runs=tuple(run(time, **fields) for time in times))


def failed(kind: FailureKind, name: str = NAME) -> Benchmark:
    return Benchmark(id=name, suite="api", failure=Failure(kind=kind, message="why"))


def slower(percent: float, *, processes: int = 5, name: str = NAME) -> Benchmark:
    factor = 1e-3 * (1 + percent / 100)
    times = [factor * (1 + EVEN[index % 7] / 100) for index in range(1, processes + 1)]
    return measured(*times, name=name)


def baseline(seconds: float = 1e-3, **fields: Any) -> Baseline:
    known = {"spread": 0.003, "processes": 5, "cpu": CPU, "reason": "first"}
    return Baseline(**{**known, "low_s": seconds, "median_s": seconds, **fields})


def edit(old: float | None, new: float | None) -> BaselineEdit:
    return BaselineEdit(
        old=None if old is None else baseline(old),
        new=None if new is None else baseline(new, reason="agreed"),
    )


def evidence(*paired: PairedSamples, name: str = NAME, **fields: Any) -> Evidence:
    """With pairs there is a baseline from elsewhere, which is not compared."""
    known = {"baseline": baseline(cpu="MOS 6502")} if paired else {}
    return Evidence(**{**known, "benchmark": name, "suite": "api", "pairs": paired, **fields})


def results(*benchmarks: Benchmark, cpu: str = CPU) -> Results:
    environment = Environment(
        system="linux", machine="x86_64", implementation="cpython", python="3.12.4", cpu_model=cpu
    )
    return Results(environment=environment, benchmarks=benchmarks)


def judged(
    given: Evidence,
    benchmark: Benchmark | None = None,
    settings: Config | None = None,
    *,
    is_default_branch: bool = False,
) -> Judgement:
    """Judge one benchmark, which took 1 ms unless something else is said."""
    found = results(measured() if benchmark is None else benchmark)
    (judgement,) = judge([given], found, settings or config(), is_default_branch=is_default_branch)
    return judgement


def unmeasured(given: Evidence) -> Sequence[Judgement]:
    return judge([given], results(), config())
