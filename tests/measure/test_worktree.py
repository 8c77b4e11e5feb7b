import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from perfgate.errors import ReferenceTreeError
from perfgate.git import open_repository
from perfgate.measure.overlay import find_overlay
from perfgate.measure.worktree import Tree, reference_tree
from tests.git_repository import ENVIRON, GitRepository

PROJECT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from perfgate.git import open_repository
from perfgate.measure.overlay import find_overlay
from perfgate.measure.worktree import reference_tree

root, commit, cache = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
environ = eval(sys.argv[4])
overlay = find_overlay(root, ["bench/test_a.py"])
repository = open_repository(root, environ)
with reference_tree(repository, commit, cache_dir=cache, overlay=overlay) as tree:
    print(tree.path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    repository = GitRepository.create(tmp_path / "checkout")
    repository.write("src/package/__init__.py", "VERSION = 1\n")
    repository.write("bench/test_a.py", "old harness\n")
    repository.write("bench/gone.py", "deleted since\n")
    repository.commit()
    repository.git("tag", "v1")
    repository.write("src/package/__init__.py", "VERSION = 2\n")
    repository.write("bench/test_a.py", "new harness\n")
    (repository.path / "bench/gone.py").unlink()
    repository.commit()
    return repository


@contextlib.contextmanager
def tree_of(
    repository: GitRepository, revision: str, cache: Path, *, suites: tuple[str, ...] = ()
) -> Iterator[Tree]:
    overlay = find_overlay(repository.path, suites)
    commit = repository.git("rev-parse", revision)
    with reference_tree(repository.open(), commit, cache_dir=cache, overlay=overlay) as tree:
        yield tree


@contextlib.contextmanager
def another_process(
    repository: GitRepository, cache: Path
) -> "Iterator[tuple[subprocess.Popen[str], Path]]":
    """Hold a tree in another process until its standard input ends."""
    process = subprocess.Popen(
        [
            sys.executable, "-c", HOLDER, str(repository.path),
            repository.git("rev-parse", "v1"), str(cache), repr(ENVIRON),
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**ENVIRON, "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        try:
            path = process.stdout.readline().strip()
            assert path
            yield process, Path(path)
        finally:
            process.kill()


def test_a_tree_holds_the_code_of_its_commit_and_goes_at_the_end(
    tmp_path: Path, repository: GitRepository
) -> None:
    with tree_of(repository, "v1", tmp_path / "cache") as tree:
        assert (tree.path / "src/package/__init__.py").read_text() == "VERSION = 1\n"
        assert tree.commit == repository.git("rev-parse", "v1")
        assert not tree.path.is_relative_to(repository.path)
        assert tree.warnings == ()
    assert not tree.checkout.exists()
    assert list((tmp_path / "cache/trees").iterdir()) == []


def test_neither_checkout_nor_git_directory_of_the_user_changes(
    tmp_path: Path, repository: GitRepository
) -> None:
    repository.write("stashed.txt", "1")
    repository.git("add", "stashed.txt")
    repository.git("stash")
    repository.write("staged.txt", "1")
    repository.git("add", "staged.txt")
    repository.write("src/package/__init__.py", "not committed")
    # An index that git would like to refresh, and settings that make it write more beside it.
    os.utime(repository.path / "bench/test_a.py", (1, 1))
    for setting in ("splitIndex", "untrackedCache", "fsmonitor", "sparseCheckout"):
        repository.git("config", f"core.{setting}", "true")
    before = repository.fingerprint()
    with tree_of(repository, "v1", tmp_path / "cache", suites=("bench/test_a.py",)) as tree:
        assert (tree.path / "bench/test_a.py").is_file()
        during = repository.fingerprint()
    assert during == before
    assert repository.fingerprint() == before


def test_files_come_out_as_git_would_check_them_out(
    tmp_path: Path, repository: GitRepository
) -> None:
    repository.write(
        ".gitattributes", "*.crlf eol=crlf\nkept.txt export-ignore\n*.sub export-subst\n"
    )
    repository.write("kept.txt", "needed\n")
    repository.write("lines.crlf", "a\nb\n")
    repository.write("version.sub", "$Format:%H$\n")
    repository.write("a name with späces\tand\nmore.txt", "x")
    repository.write("program", "#!/bin/sh\n")
    (repository.path / "program").chmod(0o755)
    (repository.path / "link").symlink_to("kept.txt")
    (repository.path / "dangling").symlink_to("nowhere")
    repository.commit()
    with tree_of(repository, "HEAD", tmp_path / "cache") as tree:
        assert (tree.path / "kept.txt").read_text() == "needed\n"
        assert (tree.path / "lines.crlf").read_bytes() == b"a\r\nb\r\n"
        assert (tree.path / "version.sub").read_text() == "$Format:%H$\n"
        assert (tree.path / "a name with späces\tand\nmore.txt").read_text() == "x"
        assert os.access(tree.path / "program", os.X_OK)
        assert not os.access(tree.path / "kept.txt", os.X_OK)
        assert (tree.path / "link").readlink() == Path("kept.txt")
        assert (tree.path / "dangling").is_symlink()


def test_the_users_own_line_ends_hold_in_the_tree(
    tmp_path: Path, repository: GitRepository
) -> None:
    repository.git("config", "core.autocrlf", "true")
    with tree_of(repository, "v1", tmp_path / "cache") as tree:
        assert (tree.path / "src/package/__init__.py").read_bytes() == b"VERSION = 1\r\n"


def test_no_hook_runs(tmp_path: Path, repository: GitRepository) -> None:
    witness = tmp_path / "witness"
    template = tmp_path / "template"
    for folder in (repository.path / ".git/hooks", template / "hooks"):
        folder.mkdir(parents=True, exist_ok=True)
        hook = folder / "post-checkout"
        hook.write_text(f"#!/bin/sh\ntouch '{witness}'\n")
        hook.chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[init]\ntemplateDir = {template}\n")
    overlay = find_overlay(repository.path, ())
    opened = open_repository(repository.path, {**ENVIRON, "GIT_CONFIG_GLOBAL": str(settings)})
    assert opened is not None
    with reference_tree(opened, "v1", cache_dir=tmp_path / "cache", overlay=overlay) as tree:
        assert not (tree.path / ".git/hooks").exists()
    assert not witness.exists()
    repository.git("checkout", "--quiet", "v1")  # the hook works, were it called
    assert witness.exists()


def test_a_tree_is_a_clean_repository_that_knows_its_version(
    tmp_path: Path, repository: GitRepository
) -> None:
    repository.git("tag", "--annotate", "--message=2", "v2")
    third = repository.commit(more="1")
    with tree_of(repository, "HEAD", tmp_path / "cache") as tree:
        inside = GitRepository(path=tree.path)
        assert inside.git("describe", "--tags", "--long") == f"v2-1-g{third[:7]}"
        assert tree.pytest_configuration.is_file()
        assert inside.git("status", "--porcelain") == ""
        assert inside.git("remote") == ""


def test_a_shallow_clone_gives_trees_too(tmp_path: Path, repository: GitRepository) -> None:
    clone = repository.clone(tmp_path / "clone", "--depth=1")
    with tree_of(clone, "HEAD", tmp_path / "cache") as tree:
        assert GitRepository(path=tree.path).git("log", "--format=%H") == tree.commit


def test_a_linked_worktree_of_the_user_gives_trees_too(
    tmp_path: Path, repository: GitRepository
) -> None:
    repository.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    linked = GitRepository(path=tmp_path / "linked")
    with tree_of(linked, "v1", tmp_path / "cache") as tree:
        assert (tree.path / "src/package/__init__.py").read_text() == "VERSION = 1\n"


def test_a_project_below_the_top_level_is_found_in_the_tree(tmp_path: Path) -> None:
    whole = GitRepository.create(tmp_path / "whole")
    before = whole.commit()
    whole.write("part/module.py", "1")
    whole.write("part/bench/test_a.py", "")
    commit = whole.commit()
    opened = open_repository(whole.path / "part", ENVIRON)
    assert opened is not None
    overlay = find_overlay(whole.path / "part", ["bench/test_a.py"])
    with reference_tree(opened, commit, cache_dir=tmp_path / "c", overlay=overlay) as tree:
        assert tree.path == tree.checkout / "part"
        assert (tree.path / "module.py").read_text() == "1"
    missing = reference_tree(opened, before, cache_dir=tmp_path / "c", overlay=overlay)
    with pytest.raises(ReferenceTreeError, match="has no folder part"), missing:
        pass
    assert list((tmp_path / "c/trees").iterdir()) == []


def test_submodules_come_from_the_users_own_copies(
    tmp_path: Path, repository: GitRepository
) -> None:
    library = GitRepository.create(tmp_path / "library")
    library.commit(inside="first")
    repository.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
        f"file://{library.path}", "vendor/library",
    )  # fmt: skip
    repository.commit()
    GitRepository(path=repository.path / "vendor/library").commit(inside="second")
    with tree_of(repository, "HEAD", tmp_path / "cache") as tree:
        assert (tree.path / "vendor/library/inside.txt").read_text() == "first"
        assert tree.warnings == ()


def test_a_submodule_commit_that_is_not_here_is_warned_of(
    tmp_path: Path, repository: GitRepository
) -> None:
    inner = GitRepository.create(repository.path / "vendor")
    inner.commit(inside="first")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor")
    repository.git("commit", "--quiet", "--message=submodule")
    with tree_of(repository, "HEAD", tmp_path / "cache") as tree:
        assert tree.warnings == (
            "submodule vendor: commit 111111111111 is not in this clone, left empty",
        )


def test_large_files_come_from_the_local_store_and_others_are_warned_of(
    tmp_path: Path, repository: GitRepository
) -> None:
    content = b"large" * 1000
    here, absent = hashlib.sha256(content).hexdigest(), "2" * 64
    repository.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    for name, object_id in (("here", here), ("absent", absent)):
        repository.write(
            f"{name}.bin",
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{object_id}\nsize 5000\n",
        )
    repository.commit()
    repository.write(f".git/lfs/objects/{here[:2]}/{here[2:4]}/{here}", content)
    with tree_of(repository, "HEAD", tmp_path / "cache") as tree:
        assert (tree.path / "here.bin").read_bytes() == content
        assert tree.warnings == ("1 files are Git LFS pointers whose content is not in this clone",)


def test_the_candidates_harness_is_laid_over_the_old_code(
    tmp_path: Path, repository: GitRepository
) -> None:
    repository.write("bench/test_a.py", "not committed\n")
    repository.write("bench/helper.py", "new\n")
    with tree_of(repository, "v1", tmp_path / "cache", suites=("bench/test_a.py",)) as tree:
        assert sorted(file.name for file in (tree.path / "bench").iterdir()) == [
            "helper.py", "test_a.py",
        ]  # fmt: skip
        assert (tree.path / "bench/test_a.py").read_text() == "not committed\n"
        assert (tree.path / "src/package/__init__.py").read_text() == "VERSION = 1\n"


def test_two_trees_of_one_commit_do_not_meet(tmp_path: Path, repository: GitRepository) -> None:
    cache = tmp_path / "cache"
    with tree_of(repository, "v1", cache) as first, tree_of(repository, "v1", cache) as second:
        assert first.path != second.path
        assert second.path.is_dir()
    assert not first.path.exists()


def test_an_exception_leaves_no_tree(tmp_path: Path, repository: GitRepository) -> None:
    def fail_in_tree() -> None:
        with tree_of(repository, "v1", tmp_path / "cache") as tree:
            (tree.path / "src").chmod(0o500)  # what a benchmark made read-only goes too
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_tree()
    assert list((tmp_path / "cache/trees").iterdir()) == []


def test_a_commit_that_does_not_exist_leaves_no_tree(
    tmp_path: Path, repository: GitRepository
) -> None:
    overlay = find_overlay(repository.path, ())
    with (
        pytest.raises(ReferenceTreeError, match="not in this clone"),
        reference_tree(repository.open(), "1" * 40, cache_dir=tmp_path, overlay=overlay),
    ):
        pass
    assert not (tmp_path / "trees").exists()


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGINT, -signal.SIGINT, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 128 + signal.SIGTERM, id="terminated"),
    ],
)
def test_a_signal_leaves_no_tree(
    tmp_path: Path, repository: GitRepository, number: signal.Signals, status: int
) -> None:
    before = repository.fingerprint()
    with another_process(repository, tmp_path / "cache") as (process, path):
        assert path.is_dir()
        process.send_signal(number)
        assert process.wait(30) == status
    assert list((tmp_path / "cache/trees").iterdir()) == []
    assert repository.fingerprint() == before


def test_a_killed_process_leaves_no_record_and_the_next_run_removes_its_tree(
    tmp_path: Path, repository: GitRepository
) -> None:
    before = repository.fingerprint()
    with another_process(repository, tmp_path / "cache") as (process, path):
        process.kill()
        process.wait(30)
    assert path.is_dir()
    assert repository.fingerprint() == before
    with tree_of(repository, "v1", tmp_path / "cache"):
        assert not path.exists()


def test_the_tree_of_a_living_process_is_left_alone(
    tmp_path: Path, repository: GitRepository
) -> None:
    with another_process(repository, tmp_path / "cache") as (process, path):
        with tree_of(repository, "v1", tmp_path / "cache"):
            assert path.is_dir()
        assert path.is_dir()
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert not path.exists()


def test_a_process_id_that_was_given_away_again_does_not_keep_a_tree(
    tmp_path: Path, repository: GitRepository
) -> None:
    with tree_of(repository, "v1", tmp_path / "cache") as tree:
        mine = tree.checkout.parent.name
    commit, host, pid, start_s, _ = mine.split("~")
    assert abs(psutil.Process().create_time() - float(start_s)) < 1
    stale = tmp_path / f"cache/trees/{commit}~{host}~{pid}~{float(start_s) - 1000}~x"
    foreign = tmp_path / f"cache/trees/{commit}~elsewhere~{pid}~{start_s}~x"
    old = tmp_path / f"cache/trees/{commit}~elsewhere~{pid}~{start_s}~y"
    for folder in (stale, foreign, old):
        folder.mkdir()
    os.utime(old, (1, 1))
    with tree_of(repository, "v1", tmp_path / "cache"):
        assert not stale.exists()
        assert foreign.exists()
        assert not old.exists()
