"""``perfgate load`` with the engine of perfgate itself: one operation, in this process."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anyio

from perfgate import __version__
from perfgate.commands.load_check import NO_SUCCESS, check_run
from perfgate.commands.load_watch import LimitWatch, Progress
from perfgate.config import LoadSettings, Ramp
from perfgate.errors import UsageError
from perfgate.load import Closed, Live, LoadResult, Model, Open, Snapshot, Stage
from perfgate.load.result import Times
from perfgate.load.scenario import find_operation, prepared
from perfgate.load.timeline import Timeline
from perfgate.load_run import (
    LOAD_SCHEMA,
    Demand,
    DemandKind,
    Generator,
    LoadEngine,
    LoadRun,
    Series,
    outcome_of,
)
from perfgate.measure.environment import describe_environment
from perfgate.model import Revision
from perfgate.stats.histogram import ExponentialHistogram
from perfgate.stats.histogram_data import HistogramData
from perfgate.testing.measurement import Measurement
from perfgate.testing.operations import run_load, warm_up
from perfgate.testing.performance import measure

__all__ = ["model_of", "run_in_process"]


def model_of(settings: LoadSettings) -> Model:
    """Return the load that settings ask for.

    Raises:
        UsageError: they contradict each other, or say too little.
    """
    if settings.stages:
        return _staged(settings)
    if settings.rate_per_s is not None:
        _refuse(settings.users is not None, "--users and --rate: a load is closed or open")
        _refuse(settings.operations is not None, "--operations ends a closed load; say --time")
        _refuse(settings.duration_s is None, "--rate needs --time: how long is it to last?")
        return Open(
            rate_per_s=settings.rate_per_s,
            duration_s=settings.duration_s or 0.0,
            deadline_s=settings.timeout_s,
        )
    _refuse(
        settings.duration_s is None and settings.operations is None,
        "how long is it to last? Say --time 30s, --operations 1000 or --stage 30s:20",
    )
    return Closed(
        concurrency=settings.users or 1,
        operations=settings.operations,
        duration_s=settings.duration_s,
        deadline_s=settings.timeout_s,
    )


def _staged(settings: LoadSettings) -> Model:
    others = (settings.users, settings.rate_per_s, settings.duration_s, settings.operations)
    _refuse(
        any(other is not None for other in others),
        "stages say how much and how long: leave out users, rate, time and operations",
    )
    kinds = {stage.is_rate for stage in settings.stages}
    _refuse(len(kinds) > 1, "stages: either all reach users, or all reach a rate such as 50/s")
    try:
        return _staged_model(settings.stages, settings.timeout_s)
    except ValueError as error:
        raise UsageError(f"stages: {error}") from error


def _staged_model(ramps: Sequence[Ramp], timeout_s: float | None) -> Model:
    stages = tuple(Stage(duration_s=ramp.duration_s, target=ramp.target) for ramp in ramps)
    if ramps[0].is_rate:
        return Open.staged(stages, deadline_s=timeout_s)
    return Closed.staged(stages, deadline_s=timeout_s)


def _refuse(condition: bool, problem: str) -> None:  # noqa: FBT001 - reads as a sentence
    if condition:
        raise UsageError(problem)


def run_in_process(
    settings: LoadSettings, *, folder: Path, revision: Revision, progress: Progress
) -> LoadRun:
    """Run a load on the operation that the settings name, and hold it against their limits.

    Raises:
        UsageError: the settings ask for what cannot be done.
        MeasurementError: the operation cannot be imported, or its times would mean nothing.
    """
    model = model_of(settings)
    operation = find_operation(settings.operation or "", folder)
    watch, timeline = LimitWatch(settings), Timeline()

    def on_snapshot(snapshot: Snapshot) -> bool:
        progress(snapshot)
        timeline.add(snapshot)
        return watch.is_over(snapshot)

    measurement = anyio.run(_measured, settings, operation, model, Live(on_snapshot))
    return _run_of(settings, measurement, watch, timeline, revision)


async def _measured(
    settings: LoadSettings, operation: Callable[[], Any], model: Model, observer: Live
) -> Measurement:
    async with prepared(operation) as inner:
        warmup = settings.warmup
        if isinstance(warmup, float):
            is_async = await warm_up(inner, count=0, deadline_s=model.deadline_s)
            if warmup:
                await run_load(inner, _lasting(model, warmup), is_async=is_async)
            warmup = 0
        return await measure(
            settings.name,
            inner,
            model,
            warmup=1 if warmup is None else warmup,
            clock=None,
            observer=observer,
        )


def _lasting(model: Model, duration_s: float) -> Model:
    """Return a load of that kind, unchanging and so long, to warm up with."""
    if isinstance(model, Open):
        return dataclasses.replace(model, stages=(), duration_s=duration_s)
    return dataclasses.replace(model, stages=(), operations=None, duration_s=duration_s)


# --- what it showed ----------------------------------------------------------------------------


def _run_of(
    settings: LoadSettings,
    measurement: Measurement,
    watch: LimitWatch,
    timeline: Timeline,
    revision: Revision,
) -> LoadRun:
    load = measurement.load
    total = _series(measurement)
    metrics = measurement.metrics()
    doubts = load.doubts if load.ok else (*load.doubts, NO_SUCCESS)
    failures, doubts = check_run(settings.limits, total, metrics, {}, doubts)
    failures = watch.joined_with(failures)
    return LoadRun(
        schema=LOAD_SCHEMA,
        name=settings.name,
        engine=LoadEngine.IN_PROCESS,
        engine_version=__version__,
        demand=_demand(load.model),
        environment=describe_environment(""),
        revision=revision,
        wall_s=load.wall_s,
        total=total,
        generators=(Generator(name="perfgate", count=load.count, cpu_share=load.cpu_share),),
        timeline=timeline.moments(),
        dropped=load.dropped,
        unfinished=load.unfinished,
        limits=settings.limits,
        failures=failures,
        doubts=doubts,
        outcome=outcome_of(failures, doubts),
    )


def _demand(model: Model) -> Demand:
    stages = tuple((stage.duration_s, stage.target) for stage in model.stages)
    if isinstance(model, Open):
        return Demand(
            kind=DemandKind.OPEN,
            rate_per_s=model.rate_per_s,
            duration_s=model.duration_s,
            stages=stages,
        )
    return Demand(
        kind=DemandKind.CLOSED,
        users=model.concurrency,
        duration_s=model.duration_s,
        operations=model.operations,
        stages=stages,
    )


def _series(measurement: Measurement) -> Series:
    load: LoadResult = measurement.load
    details: dict[str, int] = {}
    failed = ExponentialHistogram()
    for outcome, group in load.failures.items():
        failed.record_many(group.times.all_s())
        for detail, count in group.details.items():
            details[f"{outcome.value}: {detail}"] = count
    return Series(
        name="",
        ok=load.ok,
        failures=measurement.errors,
        details=details,
        metrics=measurement.numbers(),
        times=_histogram(load.times),
        service=_histogram(load.service) if isinstance(load.model, Open) else None,
        failed_times=failed.data() if load.failed else None,
    )


def _histogram(times: Times) -> HistogramData:
    histogram = ExponentialHistogram()
    histogram.record_many(times.all_s())
    return histogram.data()
