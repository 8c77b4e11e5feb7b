"""A small runner of workflows: triggers, conditions, matrices, steps in bash, the real perfgate.

Expressions are GitHub's to evaluate. Not modelled: installing (it is written down, and perfgate is
this checkout), services, containers, outputs, reusable workflows, jobs side by side.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.command_line import ROOT, environ_for
from tests.fake_github.state import HOME
from tests.git_repository import GitRepository
from tests.workflows.actions import ACTIONS, Place
from tests.workflows.language import Language

TOKEN = "ghs_secret"  # noqa: S105 - of nobody

# What stands for Python, pip and perfgate: installing is written down, and only then there is a
# perfgate.
_PYTHON = """#!/bin/sh
case "$1 $2" in
"-m venv") mkdir -p "$3" && ln -s "{bin}" "$3/bin" ;;
"-m pip") shift 2 && exec "{bin}/pip" "$@" ;;
*) exec "{python}" "$@" ;;
esac
"""
_PIP = """#!/bin/sh
for one in "$@"; do printf '%s\\n' "$one"; done >> "$RUNNER_TEMP/installed"
"""
_PERFGATE = """#!/bin/sh
grep -q perfgate "$RUNNER_TEMP/installed" || exit 127
exec "{python}" -m perfgate "$@"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What starts a workflow."""

    name: str
    payload: Mapping[str, Any]
    ref: str
    sha: str
    base_ref: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How a job ended: success, failure or skipped."""

    result: str
    steps: tuple[Step, ...] = ()
    summary: str = ""
    installed: tuple[str, ...] = ()
    concurrency: Mapping[str, Any] = field(default_factory=dict)

    @property
    def log(self) -> str:
        return "".join(f"{step.out}{step.err}" for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a workflow ended; a leg of a matrix is a job ``name (value)``."""

    jobs: Mapping[str, Job]
    artifacts: Mapping[str, bytes]
    concurrency: Mapping[str, Any]

    @property
    def conclusion(self) -> str:
        results = {job.result for job in self.jobs.values()}
        return "failure" if "failure" in results else min(results, key=["success", "skipped"].index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs workflows of one repository in folders of their own."""

    language: Language
    folder: Path
    origin: GitRepository
    """What is checked out, and where GITHUB_SERVER_URL leads for git."""
    environ: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    def is_started(self, workflow: Any, event: Event) -> bool:
        """Say whether a workflow listens to an event; patterns are compared as plain names."""
        if event.name not in workflow["on"]:
            return False
        wanted = workflow["on"][event.name] or {}
        action = event.payload.get("action", "")
        usual = {"pull_request": ["opened", "synchronize", "reopened"]}
        kinds = wanted.get("types", usual.get(event.name, [action]))
        branches = wanted.get("branches", [event.ref.removeprefix("refs/heads/")])
        source = (event.payload.get("workflow_run") or {}).get("name", "")
        return (
            action in kinds
            and event.ref.removeprefix("refs/heads/") in branches
            and source in wanted.get("workflows", [source])
        )

    def run(self, workflow: Any, event: Event) -> Run:
        """Run the jobs, one after another in the order of the file."""
        assert self.is_started(workflow, event)
        artifacts: dict[str, bytes] = {}
        contexts = {"github": self._github(event), "inputs": self.inputs}
        jobs: dict[str, Job] = {}
        results: dict[str, str] = {}
        for name, job in workflow["jobs"].items():
            legs = {}
            for leg, known in self._legs(name, job, contexts, results):
                legs[leg] = self._job(job, known, event, artifacts)
            jobs |= legs
            found = {leg.result for leg in legs.values()}
            results[name] = "failure" if "failure" in found else found.pop()
        return Run(jobs=jobs, artifacts=artifacts, concurrency=self.concurrency(workflow, event))

    def concurrency(self, workflow: Any, event: Event) -> Any:
        """Return the group that a run waits in, and whether it ends the one before it."""
        contexts = {"github": self._github(event)}
        return self.language.resolved(workflow.get("concurrency", {}), contexts)

    def _legs(
        self, name: str, job: Any, contexts: Mapping[str, Any], results: Mapping[str, str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        needs = {one: {"result": results[one], "outputs": {}} for one in job["needs"]}
        matrix = job.get("strategy", {}).get("matrix", {})
        for values in itertools.product(*matrix.values()):
            known = {**contexts, "needs": needs, "matrix": dict(zip(matrix, values, strict=True))}
            yield f"{name} ({', '.join(values)})" if values else name, known

    def _job(
        self, job: Any, contexts: dict[str, Any], event: Event, artifacts: dict[str, bytes]
    ) -> Job:
        needed = {one["result"] for one in contexts["needs"].values()}
        has_failed = "failure" in needed
        status = {"success": needed <= {"success"}, "failure": has_failed}
        if not self.language.is_true(job["if"], contexts, **status):
            return Job(result="skipped")
        home = self.folder / f"{len(list(self.folder.iterdir()))}"
        place = Place(
            workspace=home / "work",
            origin=self.origin,
            ref=event.ref,
            sha=event.sha,
            artifacts=artifacts,
        )
        place.workspace.mkdir(parents=True)
        (home / "event.json").write_text(json.dumps(event.payload))
        (home / "installed").touch()
        (home / "summary").touch()
        environ = self._environ(home, event)
        steps: list[Step] = []
        for step in job["steps"]:
            has_failed = any(one.status for one in steps)
            runs = self.language.is_true(
                step["if"], contexts, success=not has_failed, failure=has_failed
            )
            if runs:
                steps.append(self._step(job, step, contexts, place, environ))
        return Job(
            result="failure" if any(one.status for one in steps) else "success",
            steps=tuple(steps),
            summary=(home / "summary").read_text(),
            installed=tuple((home / "installed").read_text().splitlines()),
            concurrency=self.language.resolved(job.get("concurrency", {}), contexts),
        )

    def _step(
        self,
        job: Any,
        step: Any,
        contexts: Mapping[str, Any],
        place: Place,
        environ: Mapping[str, str],
    ) -> Step:
        if "uses" in step:
            name, _, commit = step["uses"].partition("@")
            assert len(commit) == len("0" * 40)
            given = self.language.resolved(step.get("with", {}), contexts)
            return Step(status=0 if ACTIONS[name](place, given) else 1, out="", err="")
        defaults = job.get("defaults", {}).get("run", {})
        added = self.language.resolved(step.get("env", {}), contexts)
        done = subprocess.run(
            ["bash", "-e", "-c", self.language.resolved(step["run"], contexts)],
            cwd=place.workspace
            / step.get("working-directory", defaults.get("working-directory", ".")),
            env={**environ, **added},
            capture_output=True,
            text=True,
            check=False,
        )
        return Step(status=done.returncode, out=done.stdout, err=done.stderr)

    def _github(self, event: Event) -> dict[str, Any]:
        return {
            "event_name": event.name,
            "event": event.payload,
            "ref": event.ref,
            "ref_name": event.ref.removeprefix("refs/heads/").removeprefix("refs/pull/"),
            "sha": event.sha,
            "base_ref": event.base_ref,
            "repository": HOME,
            "run_id": "12",
            "run_attempt": str(event.attempt),
            "token": TOKEN,
        }

    def _environ(self, home: Path, event: Event) -> dict[str, str]:
        bin_folder = home / "bin"
        bin_folder.mkdir()
        names = {"python": _PYTHON, "python3": _PYTHON, "pip": _PIP, "perfgate": _PERFGATE}
        for name, text in names.items():
            program = text.replace("{bin}", str(bin_folder)).replace("{python}", sys.executable)
            (bin_folder / name).write_text(program)
            (bin_folder / name).chmod(0o755)
        environ = environ_for(home)
        return {
            **environ,
            "PATH": f"{bin_folder}{os.pathsep}{environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(self.folder.parent / "cache"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_BASE_REF": event.base_ref,
            "GITHUB_EVENT_NAME": event.name,
            "GITHUB_EVENT_PATH": str(home / "event.json"),
            "GITHUB_REF": event.ref,
            "GITHUB_REPOSITORY": HOME,
            "GITHUB_RUN_ATTEMPT": str(event.attempt),
            "GITHUB_RUN_ID": "12",
            "GITHUB_SERVER_URL": self.origin.path.parents[1].as_uri(),
            "GITHUB_SHA": event.sha,
            "GITHUB_STEP_SUMMARY": str(home / "summary"),
            "GITHUB_WORKSPACE": str(home / "work"),
            "RUNNER_TEMP": str(home),
            **self.environ,
        }
