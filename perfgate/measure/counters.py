"""Instructions per call of whole suites: nearly a property of the code alone."""

import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Final

from perfgate.errors import UsageError
from perfgate.measure.counting import LONG_INSTRUCTIONS, OUT_OF_BUDGET, Conversation, Count, Left
from perfgate.measure.crew import Crew
from perfgate.measure.instruments import Instrument
from perfgate.measure.process import Progress, SuiteFiles
from perfgate.measure.worker import Worker, WorkerLost, WorkerSettings
from perfgate.model import Counts

__all__ = ["HASH_SEEDS", "CountPlan", "count_suites"]

HASH_SEEDS: Final = (1, 2, 3)
"""Fixed, so that a count can be compared with a committed one; several, since the order of a set
may decide how much there is to do."""
_LAYOUT_BYTES: Final = 1_237
"""How much longer the environment is with each seed, which moves all that lies behind it. Where two
objects lie decides whether they meet in a table (objects that are hashed by address, the
interpreter's cache of attributes): seeds of one layout would all have such a meeting or none."""
_COLLECT_TIMEOUT_S: Final = 600.0
_NOT_ALWAYS: Final = Left(why="it is not there with every hash seed: something in its id varies")


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPlan:
    """What to count, in which tree and with what."""

    root: Path
    source_paths: tuple[Path, ...]
    suites: tuple[SuiteFiles, ...]
    python: Path
    environ: Mapping[str, str]
    instrument: Instrument
    timeout_s: float
    """For one answer of one process, as if it were not slowed by counting."""
    deadline_s: float = math.inf
    """On the monotonic clock: no benchmark is begun after it."""
    selection: frozenset[str] | None = None
    """Ids to count; None: all."""
    hash_seeds: tuple[int, ...] = HASH_SEEDS
    jobs: int
    """Processes at a time."""
    pytest_configuration: Path | None = None


_SLOWDOWN: Final = 60.0


def count_suites(plan: CountPlan, progress: Progress) -> dict[str, Counts]:
    """Count every benchmark once in each hash seed; return the counts by id.

    A benchmark that cannot be counted (it waits, it varies, it fails under valgrind) says why.

    Raises:
        UsageError: nothing can be counted here.
    """
    found = _Found(hash_seeds=plan.hash_seeds)
    # Suite by suite: where the budget runs out, some have all their seeds.
    tasks = [(suite, seed) for suite in plan.suites for seed in plan.hash_seeds]

    def run(task: tuple[SuiteFiles, int]) -> None:
        _Process(plan, task[0], task[1], found, progress).run()

    with (
        tempfile.TemporaryDirectory(prefix="perfgate-counts-") as folder,
        ThreadPoolExecutor(max_workers=plan.jobs) as pool,
    ):
        found.folder = Path(folder)
        futures = [pool.submit(run, task) for task in tasks]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            found.stop()
            raise
    return {
        name: _combined([by_seed.get(seed) for seed in plan.hash_seeds], plan.instrument.build)
        for name, by_seed in found.counts.items()
    }


def _combined(by_seed: Sequence[Count | None], build: str) -> Counts:
    """Return the mean over the seeds, in the plan's order; one reason against one is a reason.

    The mean, for each seed differs by rare meetings in tables of its own: of three, the median is
    one of them, with all it has. Fewer seeds than planned have another mean, and are no count.
    """
    first = by_seed[0]
    if isinstance(first, float) and first > LONG_INSTRUCTIONS:
        return Counts(instructions=first, build=build)
    numbers = [one for one in by_seed if isinstance(one, float)]
    if len(numbers) < len(by_seed):
        left = [one for one in by_seed if isinstance(one, Left)]
        left.sort(key=lambda one: one is OUT_OF_BUDGET)
        return Counts(instructions=None, build=build, why=(left or [_NOT_ALWAYS])[0].why)
    typical = fmean(numbers)
    spread = (max(numbers) - min(numbers)) / typical if len(numbers) > 1 else None
    return Counts(instructions=typical, spread=spread, build=build)


@dataclass(slots=True)
class _Found(Crew):
    """What all threads know besides: counts so far."""

    hash_seeds: tuple[int, ...] = field(kw_only=True)
    counts: dict[str, dict[int, Count]] = field(default_factory=dict)
    folder: Path = Path()

    def note(self, name: str, seed: int, count: Count) -> None:
        with self.lock:
            self.counts.setdefault(name, {})[seed] = count

    def is_settled(self, name: str) -> bool:
        """Say whether further seeds would say nothing new, or take too long to.

        Of a long benchmark the first seed decides that, so that it is always the same one.
        """
        with self.lock:
            known = self.counts.get(name, {})
            first = known.get(self.hash_seeds[0], 0.0)
            left = [one for one in known.values() if isinstance(one, Left)]
        is_long = isinstance(first, float) and first > LONG_INSTRUCTIONS
        return is_long or any(one is not OUT_OF_BUDGET for one in left)


class _Process:
    """One suite with one hash seed under callgrind, in fresh processes after one that was lost."""

    def __init__(
        self, plan: CountPlan, suite: SuiteFiles, seed: int, found: _Found, progress: Progress
    ) -> None:
        self._plan = plan
        self._suite = suite
        self._seed = seed
        self._found = found
        self._progress = progress

    def run(self) -> None:
        remaining: Sequence[str] | None = None
        while remaining is None or remaining:
            output = Path(tempfile.mkdtemp(dir=self._found.folder)) / "counts"
            worker = self._found.start(self._settings(output))
            try:
                remaining = self._run_in(worker, remaining)
            finally:
                self._found.end(worker)
                shutil.rmtree(output.parent, ignore_errors=True)

    def _settings(self, output: Path) -> WorkerSettings:
        plan = self._plan
        settings = WorkerSettings(
            python=plan.python,
            root=plan.root,
            source_paths=plan.source_paths,
            files=self._suite.files,
            environ={**plan.environ, "PERFGATE_LAYOUT": "x" * _LAYOUT_BYTES * self._seed},
            hash_seed=self._seed,
            is_lockstep=True,
            pytest_configuration=plan.pytest_configuration,
        )
        return plan.instrument.attached(settings, output)

    def _run_in(self, worker: Worker, remaining: Sequence[str] | None) -> Sequence[str]:
        """Count in one process; return what is left for another one."""
        try:
            worker.configure()
            collection = worker.collect(_COLLECT_TIMEOUT_S)
        except WorkerLost as lost:
            if lost.is_refusal:
                raise UsageError(lost.problem) from lost
            for name in self._expected() if remaining is None else remaining:
                self._found.note(name, self._seed, self._lost(lost))
            return ()
        if remaining is None:
            remaining = [one.id for one in collection.benchmarks if self._is_wanted(one.id)]
            self._progress.plan(len(remaining))
        worker.send({"plan": list(remaining)})
        for place, name in enumerate(remaining):
            try:
                count = Conversation(worker, self._timeout_s()).count(
                    is_late=time.monotonic() > self._plan.deadline_s,
                    is_settled=self._found.is_settled(name),
                )
            except WorkerLost as lost:
                self._found.note(name, self._seed, self._lost(lost))
                self._progress.step(name)
                return remaining[place + 1 :]
            if count is not None:
                self._found.note(name, self._seed, count)
            self._progress.step(name)
        worker.finish()
        return ()

    def _expected(self) -> Sequence[str]:
        """Return what was to be counted in these files, where they could not even be collected."""
        return [
            name
            for name in self._plan.selection or ()
            if any(name.startswith(file) for file in self._suite.files)
        ]

    def _lost(self, lost: WorkerLost) -> Left:
        return Left(why=self._plan.instrument.lost(lost.problem))

    def _is_wanted(self, name: str) -> bool:
        return self._plan.selection is None or name in self._plan.selection

    def _timeout_s(self) -> float:
        left_s = max(1.0, self._plan.deadline_s - time.monotonic())
        return min(self._plan.timeout_s * _SLOWDOWN, left_s + self._plan.timeout_s)
