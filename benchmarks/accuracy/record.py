"""Record pairs and process runs of a suite against changed copies of itself, as JSON."""

import contextlib
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.accuracy.edits import edit_unrelated, slow_down
from benchmarks.accuracy.subjects import Subject, Target
from perfgate.measure.bytecode import kept_bytecode
from perfgate.measure.lockstep import GroupPlan, Side, available_cpus, measure_groups
from perfgate.measure.process import Progress, SuiteFiles, SuitePlan, collect_suites
from perfgate.measure.sources import source_layout

__all__ = ["Workshop", "checked_out", "neighbours", "record"]

_TRIAL_WORK: Final = 100
_TRIAL_PAIRS: Final = 12
_ROUNDS: Final = 24
_UNCHANGED_SHARE: Final = 3
"""Unchanged code gets so many times the pairs: what a benchmark is off by in a recording counts as
true in every run drawn from it, so with 24 pairs one benchmark of a hundred decides the figure."""


@contextlib.contextmanager
def checked_out(subject: Subject, source: Path | None) -> Iterator[Path]:
    """Yield a fresh clone of a subject at its commit, as a reference to copy."""
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        root = Path(folder) / "reference"
        origin = str(source) if source else subject.url
        _git(Path(folder), "clone", "--quiet", origin, str(root))
        if subject.commit:
            _git(root, "checkout", "--quiet", subject.commit)
        yield root


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


@contextlib.contextmanager
def neighbours(*, are_noisy: bool) -> Iterator[None]:
    """Keep a bursty neighbour on every CPU while the block runs."""
    script = Path(__file__).with_name("neighbour.py")
    cpus = [cpu for cpu in available_cpus() if cpu is not None] if are_noisy else []
    running = [
        subprocess.Popen([sys.executable, str(script), str(cpu), str(os.getpid())]) for cpu in cpus
    ]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where changed copies of a subject are made and measured."""

    subject: Subject
    reference: Path
    python: Path
    environ: Mapping[str, str]
    seed: int

    def copy(self, name: str) -> Path:
        """Return a fresh copy of the reference."""
        target = self.reference.with_name(name)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.reference, target, symlinks=True)
        return target

    def benchmarks(self) -> tuple[str, ...]:
        """Return the ids of all benchmarks."""
        files = self.subject.files
        plan = SuitePlan(
            root=self.reference,
            suites=(SuiteFiles(name="all", files=files),),
            python=self.python,
            environ=self.environ,
            source_paths=source_layout(self.reference).paths,
            processes=1,
            seed=1,
            timeout_s=120,
        )
        return tuple(place.id for place in collect_suites(plan)["all"].benchmarks)

    def pairs(self, candidate: Path, names: Sequence[str], count: int) -> dict[str, list[float]]:
        """Return the estimates of so many pairs of candidate and reference, by benchmark."""
        plan = GroupPlan(
            sides=(self._side("candidate", candidate), self._side("reference", self.reference)),
            files=self.subject.files,
            benchmarks=tuple(names),
            environ=self.environ,
            timeout_s=120,
            rounds=_ROUNDS,
        )
        groups = measure_groups(plan, groups=count, seed=self.seed, progress=Progress())
        return {
            name: [group[name].log_ratios["reference"] for group in groups]
            for name in names
            if all("reference" in group[name].log_ratios for group in groups)
        }

    def _side(self, name: str, root: Path) -> Side:
        layout = source_layout(root)
        return Side(
            name=name,
            python=self.python,
            root=root,
            source_paths=layout.paths,
            modules=layout.modules,
        )

    def process_run(self, root: Path, names: Sequence[str]) -> dict[str, dict[str, float]]:
        """Run pytest-benchmark once, as people do, and return its statistics by benchmark."""
        output = root / "accuracy.json"
        paths = [str(path) for path in source_layout(root).paths]
        subprocess.run(
            [
                *(str(self.python), "-m", "pytest", *(names or self.subject.files)),
                *("-q", "-o", "addopts=", "-p", "no:cacheprovider", f"--rootdir={root}"),
                *("--benchmark-only", "--benchmark-max-time=0.1", f"--benchmark-json={output}"),
            ],
            cwd=root,
            env={**self.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "random"},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        document = json.loads(output.read_text(encoding="utf-8"))
        keys = ("min", "mean", "median")
        return {
            one["fullname"]: {key: one["stats"][key] for key in keys}
            for one in document["benchmarks"]
        }


def record(
    shop: Workshop, *, pairs: int, processes: int, slowdowns: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """Record identical code, an unrelated edit, and every target slower by each ratio.

    Yields what there is so far, after every step.
    """
    names = shop.benchmarks()
    targets = [target.benchmark for target in shop.subject.targets]
    edited = shop.copy("edited")
    edit_unrelated(edited / shop.subject.package, random.Random(shop.seed))
    found: dict[str, Any] = {"pairs": {}, "processes": {"reference": [], "unrelated edit": []}}
    for key, root in (("same", shop.copy("same")), ("unrelated edit", edited)):
        found["pairs"][key] = shop.pairs(root, names, _UNCHANGED_SHARE * pairs)
        yield found
    slowed = {}
    doubled = _work_that_doubles(shop)
    for slowdown in slowdowns:
        key = f"{slowdown:g}"
        slowed[key] = shop.copy(f"slower-{key}")
        slow_down(slowed[key], {one: max(1, round(slowdown * doubled[one])) for one in doubled})
        found["pairs"][key] = shop.pairs(slowed[key], targets, pairs)
        found["processes"][key] = []
        yield found
    for _ in range(processes):  # interleaved, so that all see the same hour
        found["processes"]["reference"].append(shop.process_run(shop.reference, ()))
        found["processes"]["unrelated edit"].append(shop.process_run(edited, ()))
        for key, root in slowed.items():
            found["processes"][key].append(shop.process_run(root, targets))
        yield found


def _work_that_doubles(shop: Workshop) -> dict[Target, float]:
    """Return how much needless work makes each target's benchmark take twice as long."""
    targets = shop.subject.targets
    root = shop.copy("trial")
    slow_down(root, dict.fromkeys(targets, _TRIAL_WORK))
    estimates = shop.pairs(root, [target.benchmark for target in targets], _TRIAL_PAIRS)
    return {
        target: _TRIAL_WORK / max(math.expm1(median(estimates[target.benchmark])), 1e-3)
        for target in targets
    }


@contextlib.contextmanager
def environment(subject: Subject) -> Iterator[Mapping[str, str]]:
    """Yield the environment for measured processes."""
    with tempfile.TemporaryDirectory(prefix="accuracy-cache-") as cache:
        own = {**os.environ, **subject.environ}
        own.pop("PYTHONPATH", None)
        with kept_bytecode(own, Path(cache)) as environ:
            yield environ
