"""Settings held against the world: which files are suites, and what measuring did not find."""

import dataclasses
import difflib
import itertools
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath

from perfgate.config.limits import KNOWN_METRICS, Limit
from perfgate.config.settings import Config, Suite, is_suite_name
from perfgate.errors import ConfigError
from perfgate.model import Benchmark

__all__ = ["check_limits", "check_waivers", "discover_suites"]


def discover_suites(config: Config) -> tuple[Suite, ...]:
    """Find the suites: the configured ones, else each benchmarks/test_*.py and bench_*.py.

    Paths may be files, folders or globs; they come back as files and folders in sorted order. A
    found suite is named by its file without the prefix. Empty when there is nothing to measure.

    Raises:
        ConfigError: A path matches nothing, or two suites would measure the same file.
    """
    if not config.suites:
        return _found_suites(config)
    suites = tuple(
        dataclasses.replace(suite, paths=_expanded_paths(config, suite)) for suite in config.suites
    )
    _check_overlap(config, suites)
    return suites


def check_waivers(config: Config, measured_ids: Collection[str]) -> None:
    """Refuse a waiver whose benchmark does not exist.

    Args:
        config: The settings.
        measured_ids: Ids of every benchmark of a complete run, failed ones included.

    Raises:
        ConfigError: A waiver names no measured benchmark.
    """
    for index, waiver in enumerate(config.waivers):
        if waiver.benchmark not in measured_ids:
            raise ConfigError(
                _file(config),
                f"tool.perfgate.waivers[{index}].benchmark",
                f"no benchmark has the id {waiver.benchmark}"
                + _suggestion(waiver.benchmark, sorted(measured_ids)),
            )


def check_limits(config: Config, benchmarks: Iterable[Benchmark]) -> None:
    """Refuse a limit on a metric that none of its benchmarks reports.

    Suites and overrides of which nothing ran are left alone, so a partial run may be checked.

    Raises:
        ConfigError: A limit names a metric that is neither known nor reported.
    """
    ran = tuple(benchmark for benchmark in benchmarks if benchmark.runs)
    for suite in config.suites:
        place = f"tool.perfgate.suites.{suite.name}.limits"
        covered = tuple(each for each in ran if each.suite == suite.name)
        _check_metrics(config, place, suite.limits, covered)
    for index, override in enumerate(config.overrides):
        place = f"tool.perfgate.benchmarks[{index}].limits"
        covered = tuple(each for each in ran if override.is_for(each.id))
        _check_metrics(config, place, override.limits, covered)


def _check_metrics(
    config: Config, place: str, limits: Sequence[Limit], covered: Sequence[Benchmark]
) -> None:
    reported = {name for each in covered for run in each.runs for name in run.metrics}
    known = sorted(KNOWN_METRICS | reported)
    for index, limit in enumerate(limits):
        if covered and limit.metric not in known:
            raise ConfigError(
                _file(config),
                f"{place}[{index}]",
                f"no benchmark here reports the metric {limit.metric}"
                + (_suggestion(limit.metric, known) or f" (known: {', '.join(known)})"),
            )


def _found_suites(config: Config) -> tuple[Suite, ...]:
    folder = config.root / "benchmarks"
    by_name: dict[str, Path] = {}
    for file in sorted(itertools.chain(folder.glob("test_*.py"), folder.glob("bench_*.py"))):
        name = file.stem.partition("_")[2]
        if not is_suite_name(name):
            raise ConfigError(
                _file(config), "tool.perfgate.suites", f"name a suite for benchmarks/{file.name}"
            )
        if name in by_name:
            raise ConfigError(
                _file(config),
                "tool.perfgate.suites",
                f"benchmarks/{by_name[name].name} and benchmarks/{file.name} would both be the "
                f"suite {name}: name a suite for each",
            )
        by_name[name] = file
    return tuple(
        Suite(name=name, paths=(f"benchmarks/{file.name}",))
        for name, file in sorted(by_name.items())
    )


def _expanded_paths(config: Config, suite: Suite) -> tuple[str, ...]:
    paths: set[str] = set()
    for index, path in enumerate(suite.paths):
        matches = _matches(config.root, path)
        if not matches:
            raise ConfigError(
                _file(config),
                f"tool.perfgate.suites.{suite.name}.paths[{index}]",
                f"{path} matches no file under {config.root}",
            )
        paths.update(match.relative_to(config.root).as_posix() for match in matches)
    return tuple(sorted(paths))


def _matches(root: Path, path: str) -> tuple[Path, ...]:
    exact = root / path
    if exact.exists():  # a file whose name contains [ is itself before it is a glob
        return (exact,)
    try:
        return tuple(root.glob(path))
    except ValueError:  # pathlib refuses patterns such as **.py, each version other ones
        return ()


def _check_overlap(config: Config, suites: Sequence[Suite]) -> None:
    for suite, other in itertools.permutations(suites, 2):
        theirs = {PurePosixPath(path) for path in other.paths}
        for path in suite.paths:
            if theirs.intersection((PurePosixPath(path), *PurePosixPath(path).parents)):
                raise ConfigError(
                    _file(config),
                    f"tool.perfgate.suites.{suite.name}.paths",
                    f"{path} belongs to the suite {other.name} as well",
                )


def _file(config: Config) -> Path:
    return config.file or config.root


def _suggestion(name: str, candidates: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, candidates, n=1)
    return f"; did you mean {close[0]}?" if close else ""
