"""Which suites and benchmarks a command is about."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from perfgate.config import Config, Suite, discover_suites
from perfgate.errors import UndecidedError, UsageError
from perfgate.measure.process import SuiteFiles
from perfgate.model import Benchmark, Results

__all__ = [
    "Shard",
    "cache_folder",
    "check_complete",
    "missing_shards",
    "parse_shard",
    "select_suites",
    "shard_name",
    "shard_of",
    "suite_files",
    "with_own_suites",
]

_SHARD_NAME: Final = re.compile(r"shard (?P<number>\d+)/(?P<count>\d+)")

Shard = tuple[int, int]
"""Number of the shard, from 1, and how many there are."""


def select_suites(config: Config, names: Sequence[str]) -> tuple[Suite, ...]:
    """Return the suites by those names, or all.

    Raises:
        UsageError: a name is no suite's.
        UndecidedError: the project has no suites at all.
    """
    suites = discover_suites(config)
    if not suites:
        raise UndecidedError(
            f"{config.root}: no suites: put benchmarks into benchmarks/test_*.py, "
            "or run `perfgate init`, which names those that lie elsewhere"
        )
    known = {suite.name: suite for suite in suites}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
            raise UsageError(f"no suite is called {name}; {hint}")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else suites


def suite_files(suites: Iterable[Suite]) -> tuple[SuiteFiles, ...]:
    """Return the suites as measuring takes them."""
    return tuple(SuiteFiles(name=suite.name, files=suite.paths) for suite in suites)


def with_own_suites(results: Results, config: Config) -> Results:
    """Put benchmarks into the suites that the settings name; a file knows only paths.

    Raises:
        ConfigError: a configured path matches nothing.
    """
    if not config.suites:
        return results
    owners = {path: suite.name for suite in discover_suites(config) for path in suite.paths}
    benchmarks = tuple(_with_owner(one, owners) for one in results.benchmarks)
    return msgspec.structs.replace(results, benchmarks=benchmarks)


def _with_owner(benchmark: Benchmark, owners: Mapping[str, str]) -> Benchmark:
    path = PurePosixPath(benchmark.path or benchmark.id.partition("::")[0])
    for place in (path, *path.parents):
        owner = owners.get(place.as_posix())
        if owner is not None:
            return msgspec.structs.replace(benchmark, suite=owner)
    return benchmark


def shard_name(shard: Shard) -> str:
    """Name a shard as results remember it."""
    return f"shard {shard[0]}/{shard[1]}"


def missing_shards(legs: Iterable[str]) -> tuple[str, ...]:
    """Return the shards that are not among the legs although their siblings are."""
    found = [match for leg in legs if (match := _SHARD_NAME.fullmatch(leg))]
    present = {match[0] for match in found}
    counts = {int(match["count"]) for match in found}
    wanted = (shard_name((number, n)) for n in sorted(counts) for number in range(1, n + 1))
    return tuple(name for name in wanted if name not in present)


def check_complete(results: Results, source: Path) -> None:
    """Refuse a single shard where everything that was not measured would count as missing.

    Raises:
        UsageError: shards are missing.
    """
    missing = missing_shards(results.legs)
    if missing:
        have = ", ".join(results.legs)
        raise UsageError(
            f"{source}: holds {have} only; `perfgate merge` it with {', '.join(missing)} first"
        )


def parse_shard(text: str) -> Shard:
    """Read "2/5".

    Raises:
        UsageError: not a number of a shard and a count that holds it.
    """
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UsageError(f"--shard {text}: write it as NUMBER/COUNT, such as 2/5")
    return int(number), int(count)


def shard_of(
    benchmarks: Sequence[str], shard: Shard, durations_s: Mapping[str, float]
) -> frozenset[str]:
    """Return the benchmarks of one shard: the longest first, each to the emptiest shard so far.

    Depends only on the ids and the recorded durations, so all shards agree without talking.
    """
    number, count = shard
    known = sorted(durations_s[name] for name in benchmarks if name in durations_s)
    usual_s = known[len(known) // 2] if known else 1.0
    cost_s = {name: durations_s.get(name, usual_s) for name in benchmarks}
    filled_s = [0.0] * count
    members: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(benchmarks, key=lambda name: (-cost_s[name], name)):
        emptiest = min(range(count), key=lambda place: (filled_s[place], place))
        filled_s[emptiest] += cost_s[name]
        members[emptiest].append(name)
    return frozenset(members[number - 1])


def cache_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Return where trees of other commits are kept while they are measured."""
    base = environ.get("XDG_CACHE_HOME") or environ.get("LOCALAPPDATA")
    return (Path(base) if base else home / ".cache") / "perfgate"
