import shutil
from pathlib import Path

import pytest

from perfgate.errors import ReferenceTreeError
from perfgate.git import open_repository
from tests.git_repository import ENVIRON, GitRepository


@pytest.fixture
def upstream(tmp_path: Path) -> GitRepository:
    """A main branch of 80 commits, and a feature that left it at the third."""
    repository = GitRepository.create(tmp_path / "upstream")
    for number in range(3):
        repository.commit(main=str(number))
    repository.git("branch", "feature")
    for number in range(3, 80):
        repository.commit(main=str(number))
    repository.git("checkout", "--quiet", "feature")
    repository.commit(feature="1")
    repository.git("checkout", "--quiet", "main")
    return repository


def test_a_folder_outside_any_repository_is_none(tmp_path: Path) -> None:
    assert open_repository(tmp_path, ENVIRON) is None


def test_a_machine_without_git_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReferenceTreeError, match="git: is not installed"):
        open_repository(tmp_path, {**ENVIRON, "PATH": str(tmp_path)})


def test_a_folder_that_does_not_exist_is_not_taken_for_missing_git(tmp_path: Path) -> None:
    with pytest.raises(ReferenceTreeError, match="no such folder"):
        open_repository(tmp_path / "gone", ENVIRON)


def test_what_a_hook_leaves_in_the_environment_does_not_redirect_git(
    tmp_path: Path, upstream: GitRepository
) -> None:
    other = GitRepository.create(tmp_path / "other")
    environ = {**ENVIRON, "GIT_DIR": str(other.path / ".git"), "GIT_INDEX_FILE": "nowhere"}
    repository = open_repository(upstream.path, environ)
    assert repository is not None
    assert repository.head() == upstream.git("rev-parse", "main")


def test_a_repository_without_commits_has_no_head(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "empty").open()
    with pytest.raises(ReferenceTreeError, match="nothing has been committed yet"):
        repository.head()


def test_a_revision_that_looks_like_an_option_is_no_commit(upstream: GitRepository) -> None:
    assert upstream.open().commit("--all") is None
    assert upstream.open().commit("main~2") == upstream.git("rev-parse", "main~2")


def test_a_file_is_read_as_a_commit_holds_it_from_a_folder_below_the_top(tmp_path: Path) -> None:
    whole = GitRepository.create(tmp_path / "whole")
    whole.write("part/data.json", "old")
    commit = whole.commit()
    whole.write("part/data.json", "new")
    repository = open_repository(whole.path / "part", ENVIRON)
    assert repository is not None
    assert repository.read(commit, "data.json") == b"old"
    assert repository.read(commit, "absent.json") is None
    assert repository.list_files(commit, ".") == ("data.json",)


def test_a_shallow_clone_is_deepened_until_it_holds_the_merge_base(
    tmp_path: Path, upstream: GitRepository
) -> None:
    clone = upstream.clone(tmp_path / "clone", "--depth=1", "--no-single-branch")
    repository = clone.open()
    first, second = clone.git("rev-parse", "origin/main"), clone.git("rev-parse", "origin/feature")
    assert repository.merge_base(first, second) is None
    branches = clone.git("for-each-ref")
    base = repository.ensure_merge_base(first, second, named="main")
    assert base == upstream.git("merge-base", "main", "feature")
    assert clone.git("for-each-ref") == branches
    assert not (clone.path / ".git" / "FETCH_HEAD").exists()


def test_a_commit_that_a_shallow_clone_lacks_is_fetched(
    tmp_path: Path, upstream: GitRepository
) -> None:
    clone = upstream.clone(tmp_path / "clone", "--depth=1")
    wanted = upstream.git("rev-parse", "main~40")
    assert clone.open().ensure_commit(wanted) == wanted
    assert clone.git("show", f"{wanted}:main.txt") == "39"


def test_the_parents_of_the_last_commit_of_a_shallow_clone_are_known(
    tmp_path: Path, upstream: GitRepository
) -> None:
    clone = upstream.clone(tmp_path / "clone", "--depth=1")
    repository = clone.open()
    assert repository.parents(repository.head()) == (upstream.git("rev-parse", "main~1"),)


def test_a_remote_that_vanished_leaves_the_advice_on_what_to_set(
    tmp_path: Path, upstream: GitRepository
) -> None:
    clone = upstream.clone(tmp_path / "clone", "--depth=1", "--no-single-branch")
    first, second = clone.git("rev-parse", "origin/main"), clone.git("rev-parse", "origin/feature")
    missing = upstream.git("rev-parse", "main~5")
    shutil.rmtree(upstream.path)
    repository = clone.open()
    with pytest.raises(ReferenceTreeError, match="fetch-depth: 0"):
        repository.ensure_commit(missing)
    with pytest.raises(ReferenceTreeError, match=r"main: .*fetch-depth: 0") as caught:
        repository.ensure_merge_base(first, second, named="main")
    with pytest.raises(ReferenceTreeError, match="fetch-depth: 0"):
        repository.ensure_history(first)
    assert "\n" not in str(caught.value)


def test_a_shallow_clone_without_a_remote_leaves_the_advice_on_what_to_set(
    tmp_path: Path, upstream: GitRepository
) -> None:
    clone = upstream.clone(tmp_path / "clone", "--depth=1")
    clone.git("remote", "remove", "origin")
    with pytest.raises(ReferenceTreeError, match="fetch-depth: 0"):
        clone.open().ensure_commit(upstream.git("rev-parse", "main~5"))


def test_a_full_clone_is_not_told_to_set_a_depth(upstream: GitRepository) -> None:
    with pytest.raises(ReferenceTreeError) as caught:
        upstream.open().ensure_commit("1" * 40)
    assert "fetch-depth" not in str(caught.value)


def test_histories_without_a_common_commit_are_said_to_be_so(upstream: GitRepository) -> None:
    upstream.git("checkout", "--quiet", "--orphan", "island")
    island = upstream.commit(island="1")
    main = upstream.git("rev-parse", "main")
    with pytest.raises(ReferenceTreeError, match="island: it shares no history"):
        upstream.open().ensure_merge_base(main, island, named="island")
