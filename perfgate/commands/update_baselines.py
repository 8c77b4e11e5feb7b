"""``perfgate update-baselines``: approve measured numbers, line by line, with a reason."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from perfgate.baselines.store import (
    BaselineFile,
    baseline_path,
    encode_baselines,
    load_baselines,
    write_baselines,
)
from perfgate.baselines.update import LineChange, UpdatePlan, check_only, plan_update
from perfgate.commands.selection import missing_shards
from perfgate.config import Config
from perfgate.errors import UndecidedError, UsageError
from perfgate.load_run import may_hold
from perfgate.measure.environment import describe_environment
from perfgate.model import Baseline, Results
from perfgate.report.text import visible
from perfgate.units import format_seconds

__all__ = ["BaselineUpdate", "check_folder", "check_reason", "describe", "update_baselines"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BaselineUpdate:
    """What an approval did: one plan per suite, and the files that it wrote or removed."""

    plans: tuple[UpdatePlan, ...]
    files: tuple[Path, ...]


def check_reason(reason: str) -> str:
    """Return a reason on one line.

    Raises:
        UsageError: it is blank.
    """
    sentence = " ".join(reason.split())
    if not sentence:
        raise UsageError("--reason is empty: say why the new numbers are right")
    return sentence


def check_folder(folder: Path) -> None:
    """Refuse damaged baselines of this environment before minutes are spent on measuring.

    Raises:
        BaselineError: a file is damaged.
    """
    load_baselines(folder, describe_environment("").key)


def update_baselines(
    results: Results,
    *,
    config: Config,
    suites: Collection[str] | None,
    only: frozenset[str],
    prune: bool,
    reason: str,
) -> BaselineUpdate:
    """Rewrite the lines in ``baselines/`` that noise cannot explain; others keep every byte.

    Everything is read, decided and checked before the first file is written.

    Args:
        results: What was measured of all benchmarks in ``suites``.
        config: Says where the project is, and what its limits are relative to: such numbers are
            approved as well.
        suites: Names of the suites that were measured as a whole; None: all there are, so that
            pruning also removes suites that are gone.
        only: Ids to approve alone, whatever the noise; empty: all.
        prune: Remove the lines of benchmarks that are gone: all, or those that ``only`` names.
        reason: Why the new numbers are right; becomes part of each new line.

    Raises:
        UsageError: The reason is blank, ``only`` names what has no number, or the results are of
            many environments.
        UndecidedError: Nothing has a number that could be approved.
        BaselineError: A file is damaged, or cannot be written.
    """
    sentence = check_reason(reason)
    if results.is_mixed:
        raise UsageError("the results are of many environments: approve those of each by itself")
    folder, key = config.root / "baselines", results.environment.key
    own = {benchmark.suite for benchmark in results.benchmarks}
    approved = load_baselines(folder, key)
    old = {file.suite: file for file in approved if may_hold(own, file.suite)}
    gone = _gone(old, results, suites) if prune else frozenset[str]()
    check_only(only - gone, results)
    missing = missing_shards(results.legs)
    if prune and missing:
        raise UsageError(f"--prune needs all that there is, but {', '.join(missing)} is missing")
    if all(benchmark.failure is not None for benchmark in results.benchmarks):
        raise UndecidedError(f"no benchmark has a number to approve{_example(results)}")
    plans: list[UpdatePlan] = []
    for suite in sorted(old.keys() | own):
        is_measured = suites is None or suite in suites
        plan = plan_update(
            old.get(suite) or BaselineFile(environment=key, suite=suite, baselines={}),
            results,
            config=config,
            only=only,
            prune=prune and is_measured,
            reason=sentence,
        )
        # A suite that was not measured can only lose what moved into one that was.
        if is_measured or plan.changes:
            plans.append(plan if is_measured else dataclasses.replace(plan, prunable=()))
    changed = [plan.file for plan in plans if plan.changes]
    return BaselineUpdate(plans=tuple(plans), files=_written(folder, changed))


def _written(folder: Path, files: Sequence[BaselineFile]) -> tuple[Path, ...]:
    """Write all files; names from a result file must not fail between two of them."""
    for file in files:
        baseline_path(folder, file.environment, file.suite)
        encode_baselines(file)
    return tuple(write_baselines(folder, file) for file in files)


def _gone(
    old: Mapping[str, BaselineFile], results: Results, suites: Collection[str] | None
) -> frozenset[str]:
    """Return what the suites that were measured as a whole have a line for and no more."""
    lines = [file.baselines for file in old.values() if suites is None or file.suite in suites]
    measured = {benchmark.id for benchmark in results.benchmarks}
    return frozenset(name for names in lines for name in names if name not in measured)


def _example(results: Results) -> str:
    """Say of one benchmark why it has no number."""
    for benchmark in results.benchmarks:
        if benchmark.failure is not None:
            lines = benchmark.failure.message.strip().splitlines() or [""]
            return f": {benchmark.id}: {benchmark.failure.kind.value}: {lines[-1]}".rstrip(": ")
    return ""


def describe(update: BaselineUpdate, root: Path) -> Iterator[str]:
    """Yield what an approval did, line by line: old -> new, and what it left alone."""
    for plan in update.plans:
        for change in plan.changes:
            changed = "; ".join([f"{_time(change.old)} -> {_time(change.new)}", *_metrics(change)])
            yield f"{change.kind.value}: {visible(change.benchmark)}: {changed}"
        for name in plan.failed:
            yield f"no number: {visible(name)}: what was approved stays"
        for name in plan.prunable:
            yield f"gone: {visible(name)}: remove its line with --prune"
    untouched = sum(len(plan.untouched) for plan in update.plans)
    rewritten = sum(len(plan.changes) for plan in update.plans)
    files = ", ".join(file.relative_to(root).as_posix() for file in update.files)
    yield f"{rewritten} changed, {untouched} within the noise" + (f": {files}" if files else "")


def _metrics(change: LineChange) -> Iterator[str]:
    """Yield what limits are relative to, where it changed; in seconds, bytes, plain ratios."""
    old = change.old.metrics if change.old else {}
    new = change.new.metrics if change.new else {}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"{visible(name)} {old.get(name, 'nothing')} -> {new.get(name, 'nothing')}"


def _time(baseline: Baseline | None) -> str:
    return "nothing" if baseline is None else format_seconds(baseline.median_s)
