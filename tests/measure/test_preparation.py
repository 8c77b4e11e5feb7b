import subprocess
import sys
from pathlib import Path

import pytest

from perfgate.errors import ReferenceTreeError
from perfgate.measure.preparation import PreparedEnvironment, prepare_environment
from perfgate.measure.worktree import Tree
from tests.git_repository import ENVIRON
from tests.measure.test_sources import make

PROJECT = {"pyproject.toml": '[project]\nname = "shop"\ndependencies = []\n'}
TRACE = """
echo run >> trace
test "$UV_PROJECT_ENVIRONMENT" = "$VIRTUAL_ENV"
python -c 'import sys; print(sys.prefix)' > prefix
"""


def tree_with(tmp_path: Path, files: dict[str, str], name: str = "slot") -> Tree:
    path = make(tmp_path / name / "tree", files)
    return Tree(
        path=path, checkout=path, commit="c" * 40, pytest_configuration=path / "x.ini", warnings=()
    )


def prepare(
    tmp_path: Path, tree: Tree, setup: str, *, timeout_s: float = 60.0
) -> PreparedEnvironment:
    return prepare_environment(
        tree, setup, cache_dir=tmp_path / "cache", python=Path(sys.executable), environ=ENVIRON,
        timeout_s=timeout_s,
    )  # fmt: skip


def test_the_command_runs_inside_the_environment_and_once_for_equal_files(tmp_path: Path) -> None:
    first = tree_with(tmp_path, PROJECT)
    made = prepare(tmp_path, first, TRACE)
    prefix = Path((first.path / "prefix").read_text().strip())
    assert made.python.is_relative_to(prefix)
    assert not made.is_from_cache
    assert subprocess.run([made.python, "-c", ""], env=ENVIRON, check=False).returncode == 0

    again = prepare(tmp_path, tree_with(tmp_path, PROJECT, "other"), TRACE)
    assert again == PreparedEnvironment(python=made.python, is_from_cache=True)
    assert not (tmp_path / "other/tree/trace").exists()

    changed = {"pyproject.toml": PROJECT["pyproject.toml"].replace("[]", '["x"]')}
    different = prepare(tmp_path, tree_with(tmp_path, changed, "third"), TRACE)
    assert not different.is_from_cache
    assert different.python != made.python
    assert made.python.exists()


@pytest.mark.parametrize(
    ("setup", "timeout_s", "message"),
    [
        pytest.param("echo wrong wheel >&2; exit 7", 60.0, "ended with 7", id="fails"),
        pytest.param("echo wrong wheel; false; true", 60.0, "ended with 1", id="fails-on-the-way"),
        pytest.param("echo wrong wheel; sleep 600", 30.0, "took longer than 30 s", id="hangs"),
    ],
)
def test_a_command_that_fails_leaves_its_last_words_and_nothing_in_the_cache(
    tmp_path: Path, setup: str, timeout_s: float, message: str
) -> None:
    with pytest.raises(ReferenceTreeError, match=message) as caught:
        prepare(tmp_path, tree_with(tmp_path, PROJECT), setup, timeout_s=timeout_s)
    assert str(caught.value).endswith("wrong wheel")
    assert list((tmp_path / "cache/environments").iterdir()) == []


def test_an_environment_with_compiled_parts_lies_beside_its_tree(tmp_path: Path) -> None:
    tree = tree_with(tmp_path, {**PROJECT, "fast.pyx": ""})
    made = prepare(tmp_path, tree, TRACE)
    assert made.python.is_relative_to(tree.checkout.parent)
    assert not (tmp_path / "cache").exists()


def test_an_environment_that_was_removed_is_made_again(tmp_path: Path) -> None:
    made = prepare(tmp_path, tree_with(tmp_path, PROJECT), "true")
    made.python.unlink()
    again = prepare(tmp_path, tree_with(tmp_path, PROJECT), "true")
    assert not again.is_from_cache
    assert again.python.exists()
