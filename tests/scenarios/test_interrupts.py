"""A gate that is stopped in the middle leaves the user's checkout and machine as they were."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.scenarios.project import LOOPS, Project

pytestmark = [
    pytest.mark.scenarios,
    pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them"),
]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.create(tmp_path / "checkout")
    project.change("total", 2 * LOOPS)
    project.write("aside.txt", "kept aside\n")
    project.repository.git("stash", "--include-untracked", "--quiet")
    project.write_code("total", 2 * LOOPS + 1)
    project.write("staged.txt", "added\n")
    project.repository.git("add", "staged.txt")
    project.write("loose.txt", "not added\n")
    return project


def in_the_middle(project: Project) -> "tuple[subprocess.Popen[str], list[psutil.Process]]":
    """Start the gate and return when both sides of a pair are alive."""
    gate = subprocess.Popen(
        project.command(),
        cwd=project.root,
        env=project.environ({"PYTHONDONTWRITEBYTECODE": "1"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    trees = project.cache / "perfgate" / "trees"
    while gate.poll() is None:
        workers = [one for one in psutil.Process(gate.pid).children() if is_worker(one)]
        if len(workers) > 1 and any(trees.iterdir() if trees.is_dir() else ()):
            return gate, workers
        with contextlib.suppress(subprocess.TimeoutExpired):
            gate.wait(0.02)
    raise AssertionError(gate.communicate())


def is_worker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(part.endswith("start.py") for part in process.cmdline())
    return False


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [
        pytest.param(signal.SIGTERM, False, id="sigterm"),
        pytest.param(signal.SIGINT, True, id="ctrl-c"),
    ],
)
def test_a_gate_that_is_stopped_leaves_nothing_behind(
    project: Project, number: signal.Signals, *, whole_group: bool
) -> None:
    before = project.repository.fingerprint()
    gate, workers = in_the_middle(project)

    if whole_group:  # as a terminal does
        os.killpg(gate.pid, number)
    else:
        gate.send_signal(number)
    _, stderr = gate.communicate(timeout=60)

    assert gate.returncode == 130
    assert "interrupted: nothing was judged" in stderr
    assert "Traceback" not in stderr
    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert project.leftovers() == []
    assert project.repository.fingerprint() == before


def test_what_a_killed_gate_leaves_goes_with_the_next_one(project: Project) -> None:
    before = project.repository.fingerprint()
    gate, workers = in_the_middle(project)

    gate.kill()
    gate.communicate(timeout=60)

    assert psutil.wait_procs(workers, timeout=10)[1] == []
    assert project.repository.fingerprint() == before
    assert project.leftovers() != []
    project.check("--budget", "10ms", environ={"PYTHONDONTWRITEBYTECODE": "1"})
    assert project.leftovers() == []
