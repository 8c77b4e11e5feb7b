import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from perfgate.baselines.provenance import approved_commits, edited_baselines
from perfgate.baselines.store import BaselineFile, encode_baselines
from perfgate.errors import BaselineError, ReferenceTreeError
from perfgate.git import open_repository
from perfgate.model import Baseline
from tests.git_repository import ENVIRON, GitRepository

FILE = "baselines/linux-x86_64-cpython-3.12/shop.json"


def rendered(baselines: Mapping[str, float], *, reason: str = "first") -> str:
    return encode_baselines(
        BaselineFile(
            environment="linux-x86_64-cpython-3.12",
            suite="shop",
            baselines={
                name: Baseline(
                    low_s=low_s, median_s=low_s, spread=0.01, processes=5, reason=reason,
                    cpu='A {odd}, "CPU"',
                )
                for name, low_s in baselines.items()
            },
        )
    ).decode()  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "repository")


def commit(repository: GitRepository, **baselines: float) -> str:
    repository.write(FILE, rendered(baselines))
    return repository.commit()


def approved(repository: GitRepository, file: str = FILE) -> Mapping[str, str | None]:
    return approved_commits(repository.open(), [repository.path / file])


def test_each_line_is_approved_by_the_commit_that_changed_it_last(
    repository: GitRepository,
) -> None:
    first = commit(repository, a=1.0, b=1.0)
    second = commit(repository, a=1.0, b=2.0)
    repository.commit(unrelated="1")
    assert approved(repository) == {"a": first, "b": second}


def test_a_neighbour_that_comes_or_goes_approves_no_other_line(
    repository: GitRepository,
) -> None:
    first = commit(repository, a=1.0)
    second = commit(repository, a=1.0, b=1.0)
    third = commit(repository, a=1.0, b=1.0, c=1.0)
    assert approved(repository) == {"a": first, "b": second, "c": third}
    commit(repository, a=1.0, b=1.0)
    assert approved(repository) == {"a": first, "b": second}


def test_what_is_not_committed_is_the_candidates_own(repository: GitRepository) -> None:
    first = commit(repository, a=1.0, b=1.0)
    repository.write(FILE, rendered({"a": 2.0, "b": 1.0, "c": 1.0}))
    assert approved(repository) == {"a": None, "b": first, "c": None}


def test_a_file_that_is_not_committed_is_the_candidates_own(repository: GitRepository) -> None:
    repository.commit()
    repository.write(FILE, rendered({"a": 1.0}))
    assert approved(repository) == {"a": None}
    repository.git("add", "--all")
    assert approved(repository) == {"a": None}


def test_a_new_reason_is_an_approval_and_other_line_ends_are_none(
    repository: GitRepository,
) -> None:
    first = commit(repository, a=1.0, b=1.0)
    text = rendered({"a": 1.0, "b": 1.0}).replace("\n", "\r\n")
    repository.write(FILE, text.replace('"first"', '"again"', 1))
    second = repository.commit()
    assert approved(repository) == {"a": second, "b": first}


def test_a_file_that_was_renamed_keeps_its_approvals(repository: GitRepository) -> None:
    first = commit(repository, a=1.0, b=1.0)
    repository.git("mv", FILE, "baselines/renamed.json")
    repository.commit()
    assert approved(repository, "baselines/renamed.json") == {"a": first, "b": first}


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_every_way_to_merge_keeps_the_approval_true(repository: GitRepository, how: str) -> None:
    first = commit(repository, a=1.0, b=1.0)
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit(code="faster")
    change = commit(repository, a=0.5, b=1.0)
    repository.git("checkout", "--quiet", "main")
    repository.commit(other="1")
    if how == "merge":
        repository.git("merge", "--quiet", "--no-ff", "--message=m", "feature")
        expected = change
    elif how == "squash":
        repository.git("merge", "--quiet", "--squash", "feature")
        expected = repository.commit()
    else:
        repository.git("rebase", "--quiet", "main", "feature")
        repository.git("checkout", "--quiet", "main")
        repository.git("merge", "--quiet", "--ff-only", "feature")
        expected = repository.git("rev-parse", "HEAD")
        assert expected != change
    assert approved(repository) == {"a": expected, "b": first}
    # The code approved with the line is in the tree of that commit.
    assert repository.git("show", f"{expected}:code.txt") == "faster"


def test_settings_that_make_blame_skip_commits_are_not_obeyed(repository: GitRepository) -> None:
    commit(repository, a=1.0)
    second = commit(repository, a=2.0)
    repository.write("skipped", second)
    repository.git("config", "blame.ignoreRevsFile", "skipped")
    assert approved(repository) == {"a": second}


def test_settings_that_no_blame_works_with_are_left_out(
    tmp_path: Path, repository: GitRepository
) -> None:
    first = commit(repository, a=1.0)
    settings = tmp_path / "gitconfig"
    settings.write_text("[blame]\nignoreRevsFile = .git-blame-ignore-revs\n")
    opened = open_repository(repository.path, {**ENVIRON, "GIT_CONFIG_GLOBAL": str(settings)})
    assert opened is not None
    assert approved_commits(opened, [repository.path / FILE]) == {"a": first}


def test_ids_of_any_kind_are_read_from_their_lines(repository: GitRepository) -> None:
    names = ['b.py::test["quoted" {x}: 1,]', "b.py::test_ü", "b.py::test\\n", "\ud800", "version"]
    first = commit(repository, **dict.fromkeys(names, 1.0))
    assert approved(repository) == dict.fromkeys(names, first)


def test_a_project_below_the_top_level_is_blamed_too(tmp_path: Path) -> None:
    whole = GitRepository.create(tmp_path / "whole")
    file = whole.write(f"part/{FILE}", rendered({"a": 1.0}))
    first = whole.commit()
    whole.write(f"part/{FILE}", rendered({"a": 1.0, "b": 2.0}))
    second = whole.commit()
    opened = open_repository(whole.path / "part", ENVIRON)
    assert opened is not None
    assert approved_commits(opened, [file]) == {"a": first, "b": second}
    assert set(edited_baselines(opened, first, [file])) == {"b"}


def test_a_shallow_clone_is_completed_before_it_is_believed(
    tmp_path: Path, repository: GitRepository
) -> None:
    first = commit(repository, a=1.0)
    repository.commit(unrelated="1")
    clone = repository.clone(tmp_path / "clone", "--depth=1")
    assert approved(clone) == {"a": first}


def test_a_shallow_clone_that_cannot_be_completed_is_not_believed(
    tmp_path: Path, repository: GitRepository
) -> None:
    commit(repository, a=1.0)
    repository.commit(unrelated="1")
    clone = repository.clone(tmp_path / "clone", "--depth=1")
    shutil.rmtree(repository.path)
    with pytest.raises(ReferenceTreeError, match="fetch-depth: 0"):
        approved(clone)


def test_asking_changes_nothing_in_the_repository(repository: GitRepository) -> None:
    commit(repository, a=1.0)
    repository.write(FILE, rendered({"a": 2.0}))
    before = repository.fingerprint()
    approved(repository)
    edited_baselines(repository.open(), "HEAD", [repository.path / FILE])
    assert repository.fingerprint() == before


# --- edits -------------------------------------------------------------------------------------


def test_edits_are_told_with_their_old_and_new_numbers(repository: GitRepository) -> None:
    base = commit(repository, a=1.0, b=1.0, c=1.0)
    commit(repository, a=2.0, b=1.0, c=1.0)
    repository.write(FILE, rendered({"a": 2.0, "b": 1.0, "d": 3.0}))
    edits = edited_baselines(repository.open(), base, [repository.path / FILE])
    assert {
        name: (edit.old and edit.old.low_s, edit.new and edit.new.low_s)
        for name, edit in edits.items()
    } == {"a": (1.0, 2.0), "c": (1.0, None), "d": (None, 3.0)}


def test_a_baseline_that_moved_to_another_file_unchanged_is_no_edit(
    repository: GitRepository,
) -> None:
    base = commit(repository, a=1.0, b=1.0)
    repository.write(FILE, rendered({"a": 1.0}))
    other = repository.write(FILE.replace("shop", "cart"), rendered({"b": 1.0}))
    files = [repository.path / FILE, other]
    assert edited_baselines(repository.open(), base, files) == {}


def test_a_baseline_deleted_with_its_file_is_an_edit(repository: GitRepository) -> None:
    other = repository.write(FILE.replace("shop", "cart"), rendered({"b": 1.0}))
    base = commit(repository, a=1.0)
    other.unlink()
    edits = edited_baselines(repository.open(), base, [repository.path / FILE])
    assert {name: edit.new for name, edit in edits.items()} == {"b": None}


def test_a_base_without_baselines_makes_every_line_an_edit(repository: GitRepository) -> None:
    base = repository.commit()
    commit(repository, a=1.0)
    edits = edited_baselines(repository.open(), base, [repository.path / FILE])
    assert edits["a"].old is None


def test_a_file_that_is_damaged_now_is_an_error_that_names_it(repository: GitRepository) -> None:
    base = commit(repository, a=1.0)
    repository.write(FILE, "{")
    with pytest.raises(BaselineError, match=r"shop\.json"):
        edited_baselines(repository.open(), base, [repository.path / FILE])
    with pytest.raises(BaselineError, match=r"shop\.json"):
        approved(repository)


def test_the_change_that_repairs_a_damaged_file_passes(repository: GitRepository) -> None:
    repository.write(FILE, "{")
    base = repository.commit()
    repository.write(FILE, rendered({"a": 1.0}))
    edits = edited_baselines(repository.open(), base, [repository.path / FILE])
    assert edits["a"].old is None
    assert edits["a"].new is not None
