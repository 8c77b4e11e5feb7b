"""GitHub's language, and a repository with pull requests that are slower, equal, or broken."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from perfgate.baselines.store import BaselineFile, write_baselines
from perfgate.model import Baseline
from tests.fake_github.fixtures import github, scene
from tests.git_repository import GitRepository
from tests.scenarios.project import HERE, LOOPS, Project
from tests.workflows.language import PROGRAM, Language

__all__ = ["github", "scene"]

TEXT = """
def test_join(benchmark):
    assert benchmark("".join, ["ab"] * 1000)
"""
TEXT_BASELINE = BaselineFile(
    environment=HERE.key,
    suite="text",
    baselines={
        "benchmarks/test_text.py::test_join": Baseline(
            low_s=5e-6, median_s=5e-6, spread=0.02, processes=5, cpu=HERE.cpu_model, reason="first"
        )
    },
)


@pytest.fixture(scope="session")
def language() -> Iterator[Language]:
    if shutil.which("node") is None or not PROGRAM.exists():
        pytest.skip("takes Node and its packages: nox -s workflows")
    language = Language.start()
    yield language
    language.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A repository as GitHub has it, with the commits that events name."""

    repository: GitRepository
    base: str
    """Tip of the default branch, without the change."""
    heads: dict[str, str]
    """Branches of pull requests."""
    merges: dict[str, str]
    """Their merge commits, which GitHub makes and checks out."""


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("server")
    project = Project.create(folder / "octo" / "shop", settings="pairs = 8\nrounds = 12\n")
    project.write("benchmarks/test_text.py", TEXT)
    write_baselines(project.root / "baselines", TEXT_BASELINE)
    project.commit("measure texts, too")
    git = project.repository.git
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    base = git("rev-parse", "HEAD")
    heads = {"slower": project.change("total", 2 * LOOPS, branch="slower")}
    project.branch("equal")
    project.write("README.md", "A shop.\n")
    heads["equal"] = project.commit("tell what it is")
    project.branch("misspelt")
    project.write("pyproject.toml", "[tool.perfgate]\ntreshold = '5%'\n")
    heads["misspelt"] = project.commit("set what does not exist")
    project.branch("unapproved")
    shutil.rmtree(project.root / "baselines")
    heads["unapproved"] = project.commit("forget what was approved")
    merges = {}
    for name in heads:
        git("checkout", "--quiet", "--detach", "main")
        git("merge", "--quiet", "--no-ff", "--no-edit", name)
        merges[name] = git("rev-parse", "HEAD")
        git("update-ref", f"refs/pull/{name}/merge", "HEAD")
    git("checkout", "--quiet", "main")
    return Shop(repository=project.repository, base=base, heads=heads, merges=merges)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where jobs have their folders."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    return folder
