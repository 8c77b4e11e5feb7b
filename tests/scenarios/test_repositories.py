"""Projects as they lie in repositories, clones and workflows."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from perfgate.model import NoteKind, ReferenceKind, Verdict
from tests.git_repository import GitRepository
from tests.scenarios.project import LOOPS, Project

pytestmark = pytest.mark.scenarios

FEW_PAIRS = "pairs = 8\n"
ENGINE = """
LOOPS = {loops}


def total(value):
    for step in range(LOOPS):
        value = (value * 31 + step) % 65537
    return value
"""


def actions(project: Project, event: Mapping[str, object], **environ: str) -> dict[str, str]:
    """Return what a workflow's environment would hold."""
    file = project.repository.path.parent / "event.json"
    file.write_text(json.dumps(event))
    sha = project.repository.git("rev-parse", "HEAD")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(file),
        "GITHUB_SHA": sha,
        **environ,
    }


def in_clone(project: Project, clone: GitRepository) -> Project:
    return Project(repository=clone, root=clone.path, source=project.source)


# --- where the project lies --------------------------------------------------------------------


def test_a_slowdown_is_found_wherever_the_code_lies(tmp_path: Path) -> None:
    """In a part of a repository, below src, behind names with spaces and letters of any kind."""
    project = Project.create(
        tmp_path / "grüße an alle",
        below="dienste/läden ünd shops",
        source="src",
        settings=FEW_PAIRS,
        names=("total", "tax"),
    )
    project.change("total", 2 * LOOPS)

    outcome = project.check()

    assert outcome.status == 1
    assert outcome.verdicts == {"test_total": Verdict.REGRESSED, "test_tax": Verdict.PASSED}
    assert project.leftovers() == []


def test_a_linked_worktree_is_measured_as_it_is(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    project.change("total", 2 * LOOPS)
    project.repository.git("checkout", "--quiet", "main")
    linked = tmp_path / "linked"
    project.repository.git("worktree", "add", "--quiet", str(linked), "change")
    before = project.repository.git("worktree", "list", "--porcelain")
    here = Project(repository=GitRepository(path=linked), root=linked)

    outcome = here.check()

    assert outcome.verdicts == {"test_total": Verdict.REGRESSED}
    assert project.repository.git("worktree", "list", "--porcelain") == before


def test_changes_that_are_not_committed_are_the_candidate(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    project.write("NOTES.txt", "kept aside\n")
    project.repository.git("stash", "--include-untracked", "--quiet")
    project.write_code("total", 2 * LOOPS)
    project.write("notes.txt", "not added\n")
    before = project.repository.fingerprint()

    outcome = project.check()

    assert outcome.verdicts == {"test_total": Verdict.REGRESSED}
    assert NoteKind.DIRTY in {note.kind for note in outcome.judged.notes}
    after = project.repository.fingerprint()
    changed = {name for name in after if after[name] != before.get(name)}
    assert {name for name in changed if "__pycache__" not in name} <= {
        ".perfgate/report.json",
        ".perfgate/report.md",
    }


def test_code_in_a_submodule_is_measured_at_the_commit_of_each_side(tmp_path: Path) -> None:
    engine = GitRepository.create(tmp_path / "engine")
    engine.write("__init__.py", ENGINE.format(loops=LOOPS))
    engine.commit()
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    project.write("shop/total.py", "from shop.engine import total\n")
    allow = ("-c", "protocol.file.allow=always")
    project.repository.git(
        *allow, "submodule", "--quiet", "add", f"file://{engine.path}", "shop/engine"
    )
    project.commit("use the engine")
    project.branch("change")
    inner = GitRepository(path=project.root / "shop" / "engine")
    inner.write("__init__.py", ENGINE.format(loops=2 * LOOPS))
    inner.commit()
    project.commit("use the next engine")

    outcome = project.check()

    assert outcome.verdicts == {"test_total": Verdict.REGRESSED}


# --- workflows ---------------------------------------------------------------------------------


def test_a_pull_request_is_held_against_the_first_parent_of_its_merge_commit(
    tmp_path: Path,
) -> None:
    """What happened to the base branch in the meantime is not this change's doing."""
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    git = project.repository.git
    approved = git("rev-parse", "HEAD")
    project.branch("change")
    project.write("README.md", "Prices are in cents.\n")
    project.commit("say what a price is")
    project.change("total", 2 * LOOPS, branch="meanwhile")
    base = project.merge(branch="meanwhile")
    git("checkout", "--quiet", "--detach", "main")
    git("merge", "--quiet", "--no-ff", "--message=Merge change into main", "change")
    event = {"pull_request": {"base": {"sha": approved}}, "repository": {"default_branch": "main"}}
    environ = actions(project, event, GITHUB_EVENT_NAME="pull_request", GITHUB_BASE_REF="main")

    outcome = project.check(environ=environ)

    assert outcome.judged.base is not None
    assert outcome.judged.base.commit == base
    assert outcome.status == 0
    assert outcome.verdicts == {"test_total": Verdict.DRIFTED}
    assert outcome.judgement("test_total").comparisons[0].commit == approved


def test_a_merge_group_is_held_against_its_base(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    base = project.repository.git("rev-parse", "HEAD")
    project.change("total", 2 * LOOPS)
    project.repository.git("checkout", "--quiet", "--detach", "change")
    event = {"merge_group": {"base_sha": base}, "repository": {"default_branch": "main"}}

    outcome = project.check(environ=actions(project, event, GITHUB_EVENT_NAME="merge_group"))

    assert outcome.judged.base is not None
    assert outcome.judged.base.commit == base
    assert outcome.verdicts == {"test_total": Verdict.REGRESSED}


def test_a_push_to_the_default_branch_is_held_against_the_approved_code(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    approved = project.repository.git("rev-parse", "HEAD")
    project.change("total", 2 * LOOPS)
    project.merge()
    event = {"before": approved, "repository": {"default_branch": "main"}}
    environ = actions(project, event, GITHUB_EVENT_NAME="push", GITHUB_REF="refs/heads/main")

    outcome = project.check(environ=environ)

    judgement = outcome.judgement("test_total")
    assert outcome.status == 1
    assert judgement.verdict is Verdict.DRIFTED
    assert judgement.comparisons[0].reference is ReferenceKind.APPROVED


# --- shallow clones ----------------------------------------------------------------------------


@pytest.fixture
def upstream(tmp_path: Path) -> Project:
    project = Project.create(tmp_path / "upstream", settings=FEW_PAIRS)
    project.write("README.md", "Prices are in cents.\n")
    project.commit("say what a price is")
    project.change("total", 2 * LOOPS)
    project.repository.git("checkout", "--quiet", "main")
    return project


def pull_request_in(project: Project) -> dict[str, str]:
    event = {"repository": {"default_branch": "main"}}
    return actions(project, event, GITHUB_EVENT_NAME="pull_request", GITHUB_BASE_REF="main")


def test_a_shallow_clone_is_deepened_as_far_as_it_takes(tmp_path: Path, upstream: Project) -> None:
    shallow = upstream.repository.clone(tmp_path / "clone", "--depth=1", "--branch=change")
    project = in_clone(upstream, shallow)
    branches = shallow.git("for-each-ref")

    outcome = project.check(environ=pull_request_in(project))

    assert outcome.status == 1
    assert outcome.verdicts == {"test_total": Verdict.REGRESSED}
    assert shallow.git("for-each-ref") == branches


@pytest.mark.parametrize(
    "depth",
    [
        pytest.param(1, id="no-merge-base"),
        pytest.param(2, id="merge-base-without-the-approved-code"),
    ],
)
def test_a_shallow_clone_without_a_remote_says_which_depth_to_set(
    tmp_path: Path, upstream: Project, depth: int
) -> None:
    clone = upstream.repository.clone(tmp_path / "clone", f"--depth={depth}", "--branch=change")
    clone.git("remote", "remove", "origin")
    project = in_clone(upstream, clone)
    arguments = ("--base", "HEAD~1") if depth > 1 else ()

    outcome = project.check(*arguments, environ=pull_request_in(project))

    assert (outcome.status, outcome.report) == (3, None)
    assert "set `fetch-depth: 0` in actions/checkout" in outcome.stderr


# --- code that no longer runs ------------------------------------------------------------------


def test_approved_code_that_no_longer_runs_leaves_the_merge_base_alone(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    project.write("shop/total.py", "from gone_from_the_registry import total\n")
    project.approve({"total": 2e-4}, reason="approved with what is gone")
    approved = project.commit("use a package that will vanish")
    project.write_code("total", LOOPS)
    base = project.commit("do without it")
    project.change("total", 2 * LOOPS)

    outcome = project.check()

    judgement = outcome.judgement("test_total")
    assert (outcome.status, judgement.verdict) == (1, Verdict.REGRESSED)
    assert judgement.comparisons[0].commit == base
    (note,) = (note for note in outcome.judged.notes if note.kind is NoteKind.REFERENCE_FAILED)
    assert approved[:10] in note.facts[0]
    assert "gone_from_the_registry" in note.facts[0]
    assert "gone_from_the_registry" in outcome.stdout


def test_code_that_comes_from_elsewhere_fails_loudly(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "checkout", settings=FEW_PAIRS)
    copy = tmp_path / "site-packages" / "shop"
    copy.mkdir(parents=True)
    for file in (project.root / "shop").glob("*.py"):
        (copy / file.name).write_bytes(file.read_bytes())
    project.write("conftest.py", f"import sys\n\nsys.path.insert(0, {str(copy.parent)!r})\n")
    project.commit("find packages there first")
    project.change("total", 2 * LOOPS)

    outcome = project.check()

    assert (outcome.status, outcome.report) == (3, None)
    assert f"module shop was imported from {copy / '__init__.py'}" in outcome.stderr
    assert project.leftovers() == []
