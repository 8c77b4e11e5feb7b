from contextlib import ExitStack
from pathlib import Path

import pytest

from perfgate.commands.run import Machine
from perfgate.commands.trees import Trees
from perfgate.config import Config
from perfgate.measure.process import Progress
from tests.git_repository import ENVIRON, GitRepository

SUITE = "benchmarks/test_shop.py"


def trees_of(repository: GitRepository, below: str) -> Trees:
    root = repository.path / below
    opened = repository.open() if not below else GitRepository(path=root).open()
    machine = Machine(
        environ=ENVIRON,
        python=Path("python"),
        cache_dir=repository.path.parent / "cache",
        seed=1,
        progress=Progress(),
    )
    return Trees(
        config=Config(root=root),
        machine=machine,
        repository=opened,
        paths=(SUITE,),
        stack=ExitStack(),
    )


@pytest.mark.parametrize("below", ["", "services/shop"])
@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        pytest.param("baselines/linux/shop.json", True, id="baseline"),
        pytest.param("benchmarks/test_shop.py", True, id="suite"),
        pytest.param("benchmarks/data.json", True, id="what-lies-beside-the-suite"),
        pytest.param("shop/cart.py", False, id="code"),
        pytest.param("README.md", False, id="anything-else"),
        pytest.param("shop/baselines/x.json", False, id="a-folder-that-is-only-called-so"),
        pytest.param("shop/grüße [1] *.py", False, id="letters-and-wildcards"),
    ],
)
def test_two_commits_are_the_same_code_when_only_numbers_and_harness_differ(
    tmp_path: Path, below: str, changed: str, *, is_same: bool
) -> None:
    repository = GitRepository.create(tmp_path / "checkout")
    for name in ("shop/cart.py", SUITE, "baselines/linux/shop.json", changed):
        repository.write(f"{below}/{name}".lstrip("/"), "old\n")
    first = repository.commit()
    repository.write(f"{below}/{changed}".lstrip("/"), "new\n")
    second = repository.commit()

    assert trees_of(repository, below).is_same_code(first, second) is is_same


def test_a_change_outside_the_project_is_a_change_of_code(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "checkout")
    for name in ("services/shop/cart.py", f"services/shop/{SUITE}", "baselines/other.json"):
        repository.write(name, "old\n")
    first = repository.commit()
    repository.write("baselines/other.json", "new\n")
    second = repository.commit()

    assert not trees_of(repository, "services/shop").is_same_code(first, second)


def test_a_commit_that_is_not_in_the_clone_is_other_code(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "checkout")
    repository.write(SUITE, "old\n")
    first = repository.commit()

    assert not trees_of(repository, "").is_same_code(first, "0" * 39 + "1")
