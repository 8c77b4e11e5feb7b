from pathlib import Path

import pytest

from perfgate.measure.dependencies import needs_setup
from tests.measure.test_sources import make

UV_LOCK = (
    'version = 1\n[[package]]\nname = "shop"\nversion = "{own}"\nsource = {{ editable = "." }}\n'
    '[[package]]\nname = "numpy"\nversion = "{numpy}"\nsource = {{ registry = "x" }}\n'
)


def reason(tmp_path: Path, mine: dict[str, str], theirs: dict[str, str]) -> str | None:
    return needs_setup(make(tmp_path / "candidate", mine), make(tmp_path / "reference", theirs))


@pytest.mark.parametrize(
    ("name", "mine", "theirs"),
    [
        pytest.param(
            "pyproject.toml", '[project]\ndependencies = ["a", "b>1"]\nversion = "1"',
            '[project]\ndependencies = ["b>1", "a"]\nversion = "2"', id="order-and-version",
        ),
        pytest.param(
            "pyproject.toml", "[tool.ruff]\nline-length = 1", "[project]\ndependencies = []",
            id="nothing-asked",
        ),
        pytest.param("requirements.txt", "a==1 # why\n\nb\n", "# note\nb\na==1\n", id="comments"),
        pytest.param(
            "uv.lock", UV_LOCK.format(own="1", numpy="2"), UV_LOCK.format(own="2", numpy="2"),
            id="own-version-in-uv.lock",
        ),
        pytest.param(
            "setup.py", "setup(install_requires=['a'], version='1')",
            "setup(version='2', install_requires = ['a'])", id="layout-of-setup.py",
        ),
        pytest.param(
            "setup.cfg", "[options]\ninstall_requires =\n  a\n  b",
            "[metadata]\nversion = 2\n[options]\ninstall_requires =\n  b\n  a", id="setup.cfg",
        ),
    ],
)  # fmt: skip
def test_what_installs_the_same_needs_no_environment(
    tmp_path: Path, name: str, mine: str, theirs: str
) -> None:
    assert reason(tmp_path, {name: mine}, {name: theirs}) is None


@pytest.mark.parametrize(
    ("name", "mine", "theirs"),
    [
        pytest.param(
            "pyproject.toml", '[project]\ndependencies = ["a"]', '[project]\ndependencies = ["b"]',
            id="dependencies",
        ),
        pytest.param(
            "pyproject.toml", '[dependency-groups]\ntest = ["a"]', "[dependency-groups]\ntest = []",
            id="groups",
        ),
        pytest.param(
            "pyproject.toml", '[project.optional-dependencies]\nx = ["a"]', "[project]\n",
            id="extras",
        ),
        pytest.param(
            "pyproject.toml", '[tool.poetry.dependencies]\na = "^1"',
            '[tool.poetry.dependencies]\na = "^2"', id="poetry",
        ),
        pytest.param("requirements/test.txt", "a==1", "a==2", id="requirements"),
        pytest.param(
            "uv.lock", UV_LOCK.format(own="1", numpy="1"), UV_LOCK.format(own="1", numpy="2"),
            id="uv.lock",
        ),
        pytest.param("poetry.lock", "1", "2", id="poetry.lock"),
        pytest.param("Pipfile.lock", "{}", "[]", id="Pipfile.lock"),
        pytest.param(
            "setup.py", "setup(install_requires=['a'])", "setup(install_requires=read('x'))",
            id="setup.py",
        ),
        pytest.param(
            "setup.cfg", "[options.extras_require]\nx = a", "[options.extras_require]\nx = b",
            id="setup.cfg",
        ),
    ],
)  # fmt: skip
def test_dependencies_that_differ_are_named_with_their_file(
    tmp_path: Path, name: str, mine: str, theirs: str
) -> None:
    assert reason(tmp_path, {name: mine}, {name: theirs}) == f"dependencies differ in {name}"


def test_a_lock_file_on_one_side_only_is_a_difference(tmp_path: Path) -> None:
    assert reason(tmp_path, {}, {"poetry.lock": "1"}) == "dependencies differ in poetry.lock"


@pytest.mark.parametrize(
    ("files", "part"),
    [
        pytest.param({"src/fast.pyx": ""}, "src/fast.pyx", id="cython"),
        pytest.param(
            {"pyproject.toml": '[build-system]\nrequires = ["maturin>=1"]'}, "maturin", id="rust"
        ),
        pytest.param(
            {"pyproject.toml": '[build-system]\nrequires = ["scikit-build-core"]'},
            "scikit-build-core",
            id="cmake",
        ),
        pytest.param(
            {"pyproject.toml": '[build-system]\nrequires = ["meson-python"]'}, "meson", id="meson"
        ),
        pytest.param({"setup.py": "setup(ext_modules=[x])"}, "ext_modules in setup.py", id="c"),
        pytest.param(
            {"pyproject.toml": '[[tool.setuptools.ext-modules]]\nname = "x"'},
            "ext-modules",
            id="c2",
        ),
    ],
)
def test_compiled_parts_need_an_environment_even_where_nothing_differs(
    tmp_path: Path, files: dict[str, str], part: str
) -> None:
    why = reason(tmp_path, files, files)
    assert why is not None
    assert part in why


def test_what_others_compiled_does_not_count(tmp_path: Path) -> None:
    files = {".venv/lib/fast.pyx": "", "venv/lib/fast.pyx": ""}
    assert reason(tmp_path, files, files) is None
