"""Instructions per call, counted under valgrind: nearly a property of the code alone."""

import math
import os
import platform
import shutil
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from perfgate.errors import UsageError
from perfgate.measure.counting import LONG_INSTRUCTIONS, OUT_OF_BUDGET, Conversation, Count, Left
from perfgate.measure.crew import Crew
from perfgate.measure.process import Progress, SuiteFiles
from perfgate.measure.worker import Worker, WorkerLost, WorkerSettings
from perfgate.model import Counts

__all__ = [
    "HASH_SEEDS",
    "CountPlan",
    "build_of_here",
    "callgrind_command",
    "callgrind_environ",
    "count_suites",
    "find_valgrind",
    "why_no_counters",
]

HASH_SEEDS: Final = (1, 2, 3)
"""Fixed, so that a count can be compared with a committed one; several, since the order of a set
may decide how much there is to do."""
_COLLECT_TIMEOUT_S: Final = 600.0
_PLAIN_CPU: Final = (
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-BMI1,-BMI2,-LZCNT,-MOVBE,-POPCNT,"
    "-ERMS,-FSRM,-RTM,-SSE4_2,-SSE4_1,-SSSE3,-AVX_Fast_Unaligned_Load,-Fast_Unaligned_Copy,"
    "-Prefer_No_VZEROUPPER"
    ":glibc.cpu.x86_non_temporal_threshold=0xc0000:glibc.cpu.x86_rep_movsb_threshold=0x40000"
    ":glibc.cpu.x86_rep_stosb_threshold=0x40000"
)
"""The C library then copies and compares in the same way whatever the CPU can do."""
_PLAIN_MALLOC: Final = (
    "glibc.malloc.tcache_count=65535:glibc.malloc.mmap_threshold=0x400000"
    ":glibc.malloc.trim_threshold=0x10000000000:glibc.malloc.top_pad=0x1000000"
)
"""What is given back is taken again at the same price, wherever it lies, and the sizes from which
memory comes from the system and goes back to it are fixed (see agent/heap.py). CPython's own
allocator (obmalloc.c) hands out small objects from pools, and a call that fills a pool and reopens
it at every turn pays for that: whether it does depends on all that came before, down to the length
of the path of the checkout. The same code was 1.3 % apart between two folders, in every seed."""
_INSTALL: Final = (
    "install it with the system's package manager (apt-get install valgrind, dnf install valgrind, "
    "apk add valgrind)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPlan:
    """What to count, in which tree and with what."""

    root: Path
    source_paths: tuple[Path, ...]
    suites: tuple[SuiteFiles, ...]
    python: Path
    environ: Mapping[str, str]
    valgrind: Path
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


def find_valgrind(environ: Mapping[str, str]) -> Path | None:
    """Return the valgrind that is on the PATH; None where there is none."""
    found = shutil.which("valgrind", path=environ.get("PATH"))
    return Path(found) if found else None


def why_no_counters(environ: Mapping[str, str]) -> str:
    """Say why instructions cannot be counted here, and what to do; empty where they can."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        here = f"{platform.system()} on {platform.machine()}"
        return f"instructions are counted on Linux on x86_64 only, and this is {here}"
    if find_valgrind(environ) is None:
        return f"instructions are counted under valgrind, which is not here: {_INSTALL}"
    return ""


def build_of_here() -> str:
    """Name what a count depends on beside the code: exact version and build, and C library."""
    libc = ""
    if hasattr(os, "confstr") and "CS_GNU_LIBC_VERSION" in os.confstr_names:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    python = (platform.python_version(), *platform.python_build(), platform.python_compiler())
    parts = (*python, libc, "settled malloc")  # see _PLAIN_MALLOC
    return " ".join(" ".join(part.split()) for part in parts if part)


def callgrind_command(valgrind: Path, output: Path, *options: str) -> tuple[str, ...]:
    """Return the command that runs another one under callgrind, looking away until it is asked."""
    return (
        str(valgrind),
        "--tool=callgrind",
        "--quiet",
        "--vgdb=no",
        "--instr-atstart=no",
        f"--callgrind-out-file={output}",
        *options,
    )


def callgrind_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which counts do not depend on the CPU or on where objects lie."""
    tunables = f"{environ.get('GLIBC_TUNABLES') or _PLAIN_CPU}:{_PLAIN_MALLOC}"
    is_free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    # A free-threaded build has an allocator of its own, and refuses to start with another.
    malloc = {} if is_free_threaded else {"PYTHONMALLOC": "malloc"}
    return {**environ, "GLIBC_TUNABLES": tunables, **malloc}


def count_suites(plan: CountPlan, progress: Progress) -> dict[str, Counts]:
    """Count every benchmark once in each hash seed; return the counts by id.

    A benchmark that cannot be counted (it waits, it varies, it fails under valgrind) says why.

    Raises:
        UsageError: nothing can be counted here, as ``why_no_counters`` says.
    """
    found = _Found()
    tasks = [(suite, seed) for seed in plan.hash_seeds for suite in plan.suites]

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
    build = build_of_here()
    return {name: _combined(counts, build) for name, counts in found.counts.items()}


def _combined(by_seed: Mapping[int, Count], build: str) -> Counts:
    """Return the median of the counts; one reason against counting is a reason.

    Of a long benchmark the first seed counts alone: whether others were counted is chance.
    """
    counts = [by_seed[seed] for seed in sorted(by_seed)]
    left = [one for one in counts if isinstance(one, Left) and one is not OUT_OF_BUDGET]
    numbers = [one for one in counts if not isinstance(one, Left)]
    if left or not numbers:
        why = left[0].why if left else OUT_OF_BUDGET.why
        return Counts(instructions=None, build=build, why=why)
    if numbers[0] > LONG_INSTRUCTIONS:
        numbers = numbers[:1]
    typical = median(numbers)
    spread = (max(numbers) - min(numbers)) / typical if len(numbers) > 1 else None
    return Counts(instructions=typical, spread=spread, build=build)


@dataclass(slots=True)
class _Found(Crew):
    """What all threads know besides: counts so far."""

    counts: dict[str, dict[int, Count]] = field(default_factory=dict)
    folder: Path = Path()

    def note(self, name: str, seed: int, count: Count) -> None:
        with self.lock:
            self.counts.setdefault(name, {})[seed] = count

    def is_settled(self, name: str) -> bool:
        """Say whether further seeds would say nothing new, or take too long to."""
        with self.lock:
            known = [*self.counts.get(name, {}).values()]
        return any(
            one > LONG_INSTRUCTIONS if not isinstance(one, Left) else one is not OUT_OF_BUDGET
            for one in known
        )


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
            output = Path(tempfile.mkdtemp(dir=self._found.folder)) / "callgrind"
            worker = self._found.start(self._settings(output))
            try:
                remaining = self._run_in(worker, remaining)
            finally:
                self._found.end(worker)
                shutil.rmtree(output.parent, ignore_errors=True)

    def _settings(self, output: Path) -> WorkerSettings:
        plan = self._plan
        return WorkerSettings(
            python=plan.python,
            root=plan.root,
            source_paths=plan.source_paths,
            files=self._suite.files,
            environ=callgrind_environ(plan.environ),
            hash_seed=self._seed,
            is_lockstep=True,
            pytest_configuration=plan.pytest_configuration,
            launcher=callgrind_command(plan.valgrind, output, "--dump-line=no"),
            callgrind_output=output,
        )

    def _run_in(self, worker: Worker, remaining: Sequence[str] | None) -> Sequence[str]:
        """Count in one process; return what is left for another one."""
        try:
            worker.configure()
            collection = worker.collect(_COLLECT_TIMEOUT_S)
        except WorkerLost as lost:
            if lost.is_refusal:
                raise UsageError(lost.problem) from lost
            for name in self._expected() if remaining is None else remaining:
                self._found.note(name, self._seed, Left(why=f"under valgrind {lost.problem}"))
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
                self._found.note(name, self._seed, Left(why=f"under valgrind {lost.problem}"))
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

    def _is_wanted(self, name: str) -> bool:
        return self._plan.selection is None or name in self._plan.selection

    def _timeout_s(self) -> float:
        left_s = max(1.0, self._plan.deadline_s - time.monotonic())
        return min(self._plan.timeout_s * _SLOWDOWN, left_s + self._plan.timeout_s)
