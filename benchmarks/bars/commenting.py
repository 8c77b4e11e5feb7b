"""How long a comment takes: ``python -m benchmarks.bars.commenting`` prints the fastest turn, in s.

The whole command as a process, from the artifact of a failing check to the comment, against the
GitHub of the tests, which validates every request and answer meanwhile.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.command_line import environ_for
from tests.fake_github.scenes import Scene, report_of
from tests.fake_github.server import FakeGitHub, running

_TURNS = 5
_BENCHMARKS = 2_000
_EVERY = 10
"""One in so many regressed."""


def main() -> None:
    """Comment on a pull request in turns, each time anew."""
    percents = (30 if number % _EVERY == 0 else 0.2 for number in range(_BENCHMARKS))
    report = report_of(*percents)
    with running(FakeGitHub()) as github, tempfile.TemporaryDirectory() as name:
        github.state.add_pull()
        scene = Scene(github=github, folder=Path(name))
        environ = scene.environ(scene.finish(report))
        print(min(_commented(scene, environ) for _ in range(_TURNS)))


def _commented(scene: Scene, environ: dict[str, str]) -> float:
    scene.github.state.comments.clear()
    start_s = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "perfgate", "comment"],
        env=environ_for(scene.folder, **environ),
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - start_s
    (body,) = scene.bodies
    assert "200 of 2000 benchmarks regressed" in body, body[:200]
    return seconds


if __name__ == "__main__":
    main()
