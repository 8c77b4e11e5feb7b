"""A project with a suite that is quick to measure."""

from pathlib import Path

import pytest

from tests.git_repository import GitRepository

SUITE = """\
from shop import names, total

def test_total(benchmark):
    assert benchmark.pedantic(total, rounds=30, iterations=5) == 499500

def test_names(benchmark):
    assert len(benchmark.pedantic(names, rounds=30, iterations=5)) == 1000
"""
CODE = """\
def total():
    return sum(range(1000))

def names():
    return [str(number) for number in range(1000)]
"""
SETTINGS = """\
[tool.perfgate]
processes = 3
threshold = "80%"

[tool.pytest.ini_options]
pythonpath = ["src"]
"""


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    """Return a repository with one suite of two benchmarks, and nothing committed yet."""
    repository = GitRepository.create(tmp_path / "project")
    repository.write("benchmarks/test_shop.py", SUITE)
    repository.write("src/shop.py", CODE)
    repository.write("pyproject.toml", SETTINGS)
    repository.write(".gitignore", ".perfgate/\n__pycache__/\n*.json.got\n")
    return repository
