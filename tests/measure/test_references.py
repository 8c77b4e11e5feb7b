import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from perfgate.errors import InputFileError, ReferenceTreeError, UsageError
from perfgate.measure.references import (
    Reference,
    current_revision,
    find_merge_base,
    read_event,
)
from tests.git_repository import ENVIRON, GitRepository


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """Main went on after the feature left it; the feature is checked out."""
    repository = GitRepository.create(tmp_path / "repository")
    repository.commit(a="1")
    repository.commit(a="2")
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit(b="1")
    repository.git("checkout", "--quiet", "main")
    repository.commit(a="3")
    repository.git("checkout", "--quiet", "feature")
    return repository


def find(
    repository: GitRepository,
    *,
    base: str | None = None,
    actions: Mapping[str, str] | None = None,
    event: Mapping[str, Any] | None = None,
) -> Reference:
    environ = {**ENVIRON, **({"GITHUB_ACTIONS": "true", **actions} if actions else {})}
    return find_merge_base(repository.open(), base=base, environ=environ, event=event)


def actions(name: str, repository: GitRepository, **more: str) -> dict[str, str]:
    head = repository.git("rev-parse", "HEAD")
    return {"GITHUB_EVENT_NAME": name, "GITHUB_SHA": head, **more}


EVENT = {"repository": {"default_branch": "main"}}


# --- a laptop ----------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["1", "not committed"], ids=["clean", "dirty"])
def test_a_feature_branch_starts_where_it_left_the_default_branch(
    repository: GitRepository, content: str
) -> None:
    repository.write("b.txt", content)
    assert find(repository) == Reference(
        commit=repository.git("rev-parse", "main~1"),
        how="merge base with main",
        is_default_branch=False,
    )


def test_a_feature_branch_without_commits_is_compared_with_its_head(
    repository: GitRepository,
) -> None:
    repository.git("checkout", "--quiet", "-b", "fresh", "main")
    repository.write("a.txt", "not committed")
    assert find(repository).commit == repository.git("rev-parse", "main")


def test_uncommitted_work_on_the_default_branch_is_compared_with_head(
    repository: GitRepository,
) -> None:
    repository.git("checkout", "--quiet", "main")
    repository.write("new.py", "")
    reference = find(repository)
    assert reference.commit == repository.git("rev-parse", "main")
    assert not reference.is_default_branch


@pytest.mark.parametrize("where", ["main", "--detach"])
def test_a_clean_default_branch_is_held_to_what_was_approved(
    repository: GitRepository, where: str
) -> None:
    repository.git("checkout", "--quiet", where, *(["main"] if where == "--detach" else []))
    assert find(repository) == Reference(
        commit=repository.git("rev-parse", "main~1"), how="first parent", is_default_branch=True
    )


def test_the_first_commit_of_a_default_branch_has_nothing_before_it(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "young")
    repository.commit(a="1")
    reference = find(repository)
    assert reference.commit is None
    assert reference.is_default_branch


def test_the_remote_says_which_branch_is_the_default(
    tmp_path: Path, repository: GitRepository
) -> None:
    repository.git("branch", "develop", "main~1")
    repository.git("checkout", "--quiet", "develop")
    repository.commit(c="1")
    clone = repository.clone(tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", "work")
    clone.commit(d="1")
    assert find(clone) == Reference(
        commit=repository.git("rev-parse", "develop"),
        how="merge base with origin/develop",
        is_default_branch=False,
    )


def test_a_default_branch_of_another_name_is_taken_from_the_settings(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "other")
    base = repository.commit(a="1")
    repository.git("branch", "--move", "blue")
    repository.git("config", "init.defaultBranch", "blue")
    repository.git("checkout", "--quiet", "-b", "work")
    repository.commit(a="2")
    assert find(repository).commit == base


def test_a_repository_without_a_default_branch_asks_for_a_base(repository: GitRepository) -> None:
    repository.git("branch", "--move", "main", "blue")
    with pytest.raises(ReferenceTreeError, match="--base"):
        find(repository)


def test_a_repository_without_commits_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReferenceTreeError, match="nothing has been committed"):
        find(GitRepository.create(tmp_path / "empty"))


# --- a revision that the user named ------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "commit", "how"),
    [
        pytest.param("main", "main~1", "merge base with main", id="a-branch-that-went-on"),
        pytest.param("HEAD", "HEAD", "HEAD", id="head-for-what-is-not-committed"),
        pytest.param("main~2", "main~2", "main~2", id="an-ancestor"),
    ],
)
def test_a_named_base_is_taken_where_this_change_left_it(
    repository: GitRepository, base: str, commit: str, how: str
) -> None:
    assert find(repository, base=base) == Reference(
        commit=repository.git("rev-parse", commit), how=how, is_default_branch=False
    )


def test_a_named_base_wins_over_the_event(repository: GitRepository) -> None:
    reference = find(repository, base="main~2", actions=actions("push", repository), event=EVENT)
    assert reference.how == "main~2"


@pytest.mark.parametrize("base", ["nowhere", "--all", "main:a.txt", ""])
def test_a_named_base_that_is_no_commit_is_wrong_usage(
    repository: GitRepository, base: str
) -> None:
    with pytest.raises(UsageError, match="no such commit"):
        find(repository, base=base)


def test_a_named_base_of_an_unrelated_history_is_an_error(repository: GitRepository) -> None:
    repository.git("checkout", "--quiet", "--orphan", "island")
    repository.commit(z="1")
    with pytest.raises(ReferenceTreeError, match="main: it shares no history"):
        find(repository, base="main")


# --- GitHub Actions ----------------------------------------------------------------------------


def test_a_pull_request_starts_at_the_first_parent_of_its_merge_commit(
    tmp_path: Path, repository: GitRepository
) -> None:
    repository.git("checkout", "--quiet", "--detach", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message=merge", "feature")
    repository.git("update-ref", "refs/pull/1/merge", "HEAD")
    merge, base = repository.git("rev-parse", "HEAD"), repository.git("rev-parse", "main")
    clone = GitRepository.create(tmp_path / "clone")
    clone.git("remote", "add", "origin", f"file://{repository.path}")
    # What actions/checkout does with its default depth.
    clone.git(
        "fetch", "--quiet", "--no-tags", "--depth=1", "origin",
        f"+{merge}:refs/remotes/pull/1/merge",
    )  # fmt: skip
    clone.git("checkout", "--quiet", "--force", "refs/remotes/pull/1/merge")
    reference = find(
        clone, actions=actions("pull_request", clone, GITHUB_BASE_REF="main"), event=EVENT
    )
    assert reference == Reference(
        commit=base, how="first parent of the merge commit", is_default_branch=False
    )
    assert clone.git("show", f"{base}:a.txt") == "3"


@pytest.mark.parametrize("depth", [[], ["--depth=1"]], ids=["full", "shallow"])
def test_a_pull_request_whose_head_was_checked_out_starts_at_the_merge_base(
    tmp_path: Path, repository: GitRepository, depth: list[str]
) -> None:
    clone = repository.clone(tmp_path / "clone", "--branch=feature", *depth)
    settings = {
        **actions("pull_request", clone, GITHUB_BASE_REF="main"),
        "GITHUB_SHA": repository.git("rev-parse", "main"),
    }
    reference = find(clone, actions=settings, event=EVENT)
    assert reference.commit == repository.git("rev-parse", "main~1")
    assert reference.how == "merge base with origin/main"


def test_a_pull_request_whose_base_branch_is_gone_falls_back_on_the_event(
    repository: GitRepository,
) -> None:
    base = repository.git("rev-parse", "main")
    repository.git("branch", "--move", "main", "renamed")
    settings = {**actions("pull_request", repository, GITHUB_BASE_REF="main"), "GITHUB_SHA": base}
    reference = find(
        repository, actions=settings, event={"pull_request": {"base": {"sha": base}, "head": None}}
    )
    assert reference.commit == repository.git("rev-parse", "renamed~1")


def test_a_merge_group_starts_at_the_base_that_its_event_names(repository: GitRepository) -> None:
    base = repository.git("rev-parse", "main~1")
    reference = find(
        repository,
        actions=actions("merge_group", repository),
        event={**EVENT, "merge_group": {"base_sha": base}},
    )
    assert reference == Reference(
        commit=base, how="base of the merge group", is_default_branch=False
    )


@pytest.mark.parametrize(
    ("before", "how"),
    [
        pytest.param("main~2", "the branch before this push", id="several-commits-at-once"),
        pytest.param("0" * 40, "first parent", id="a-new-branch"),
        pytest.param("1" * 40, "first parent", id="thrown-away-by-force"),
        pytest.param(None, "first parent", id="not-said"),
    ],
)
def test_a_push_to_the_default_branch_is_compared_with_what_it_was(
    repository: GitRepository, before: str | None, how: str
) -> None:
    repository.git("checkout", "--quiet", "main")
    known = before == "main~2"
    event = {**EVENT, "before": repository.git("rev-parse", "main~2") if known else before}
    settings = actions("push", repository, GITHUB_REF="refs/heads/main")
    assert find(repository, actions=settings, event=event) == Reference(
        commit=repository.git("rev-parse", "main~2" if known else "main~1"),
        how=how,
        is_default_branch=True,
    )


@pytest.mark.parametrize("name", ["push", "workflow_dispatch", "schedule"])
def test_another_branch_starts_where_it_left_the_default_branch(
    tmp_path: Path, repository: GitRepository, name: str
) -> None:
    clone = repository.clone(tmp_path / "clone", "--depth=1", "--branch=feature")
    settings = actions(name, clone, GITHUB_REF="refs/heads/feature")
    reference = find(clone, actions=settings, event=EVENT)
    assert reference.commit == repository.git("rev-parse", "main~1")
    assert not reference.is_default_branch


def test_a_manual_run_on_the_default_branch_is_held_to_what_was_approved(
    repository: GitRepository,
) -> None:
    repository.git("checkout", "--quiet", "main")
    settings = actions("workflow_dispatch", repository, GITHUB_REF="refs/heads/main")
    assert find(repository, actions=settings, event=EVENT).is_default_branch


def test_pull_request_target_is_refused_even_with_a_base(repository: GitRepository) -> None:
    with pytest.raises(UsageError, match="pull_request_target"):
        find(repository, base="main", actions=actions("pull_request_target", repository))


def test_an_event_outside_actions_is_not_read(tmp_path: Path) -> None:
    assert read_event({"GITHUB_EVENT_PATH": str(tmp_path / "gone")}) is None


def test_an_event_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(EVENT))
    assert read_event({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(file)}) == EVENT


@pytest.mark.parametrize("content", ["", "[]", "{", None])
def test_an_event_that_cannot_be_read_names_its_file(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "event.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputFileError, match=r"event\.json"):
        read_event({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(file)})


def test_the_revision_names_commit_branch_and_whether_it_is_dirty(
    repository: GitRepository,
) -> None:
    revision = current_revision(repository.open())
    assert (revision.commit, revision.branch, revision.is_dirty) == (
        repository.git("rev-parse", "HEAD"), "feature", False,
    )  # fmt: skip
    repository.write("b.txt", "changed")
    assert current_revision(repository.open()).is_dirty
