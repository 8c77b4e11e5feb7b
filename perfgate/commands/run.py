"""``perfgate run``: get results by measuring, or from files, without judging."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from perfgate.baselines.store import load_baselines
from perfgate.commands.counting import check_counters, count_side, counts_here, with_counts
from perfgate.commands.selection import (
    Shard,
    select_suites,
    shard_name,
    shard_of,
    suite_files,
    with_own_suites,
)
from perfgate.config import Config, Suite, check_limits
from perfgate.errors import InputFileError, UndecidedError, UsageError
from perfgate.git import open_repository
from perfgate.measure.environment import describe_environment
from perfgate.measure.lockstep import Side
from perfgate.measure.process import Progress, SuitePlan, collect_suites, measure_suites
from perfgate.measure.references import current_revision
from perfgate.measure.sources import source_layout
from perfgate.model import Benchmark, Results, Revision
from perfgate.readers.files import read_results

__all__ = ["Machine", "measure", "own_side", "suite_plan", "take"]

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


def suite_plan(
    config: Config, suites: Iterable[Suite], machine: Machine, *, processes: int = 1
) -> SuitePlan:
    """Say how the user's own checkout is measured, or looked through for its benchmarks."""
    return SuitePlan(
        root=config.root,
        suites=suite_files(suites),
        python=machine.python,
        environ=machine.environ,
        source_paths=source_layout(config.root).paths,
        processes=processes,
        seed=machine.seed,
        timeout_s=config.timeout_s,
        measures_memory=config.measures_memory,
    )


def own_side(config: Config, machine: Machine) -> Side:
    """Return the user's own checkout as a side."""
    layout = source_layout(config.root)
    return Side(
        name="candidate",
        python=machine.python,
        root=config.root,
        source_paths=layout.paths,
        modules=layout.modules,
    )


def _revision(config: Config, machine: Machine) -> Revision:
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
    check_counters(config, machine.environ)
    suites = select_suites(config, names)
    plan = suite_plan(config, suites, machine, processes=processes)
    if shard is not None:
        plan = _shard(plan, config, shard)
    measured = measure_suites(plan, machine.progress)
    if not measured.benchmarks:
        raise UndecidedError(
            "nothing was measured: "
            + (
                f"there are too few benchmarks for {shard_name(shard)}"
                if shard is not None
                else "no test in the suites uses the benchmark fixture"
            )
        )
    check_limits(config, measured.benchmarks)
    benchmarks = measured.benchmarks
    if counts_here(config, machine.environ):
        wanted = [one.id for one in benchmarks if one.runs]
        side = own_side(config, machine)
        counts = count_side(side, suites, config, machine.environ, machine.progress, names=wanted)
        benchmarks = with_counts(benchmarks, counts)
    return Results(
        environment=describe_environment(measured.pytest_benchmark),
        revision=_revision(config, machine),
        benchmarks=benchmarks,
        legs=(shard_name(shard),) if shard else (),
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


def take(
    sources: Sequence[Path], config: Config, names: tuple[str, ...], *, is_here: bool = False
) -> Results:
    """Read results that others measured; several files are processes of one run.

    Args:
        sources: Files in any supported format.
        config: Says which suites there are.
        names: Suites to take; none: all.
        is_here: They were measured on this machine, where they do not name another.

    Raises:
        InputFileError: a file cannot be read, or is of other hardware or code than the first.
        UsageError: a name is no suite's, or a file is named twice.
        UndecidedError: the files hold nothing of the suites.
    """
    wanted = {suite.name for suite in select_suites(config, names)} if names else None
    here = describe_environment("") if is_here else None
    read: dict[Path, Results] = {}
    for source in sources:
        if source.resolve() in read:
            raise UsageError(f"--from {source}: named twice, and one process counts once")
        found = with_own_suites(read_results(source, here), config)
        if read:
            _check_same_origin(source, found, sources[0], next(iter(read.values())))
        read[source.resolve()] = found
    parts = tuple(read.values())
    benchmarks = tuple(one for one in _joined(parts) if wanted is None or one.suite in wanted)
    if not benchmarks:
        raise UndecidedError(f"{', '.join(map(str, sources))}: nothing of {', '.join(names)}")
    legs = tuple(dict.fromkeys(leg for part in parts for leg in part.legs))
    return msgspec.structs.replace(parts[0], benchmarks=benchmarks, legs=legs)


def _check_same_origin(source: Path, found: Results, first: Path, other: Results) -> None:
    facts = (
        ("of", found.environment.key, other.environment.key),
        ("from the CPU", found.environment.cpu_model, other.environment.cpu_model),
        ("of the commit", found.revision.commit, other.revision.commit),
    )
    for what, mine, theirs in facts:
        if mine != theirs:
            problem = f"is {what} {mine or '(unknown)'}, and {first} is {what}"
            raise InputFileError(source, "", f"{problem} {theirs or '(unknown)'}")


def _joined(parts: Sequence[Results]) -> Iterator[Benchmark]:
    """Yield each benchmark with the processes of all parts; one failure is a failure."""
    same: dict[str, list[Benchmark]] = {}
    for part in parts:
        for benchmark in part.benchmarks:
            same.setdefault(benchmark.id, []).append(benchmark)
    for first, *others in same.values():
        failure = next((one.failure for one in (first, *others) if one.failure), None)
        runs = () if failure else tuple(run for one in (first, *others) for run in one.runs)
        counts = next((one.counts for one in (first, *others) if one.counts), None)
        yield (
            msgspec.structs.replace(first, runs=runs, failure=failure, counts=counts)
            if others
            else first
        )
