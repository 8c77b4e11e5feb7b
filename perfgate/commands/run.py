"""``perfgate run``: measure suites in fresh processes, without judging."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from perfgate.baselines.store import load_baselines
from perfgate.commands.selection import Shard, select_suites, shard_of, suite_files
from perfgate.config import Config, check_limits
from perfgate.errors import UndecidedError
from perfgate.git import open_repository
from perfgate.measure.environment import describe_environment
from perfgate.measure.process import Progress, SuitePlan, collect_suites, measure_suites
from perfgate.measure.references import current_revision
from perfgate.measure.sources import source_layout
from perfgate.model import Results, Revision

__all__ = ["Machine", "measure", "revision_of"]

_SHARE_OF_A_BENCHMARK_S: Final = 0.1
"""What pytest-benchmark spends on a fast benchmark here, whatever one call of it takes."""
_FEWEST_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a command needs of the outside: passed in, so that nothing below reads it by itself."""

    environ: Mapping[str, str]
    python: Path
    cache_dir: Path
    seed: int
    progress: Progress


def revision_of(config: Config, machine: Machine) -> Revision:
    """Return the state of the code; empty without a repository."""
    repository = open_repository(config.root, machine.environ)
    return current_revision(repository) if repository else Revision()


def measure(
    config: Config,
    names: tuple[str, ...],
    machine: Machine,
    *,
    processes: int,
    shard: Shard | None = None,
) -> Results:
    """Measure suites by name, or all.

    Raises:
        UndecidedError: there are no suites, or nothing in them is a benchmark.
        MeasurementError: a suite could not start, or measuring was refused.
        UsageError: a name is no suite's.
        ConfigError: a limit names a metric that nothing reports.
    """
    plan = SuitePlan(
        root=config.root,
        suites=suite_files(select_suites(config, names)),
        python=machine.python,
        environ=machine.environ,
        source_paths=source_layout(config.root).paths,
        processes=processes,
        seed=machine.seed,
        timeout_s=config.timeout_s,
        selection=None,
    )
    if shard is not None:
        plan = _shard(plan, config, shard)
    measured = measure_suites(plan, machine.progress)
    if not measured.benchmarks:
        raise UndecidedError(
            "nothing was measured: no test in the suites uses the benchmark fixture"
        )
    check_limits(config, measured.benchmarks)
    return Results(
        environment=describe_environment(measured.pytest_benchmark),
        revision=revision_of(config, machine),
        benchmarks=measured.benchmarks,
        legs=(f"shard {shard[0]}/{shard[1]}",) if shard else (),
    )


def _shard(plan: SuitePlan, config: Config, shard: Shard) -> SuitePlan:
    collections = collect_suites(plan)
    names = [place.id for found in collections.values() for place in found.benchmarks]
    key = describe_environment("").key
    durations_s = {
        name: max(_SHARE_OF_A_BENCHMARK_S, _FEWEST_ROUNDS * baseline.median_s)
        for file in load_baselines(config.root / "baselines", key)
        for name, baseline in file.baselines.items()
    }
    return replace(plan, selection=shard_of(names, shard, durations_s))
