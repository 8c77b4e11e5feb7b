"""Projects that are installed in the environment they are measured with."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from perfgate.model import Verdict
from tests.git_repository import ENVIRON
from tests.scenarios.project import LOOPS, Project

pytestmark = pytest.mark.scenarios

SETUPTOOLS = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""
FINDER = f"""{SETUPTOOLS}
[tool.setuptools]
packages = ["shop"]
"""
HATCHLING = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter of an environment of its own that also sees the packages of this one."""
    venv.create(tmp_path / "venv", with_pip=False)
    (folder,) = (tmp_path / "venv").rglob("site-packages")
    (folder / "0.pth").write_text("\n".join(sys.path[1:]))
    return tmp_path / "venv" / "bin" / "python"


@pytest.mark.skipif(sys.platform == "win32", reason="an environment has other folders there")
@pytest.mark.parametrize(
    ("build", "source", "options"),
    [
        pytest.param(FINDER, "", ("--editable",), id="editable-with-a-finder"),
        pytest.param(HATCHLING, "src", ("--editable",), id="editable-with-a-path"),
        pytest.param(SETUPTOOLS, "src", (), id="a-copy-in-site-packages"),
    ],
)
def test_each_side_runs_its_own_tree_whatever_is_installed(
    tmp_path: Path, python: Path, build: str, source: str, options: tuple[str, ...]
) -> None:
    project = Project.create(tmp_path / "checkout", source=source, settings=f"pairs = 12\n{build}")
    project.write(".gitignore", "*\n")  # what the build leaves
    project.commit("look away")
    subprocess.run(
        [
            sys.executable, "-m", "pip", f"--python={python}", "--quiet", "install", "--no-index",
            "--no-deps", "--no-build-isolation", *options, str(project.root),
        ],
        env=ENVIRON,
        check=True,
    )  # fmt: skip
    project.branch("change")
    project.write_code("total", 2 * LOOPS)

    outcome = project.check(python=python)

    assert outcome.status == 1
    assert outcome.verdicts == {"test_total": Verdict.REGRESSED}
