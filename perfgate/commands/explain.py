"""``perfgate explain``: which functions of a benchmark grew, in Python and in C."""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from perfgate.commands.run import Machine, own_side
from perfgate.commands.selection import select_suites
from perfgate.commands.trees import Trees
from perfgate.config import Config, Suite
from perfgate.errors import UsageError
from perfgate.files import write_file
from perfgate.git import open_repository
from perfgate.measure.instruments import find_valgrind, why_no_callgrind
from perfgate.measure.lockstep import Side
from perfgate.measure.process import Progress
from perfgate.measure.profiles import Edge, Function, NativeProfile, profile_native, profile_python
from perfgate.measure.references import find_merge_base, read_event
from perfgate.report.speedscope import Stack, encode_speedscope

__all__ = ["Explanation", "Growth", "encode_explanation", "explain", "grown", "grown_in_python"]

_PASSES: Final = 2
"""Processes in turn on each side, since one process in many is slow throughout."""
_MARGIN: Final = 1.5
"""Times that the last pass took, which another one is given."""
_SMALLEST_SHARE: Final = 0.001
"""Of the whole: less is what a clock cannot tell."""
_LIBRARIES: Final = ("/site-packages/", "/dist-packages/", "/lib/")


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """One function before and after, in one call of the benchmark."""

    name: str
    file: str
    """From the root of its tree where it lies there; empty where there is no source."""
    line: int
    """In the candidate; 0 where there is none."""
    before: float
    """Seconds or instructions of its own, with those of the C functions that it called."""
    after: float
    share_before: float
    share_after: float
    calls_before: float | None = None
    """None: not counted."""
    calls_after: float | None = None
    within: str = ""
    """The C function that it called and that grew most, if that is most of its growth."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What grew between two trees: the functions that grew most first."""

    benchmark: str
    base: str
    """Commit of the merge base."""
    seconds_before: float
    """Of one call under the profiler, which slows calls of functions more than the rest."""
    seconds_after: float
    python: tuple[Growth, ...]
    instructions_before: float | None = None
    instructions_after: float | None = None
    native: tuple[Growth, ...] = ()
    """Functions in C; empty where nothing could be counted."""
    why_no_counts: str = ""
    files: tuple[str, ...] = ()
    """Written for other tools."""


def explain(
    config: Config, benchmark: str, machine: Machine, *, base: str | None, folder: Path
) -> Explanation:
    """Profile a benchmark in the candidate and in the merge base, and compare.

    Writes ``profile.speedscope.json`` and, where valgrind is installed, ``base.callgrind.out`` and
    ``candidate.callgrind.out`` into ``folder``.

    Raises:
        UsageError: the id is of no suite, or there is no code to compare with.
        MeasurementError: the benchmark is not there or did not run, in either tree.
        ReferenceTreeError: the code to compare with cannot be had.
    """
    suite = _suite_of(config, benchmark)
    repository = open_repository(config.root, machine.environ)
    if repository is None:
        raise UsageError("explain needs a git repository: there is no other code here")
    reference = find_merge_base(
        repository, base=base, environ=machine.environ, event=read_event(machine.environ)
    )
    if reference.commit is None:
        raise UsageError("explain needs code to compare with: name it with --base")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        trees = Trees(
            config=config,
            machine=machine,
            repository=repository,
            paths=suite.paths,
            stack=stack,
        )
        sides = (trees.side(reference.commit, "merge base"), own_side(config, machine))
        job = _Job(config=config, machine=machine, benchmark=benchmark, folder=folder)
        return _compared(job, sides, reference.commit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is profiled, and where its files go."""

    config: Config
    machine: Machine
    benchmark: str
    folder: Path


def _compared(job: _Job, sides: tuple[Side, Side], commit: str) -> Explanation:
    progress = job.machine.progress
    progress.plan(2 * _PASSES)
    before, after = _profiled(
        sides, job.benchmark, job.machine.environ, job.config.timeout_s, progress=progress
    )
    files = [_export(job, before, after)]
    why = why_no_callgrind(job.machine.environ)
    native = None if why else _native(job, sides)
    explanation = Explanation(
        benchmark=job.benchmark,
        base=commit,
        seconds_before=_whole(before),
        seconds_after=_whole(after),
        python=grown(_own(before), _own(after)),
        why_no_counts=why,
        files=tuple(files),
    )
    if native is None:
        return explanation
    counted = [_instructions(profile) for profile in native]
    return msgspec.structs.replace(
        explanation,
        instructions_before=sum(one.amount for one in counted[0].values()),
        instructions_after=sum(one.amount for one in counted[1].values()),
        native=grown(*counted),
        files=(*files, *(str(profile.file) for profile in native)),
    )


def _profiled(
    sides: tuple[Side, Side],
    benchmark: str,
    environ: Mapping[str, str],
    timeout_s: float,
    *,
    progress: Progress,
    deadline_s: float = math.inf,
) -> tuple[tuple[Edge, ...], tuple[Edge, ...]]:
    """Profile both trees in turn; fewer times where the deadline would come first."""
    passes: tuple[list[tuple[Edge, ...]], ...] = ([], [])
    for _ in range(_PASSES):
        start_s = time.monotonic()
        for side, found in zip(sides, passes, strict=True):
            profile = profile_python(side, benchmark, environ, timeout_s, deadline_s=deadline_s)
            found.append(_inside(profile, side.root))
            progress.step(benchmark)
        end_s = time.monotonic()
        if end_s + _MARGIN * (end_s - start_s) > deadline_s:
            break
    before, after = (min(found, key=_whole) for found in passes)
    return before, after


def grown_in_python(
    sides: tuple[Side, Side],
    benchmark: str,
    environ: Mapping[str, str],
    timeout_s: float,
    *,
    progress: Progress,
    deadline_s: float,
) -> tuple[Growth, ...]:
    """Return the Python functions that take longer in the second tree, by a profile alone.

    Raises:
        MeasurementError: the benchmark is not there, or did not run until the deadline.
    """
    before, after = _profiled(
        sides, benchmark, environ, timeout_s, progress=progress, deadline_s=deadline_s
    )
    return grown(_own(before), _own(after))


def _suite_of(config: Config, benchmark: str) -> Suite:
    path = benchmark.partition("::")[0]
    for suite in select_suites(config, ()):
        if any(path == one or path.startswith(f"{one}/") for one in suite.paths):
            return suite
    raise UsageError(f"{benchmark}: no suite has a file {path}")


def _native(job: _Job, sides: tuple[Side, Side]) -> tuple[NativeProfile, NativeProfile]:
    valgrind = find_valgrind(job.machine.environ)
    if valgrind is None:
        raise AssertionError("asked for although nothing can be counted")
    before, after = (
        profile_native(
            side,
            job.benchmark,
            job.machine.environ,
            job.config.timeout_s * 60,
            valgrind=valgrind,
            output=job.folder / f"{name}.callgrind.out",
        )
        for side, name in zip(sides, ("base", "candidate"), strict=True)
    )
    return before, after


# --- what grew ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What one function took of one call of the benchmark."""

    amount: float
    calls: float | None
    line: int
    within: Mapping[str, float]
    """Of which by C functions that it called, by name."""


_Functions = Mapping[tuple[str, str], _Taken]
"""By file and name: lines move."""


def grown(before: _Functions, after: _Functions) -> tuple[Growth, ...]:
    """Return the functions that take more than before, the largest growth first."""
    whole_before = sum(one.amount for one in before.values()) or 1.0
    whole_after = sum(one.amount for one in after.values()) or 1.0
    found = []
    for (file, name), taken in after.items():
        known = before.get((file, name), _NOTHING)
        growth = taken.amount - known.amount
        if growth <= _SMALLEST_SHARE * whole_after:
            continue
        found.append(
            Growth(
                name=name,
                file=file,
                line=taken.line,
                before=known.amount,
                after=taken.amount,
                share_before=known.amount / whole_before,
                share_after=taken.amount / whole_after,
                calls_before=known.calls,
                calls_after=taken.calls,
                within=_within(known, taken, growth),
            )
        )
    return tuple(sorted(found, key=lambda one: one.before - one.after))


_NOTHING: Final = _Taken(amount=0.0, calls=0.0, line=0, within={})


def _within(before: _Taken, after: _Taken, growth: float) -> str:
    grew = {name: taken - before.within.get(name, 0.0) for name, taken in after.within.items()}
    name = max(grew, key=lambda one: grew[one], default="")
    return name if name and grew[name] > growth / 2 else ""


def _whole(edges: Sequence[Edge]) -> float:
    return sum(edge.seconds for edge in edges)


def _own(edges: Sequence[Edge]) -> _Functions:
    """Return what each Python function took itself, and through C functions that it called."""
    own: dict[tuple[str, str], _Taken] = {}
    for edge in edges:
        is_native = not edge.function.file
        owner = edge.caller if is_native and edge.caller is not None else edge.function
        key = (owner.file, owner.name)
        known = own.get(key, _Taken(amount=0.0, calls=0.0, line=owner.line, within={}))
        within = dict(known.within)
        if is_native:
            within[edge.function.name] = within.get(edge.function.name, 0.0) + edge.seconds
        own[key] = _Taken(
            amount=known.amount + edge.seconds,
            calls=(known.calls or 0.0) + (0.0 if is_native and edge.caller else edge.calls),
            line=owner.line,
            within=within,
        )
    return own


def _instructions(profile: NativeProfile) -> _Functions:
    found: dict[tuple[str, str], _Taken] = {}
    for one in profile.functions:
        file = "/".join(Path(one.file or one.library).parts[-2:])
        name = one.name or "(no symbol)"
        known = found.get((file, name), _NOTHING)
        amount = known.amount + one.instructions / profile.calls
        found[file, name] = _Taken(amount=amount, calls=None, line=0, within={})
    return found


def _inside(edges: Sequence[Edge], root: Path) -> tuple[Edge, ...]:
    """Name files from the root of their tree, so that those of two trees are the same."""

    def inside(function: Function) -> Function:
        return Function(file=_short(function.file, root), line=function.line, name=function.name)

    return tuple(
        Edge(
            caller=None if edge.caller is None else inside(edge.caller),
            function=inside(edge.function),
            calls=edge.calls,
            seconds=edge.seconds,
        )
        for edge in edges
    )


def _short(file: str, root: Path) -> str:
    path = Path(file)
    for base in (root, root.resolve()):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    for mark in _LIBRARIES:
        if mark in file:
            return file.rpartition(mark)[2]
    return file


# --- for other tools ---------------------------------------------------------------------------


def _export(job: _Job, before: Sequence[Edge], after: Sequence[Edge]) -> str:
    target = job.folder / "profile.speedscope.json"
    profiles = {"merge base": _stacks(before), "candidate": _stacks(after)}
    write_file(target, encode_speedscope(job.benchmark, profiles))
    return str(target)


def _stacks(edges: Sequence[Edge]) -> tuple[Stack, ...]:
    return tuple(
        Stack(
            frames=tuple(
                (one.name, one.file, one.line)
                for one in (edge.caller, edge.function)
                if one is not None
            ),
            seconds=edge.seconds,
        )
        for edge in edges
    )


def encode_explanation(explanation: Explanation) -> bytes:
    """Write an explanation as JSON with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(explanation)) + b"\n"
