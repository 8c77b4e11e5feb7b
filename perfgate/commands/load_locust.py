"""``perfgate load --locust``: a load that Locust makes, on this host or on many."""

import importlib.util
import math
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from perfgate.commands.load_check import NO_SUCCESS, check_run
from perfgate.commands.load_watch import LimitWatch, Progress
from perfgate.config import LoadSettings
from perfgate.errors import UsageError
from perfgate.load.distributed import LoadState, Part, Sender, SenderState
from perfgate.load.live import Snapshot, histogram_metrics
from perfgate.load.locust_process import LocustPlan, MasterPlan, run_locust, run_worker
from perfgate.load.outcomes import Outcome
from perfgate.load.timeline import Timeline
from perfgate.load.trust import doubts_of, has_lost, short_name
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
from perfgate.stats.histogram import ExponentialHistogram, merged

__all__ = ["Around", "MasterOptions", "WorkerOptions", "run_under_locust", "run_worker_of"]

_OK: Final = "ok"
_STOP_S: Final = 10.0
_START_S: Final = 30.0
"""For workers that are started on this host."""
_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterOptions:
    """Where workers on any host are waited for."""

    bind_host: str
    port: int
    expected: int
    patience_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """Whom to make load for."""

    host: str
    port: int
    processes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Where a load is made."""

    folder: Path
    python: Path
    """An interpreter with Locust and perfgate."""
    environ: Mapping[str, str]
    revision: Revision


def run_under_locust(
    settings: LoadSettings,
    master: MasterOptions | None,
    around: Around,
    progress: Progress,
) -> LoadRun:
    """Run a load under Locust, and hold it against the limits of the settings.

    Raises:
        UsageError: the settings ask for what cannot be done, or Locust is not installed.
        UndecidedError: workers did not join, or the result is not whole.
        MeasurementError: Locust ended before there was any load.
    """
    plan = _plan(settings, master, around.folder)
    _check_installed()
    watch, shown, timeline = LimitWatch(settings), _Shown(), Timeline()

    def on_state(state: LoadState) -> bool:
        if not state.has_begun:
            return False
        snapshot = shown.snapshot(state)
        progress(snapshot)
        timeline.add(snapshot)
        return watch.is_over(snapshot) or has_lost(state)

    state = run_locust(plan, python=around.python, environ=around.environ, on_state=on_state)
    return _run_of(settings, plan, state, watch, timeline, around.revision)


def run_worker_of(options: WorkerOptions, *, python: Path, environ: Mapping[str, str]) -> None:
    """Make load for a master on any host.

    Raises:
        UsageError: Locust is not installed.
        MeasurementError: the master was not found, or the worker broke off.
    """
    _check_installed()
    run_worker(
        host=options.host,
        port=options.port,
        processes=options.processes,
        python=python,
        environ=environ,
    )


def _check_installed() -> None:
    if importlib.util.find_spec("locust") is None:
        raise UsageError('Locust is not installed here: pip install "perfgate[locust]"')


def _plan(settings: LoadSettings, master: MasterOptions | None, folder: Path) -> LocustPlan:
    locustfile = (folder / (settings.locustfile or "")).resolve()
    if not locustfile.is_file():
        raise UsageError(f"there is no locustfile {locustfile}")
    if "," in str(locustfile):
        raise UsageError(f"{locustfile}: Locust reads no path with a comma in it")
    duration_s, warmup_s = _times(settings)
    users = settings.users or 1
    return LocustPlan(
        locustfile=locustfile,
        users=users,
        spawn_rate_per_s=settings.rate_per_s or float(users),
        duration_s=duration_s,
        warmup_s=warmup_s,
        stop_s=_STOP_S,
        host=settings.host,
        processes=settings.processes,
        master=_master(settings.processes, master),
    )


def _times(settings: LoadSettings) -> tuple[float, float]:
    """Return how long it lasts and how long of that is the warm-up."""
    for value, problem in (
        (settings.stages, "--stage: with Locust, write a LoadTestShape into the locustfile"),
        (settings.operations, "--operations: a load of Locust ends by --time"),
        (settings.timeout_s, "--timeout: with Locust, give it to the client in the locustfile"),
    ):
        if value:
            raise UsageError(problem)
    if settings.duration_s is None:
        raise UsageError("how long is it to last? Say --time 60s")
    if isinstance(settings.warmup, int):
        raise UsageError('with Locust a warm-up is a time, such as --warmup "5s"')
    warmup_s = settings.warmup or 0.0
    if warmup_s >= settings.duration_s:
        raise UsageError("--warmup leaves nothing of --time to be counted")
    return float(math.ceil(settings.duration_s)), warmup_s  # Locust knows whole seconds only


def _master(processes: int | None, options: MasterOptions | None) -> MasterPlan | None:
    if options is not None:
        _check_free(options.bind_host, options.port)
        return MasterPlan(
            bind_host=options.bind_host,
            port=options.port,
            expected=options.expected,
            patience_s=options.patience_s,
        )
    if processes is None:
        return None
    return MasterPlan(
        bind_host=_LOOPBACK, port=_free_port(), expected=processes, patience_s=_START_S
    )


def _check_free(host: str, port: int) -> None:
    """Refuse a port that is taken: Locust would say so in a traceback."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise UsageError(f"--master-port {port}: {host}: {error.strerror}") from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


# --- while it runs -----------------------------------------------------------------------------


class _Shown:
    """Makes snapshots of states."""

    def __init__(self) -> None:
        self._ok = 0
        self._wall_s = 0.0

    def snapshot(self, state: LoadState) -> Snapshot:
        total = _series("", state.parts)
        since_s = state.wall_s - self._wall_s
        per_s = (total.ok - self._ok) / since_s if since_s > 0 else 0.0
        self._ok, self._wall_s = total.ok, state.wall_s
        return Snapshot(
            elapsed_s=state.wall_s,
            ok=total.ok,
            failed=total.failed,
            dropped=state.dropped,
            per_s=per_s,
            metrics=_metrics(total, state),
            times=total.times,
        )


# --- what it showed ----------------------------------------------------------------------------


def _run_of(
    settings: LoadSettings,
    plan: LocustPlan,
    state: LoadState,
    watch: LimitWatch,
    timeline: Timeline,
    revision: Revision,
) -> LoadRun:
    total = _with_metrics(_series("", state.parts), state)
    names = sorted({part.name for part in state.parts})
    series = tuple(
        _with_metrics(_series(name, (one for one in state.parts if one.name == name)), state)
        for name in names
    )
    doubts = doubts_of(state) if total.ok else (*doubts_of(state), NO_SUCCESS)
    by_name = {one.name: (one.count, _metrics(one, state)) for one in series}
    failures, doubts = check_run(settings.limits, total, _metrics(total, state), by_name, doubts)
    failures = watch.joined_with(failures)
    is_open = state.lateness is not None
    return LoadRun(
        schema=LOAD_SCHEMA,
        name=settings.name,
        engine=LoadEngine.LOCUST,
        engine_version=state.engine_version,
        demand=Demand(
            kind=DemandKind.OPEN if is_open else DemandKind.CLOSED,
            users=plan.users,
            duration_s=plan.duration_s,
        ),
        environment=describe_environment(""),
        revision=revision,
        wall_s=state.wall_s,
        total=total,
        series=series,
        generators=tuple(map(_generator, state.senders)),
        timeline=timeline.moments(),
        dropped=state.dropped,
        unfinished=state.unfinished,
        limits=settings.limits,
        failures=failures,
        doubts=doubts,
        outcome=outcome_of(failures, doubts),
    )


def _generator(sender: Sender) -> Generator:
    return Generator(
        name=short_name(sender.name),
        count=sender.merged,
        cpu_share=sender.cpu_share,
        silent_s=sender.silent_s,
        is_complete=sender.state is SenderState.FINISHED and sender.counted == sender.merged,
    )


def _series(name: str, parts: Iterable[Part]) -> Series:
    kept = tuple(parts)
    good = [part for part in kept if part.outcome == _OK]
    bad = [part for part in kept if part.outcome != _OK]
    failures: dict[str, int] = {}
    for part in bad:
        failures[part.outcome] = failures.get(part.outcome, 0) + part.count
    service = [part.service for part in good if part.service is not None]
    return Series(
        name=name,
        ok=sum(part.count for part in good),
        failures=failures,
        times=merged(ExponentialHistogram.from_data(part.times) for part in good).data(),
        service=merged(map(ExponentialHistogram.from_data, service)).data() if service else None,
        failed_times=merged(ExponentialHistogram.from_data(part.times) for part in bad).data()
        if bad
        else None,
    )


def _metrics(series: Series, state: LoadState) -> dict[str, float | None]:
    ended = series.count
    numbers = {
        **histogram_metrics(ExponentialHistogram.from_data(series.times)),
        "success_rate": series.ok / ended if ended else None,
        "error_rate": series.failed / ended if ended else None,
        "ops_per_s": series.ok / state.wall_s if state.wall_s else None,
        "operations": float(ended),
        "dropped": float(state.dropped),
        "total_time": state.wall_s,
        **{
            f"errors.{outcome.value}": float(series.failures.get(outcome.value, 0))
            for outcome in Outcome
            if outcome is not Outcome.OK
        },
    }
    if series.service is not None:
        service = ExponentialHistogram.from_data(series.service)
        numbers |= histogram_metrics(service, "service_")
    return numbers


def _with_metrics(series: Series, state: LoadState) -> Series:
    known = {
        name: value
        for name, value in _metrics(series, state).items()
        if value is not None and not (name.startswith("errors.") and value == 0)
    }
    changed: Series = msgspec.structs.replace(series, metrics=known)
    return changed
