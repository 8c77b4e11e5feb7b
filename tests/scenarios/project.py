"""A small project with benchmarks in a real git repository, and the real gate run on it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfgate.baselines.store import BaselineFile, load_baselines, write_baselines
from perfgate.measure.environment import describe_environment
from perfgate.model import Baseline, Judgement, Report, Verdict
from perfgate.report.document import decode_report
from tests.git_repository import ENVIRON, GitRepository

PERFGATE = Path(__file__).parents[2]
HERE = describe_environment("")
SUITE = "benchmarks/test_shop.py"

LOOPS = 3000
"""About 100 microseconds; 2 % are 60 more."""

# Fewer plugins start faster; pytest ignores names that it does not know.
_PYPROJECT = """
[project]
name = "shop"
version = "1"

[tool.pytest.ini_options]
addopts = "-p no:hypothesispytest -p no:xdist -p no:pytest_cov -p no:anyio -p no:respx"

[tool.perfgate]
threshold = "5%"
"""

_CODE = """
LOOPS = {loops}


def {name}(start):
    value = start
    for step in range(LOOPS):
        value = (value * 31 + step) % 65537
    return value
"""

_BENCHMARKS = """
from shop.{name} import {name}


def test_{name}(benchmark):
    assert benchmark({name}, 7) >= 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one run of the gate ended."""

    status: int
    report: Report | None
    """None where none was written."""
    stdout: str
    stderr: str

    def __post_init__(self) -> None:
        assert "Traceback" not in self.stderr, self.stderr

    @property
    def judged(self) -> Report:
        assert self.report is not None, self.stderr
        return self.report

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """By the name of the test."""
        return {one.benchmark.rpartition("::")[2]: one.verdict for one in self.judged.judgements}

    def judgement(self, name: str) -> Judgement:
        (found,) = (one for one in self.judged.judgements if one.benchmark.endswith(f"::{name}"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project ``shop`` whose benchmarks each have a module of their own."""

    repository: GitRepository
    root: Path
    source: str = ""
    """Folder of the package below the root: empty or ``src``."""

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        names: Sequence[str] = ("total",),
        settings: str = "",
        source: str = "",
        below: str = "",
    ) -> "Project":
        """Write a project, commit it, then its baselines; the last commit is on ``main``.

        ``below`` is the folder of the project in its repository.
        """
        repository = GitRepository.create(path)
        project = cls(repository=repository, root=path / below, source=source)
        project.write(".gitignore", ".perfgate/\n__pycache__/\n.benchmarks/\n")
        project.write("pyproject.toml", _PYPROJECT + settings)
        project.write(project.module("__init__"), "")
        for name in names:
            project.write_code(name, LOOPS)
        project.write(SUITE, "".join(_BENCHMARKS.format(name=name) for name in names))
        project.commit("write the shop")
        project.approve(dict.fromkeys(names, 0.0001))
        project.commit("first numbers")
        return project

    def module(self, name: str) -> str:
        return "/".join(filter(None, (self.source, "shop", f"{name}.py")))

    def write(self, name: str, content: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")

    def write_code(self, name: str, loops: int) -> None:
        self.write(self.module(name), _CODE.format(name=name, loops=loops))

    def approve(
        self,
        seconds: Mapping[str, float],
        *,
        cpu: str = HERE.cpu_model,
        environment: str = HERE.key,
        reason: str = "first numbers",
    ) -> None:
        """Write baseline lines as if these times had been measured; other lines stay."""
        folder = self.root / "baselines"
        old = {file.suite: file.baselines for file in load_baselines(folder, environment)}
        lines = {
            f"{SUITE}::test_{name}": Baseline(
                low_s=value, median_s=value, spread=0.02, processes=5, cpu=cpu, reason=reason
            )
            for name, value in seconds.items()
        }
        file = BaselineFile(
            environment=environment,
            suite="shop",
            baselines=dict(sorted({**old.get("shop", {}), **lines}.items())),
        )
        write_baselines(folder, file)

    def commit(self, message: str) -> str:
        git = self.repository.git
        git("add", "--all")
        git("commit", "--quiet", f"--message={message}")
        return git("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        """Begin a branch at ``main``."""
        self.repository.git("checkout", "--quiet", "-B", name, "main")

    def change(self, name: str, loops: int, *, branch: str = "change") -> str:
        """Change the speed of a benchmark on a branch of its own."""
        self.branch(branch)
        self.write_code(name, loops)
        return self.commit(f"{name} takes {loops} loops")

    def merge(self, *, branch: str = "change") -> str:
        """Advance ``main`` to a branch, as a rebase does."""
        self.repository.git("checkout", "--quiet", "main")
        self.repository.git("merge", "--quiet", "--ff-only", branch)
        return self.repository.git("rev-parse", "HEAD")

    @property
    def cache(self) -> Path:
        return self.repository.path.parent / "cache"

    def environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            **ENVIRON,
            "XDG_CACHE_HOME": str(self.cache),
            "PYTHONPATH": str(PERFGATE),
            **(extra or {}),
        }

    def command(self, *arguments: str, python: Path | str = sys.executable) -> list[str]:
        return [str(python), "-m", "perfgate", "-C", str(self.root), "check", *arguments]

    def check(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        python: Path | str = sys.executable,
    ) -> Outcome:
        """Run the gate to its end."""
        written = self.root / ".perfgate" / "report.json"
        written.unlink(missing_ok=True)
        done = subprocess.run(
            self.command(*arguments, python=python),
            cwd=self.root,
            env=self.environ(environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        report = None
        if written.exists():
            report = decode_report(written.read_bytes(), str(written))
            assert report.exit_status == done.returncode
        return Outcome(
            status=done.returncode, report=report, stdout=done.stdout, stderr=done.stderr
        )

    def leftovers(self) -> list[str]:
        """Return what lies in the cache beside folders that stay empty."""
        return [
            os.fspath(file.relative_to(self.cache))
            for file in self.cache.rglob("*")
            if not file.is_dir() or (any(file.iterdir()) and file.parent.name == "trees")
        ]
