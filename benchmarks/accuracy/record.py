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

_TRIAL_TURNS: Final = (20, 200)
_TRIAL_PAIRS: Final = 8
_ROUNDS: Final = 24


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
) -> dict[str, Any]:
    """Record identical code, an unrelated edit, and every target slower by each ratio."""
    names = shop.benchmarks()
    targets = [target.benchmark for target in shop.subject.targets]
    same = shop.copy("same")
    edited = shop.copy("edited")
    edit_unrelated(edited / shop.subject.package, random.Random(shop.seed))
    found: dict[str, Any] = {
        "pairs": {
            "same": shop.pairs(same, names, pairs),
            "unrelated edit": shop.pairs(edited, names, pairs),
        },
        "processes": {"reference": [], "unrelated edit": []},
    }
    slowed = {}
    for slowdown in slowdowns:
        root = shop.copy(f"slower-{slowdown:g}")
        slow_down(root, _turns(shop, slowdown))
        found["pairs"][f"{slowdown:g}"] = shop.pairs(root, targets, pairs)
        found["processes"][f"{slowdown:g}"] = []
        slowed[f"{slowdown:g}"] = root
    for _ in range(processes):  # interleaved, so that all see the same hour
        found["processes"]["reference"].append(shop.process_run(shop.reference, ()))
        found["processes"]["unrelated edit"].append(shop.process_run(edited, ()))
        for key, root in slowed.items():
            found["processes"][key].append(shop.process_run(root, targets))
    return found


def _turns(shop: Workshop, slowdown: float) -> dict[Target, int]:
    """Return how long each target's loop must be: linear in its length, from two trials."""
    targets = shop.subject.targets
    names = [target.benchmark for target in targets]
    extra = []
    for turns in _TRIAL_TURNS:
        root = shop.copy("trial")
        slow_down(root, dict.fromkeys(targets, turns))
        estimates = shop.pairs(root, names, _TRIAL_PAIRS)
        extra.append({name: math.expm1(median(values)) for name, values in estimates.items()})
    few, many = _TRIAL_TURNS
    found = {}
    for target in targets:
        low, high = extra[0][target.benchmark], extra[1][target.benchmark]
        slope = (high - low) / (many - few)
        found[target] = max(0, round(few + (slowdown - low) / slope)) if slope > 0 else 0
    return found


@contextlib.contextmanager
def environment(subject: Subject) -> Iterator[Mapping[str, str]]:
    """Yield the environment for measured processes."""
    with tempfile.TemporaryDirectory(prefix="accuracy-cache-") as cache:
        own = {**os.environ, **subject.environ}
        own.pop("PYTHONPATH", None)
        with kept_bytecode(own, Path(cache)) as environ:
            yield environ
