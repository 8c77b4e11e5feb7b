import os
import subprocess
import sys
from pathlib import Path

import pytest

from perfgate.errors import UsageError
from perfgate.measure.overlay import Overlay, find_overlay, lay_over
from tests.measure.test_sources import make

CODE = {"src/shop/__init__.py": ""}


def found(overlay: Overlay) -> tuple[list[str], list[str]]:
    """Return folders and files, without the conftest.py files that are always looked for."""
    files = [str(file) for file in overlay.files if file.name != "conftest.py"]
    return [str(folder) for folder in overlay.folders], files


@pytest.mark.parametrize(
    ("files", "suites", "folders", "lone"),
    [
        pytest.param(
            {**CODE, "benchmarks/test_a.py": ""}, ["benchmarks/test_a.py"], ["benchmarks"], [],
            id="a-file-in-a-folder",
        ),
        pytest.param(
            {**CODE, "benchmarks/test_a.py": ""}, ["benchmarks"], ["benchmarks"], [], id="a-folder"
        ),
        pytest.param(
            {**CODE, "tests/__init__.py": "", "tests/perf/deep/test_a.py": ""},
            ["tests/perf/deep/test_a.py"], ["tests"], [],
            id="the-topmost-folder-that-holds-no-code",
        ),
        pytest.param(
            {**CODE, "benchmarks/test_a.py": "from tests.fakes import x", "tests/fakes.py": ""},
            ["benchmarks"], ["benchmarks", "tests"], [],
            id="a-helper-in-another-folder",
        ),
        pytest.param(
            {**CODE, "bench/test_a.py": "import common_data", "common_data.py": ""},
            ["bench"], ["bench"], ["common_data.py"],
            id="a-helper-at-the-root-beside-a-src-layout",
        ),
        pytest.param(
            {"shop/__init__.py": "", "shop/tests/test_a.py": "import shop"},
            ["shop/tests/test_a.py"], ["shop/tests"], [],
            id="tests-inside-the-package",
        ),
        pytest.param(
            {"shop/__init__.py": "", "shop/test_a.py": "import shop", "shop/code.py": ""},
            ["shop/test_a.py"], [], ["shop/test_a.py"],
            id="a-suite-among-the-code",
        ),
        pytest.param(
            {"cart.py": "", "test_cart.py": "import cart, bench_data", "bench_data.py": ""},
            ["test_cart.py"], [], ["bench_data.py", "test_cart.py"],
            id="suite-helper-and-code-at-the-root",
        ),
        pytest.param(
            {"cart.py": "", "test_a.py": "", "bench_b.py": "", "tests/test_c.py": ""},
            ["."], ["tests"], ["bench_b.py", "test_a.py"],
            id="the-whole-project",
        ),
        pytest.param(
            {"shop/cart.py": "", "bench/test_a.py": "from shop.cart import x"},
            ["bench"], ["bench"], [],
            id="code-without-init",
        ),
        pytest.param(
            {**CODE, "conftest.py": "pytest_plugins = ['support.plugin']", "support/plugin.py": "",
             "bench/test_a.py": ""},
            ["bench"], ["bench", "support"], [],
            id="a-plugin-that-conftest-names",
        ),
        pytest.param(
            {"cart.py": "", "test_a.py": "def ("}, ["test_a.py"], [], ["test_a.py"],
            id="a-file-that-does-not-parse",
        ),
    ],
)  # fmt: skip
def test_what_a_suite_consists_of_is_found(
    tmp_path: Path, files: dict[str, str], suites: list[str], folders: list[str], lone: list[str]
) -> None:
    assert found(find_overlay(make(tmp_path, files), suites)) == (folders, lone)


@pytest.mark.parametrize("suite", ["../test_a.py", "/etc/passwd"])
def test_a_suite_outside_the_project_is_wrong_usage(tmp_path: Path, suite: str) -> None:
    with pytest.raises(UsageError, match="outside the project"):
        find_overlay(tmp_path, [suite])


def lay(candidate: Path, reference: Path, *suites: str) -> Overlay:
    overlay = find_overlay(candidate, suites)
    lay_over(overlay, reference)
    return overlay


def test_what_the_candidate_deleted_disappears(tmp_path: Path) -> None:
    candidate = make(tmp_path / "candidate", {**CODE, "bench/sub/test_a.py": "new"})
    reference = make(
        tmp_path / "reference",
        {
            **CODE,
            "bench/sub/test_a.py": "old",
            "bench/gone.py": "",
            "conftest.py": "",
            "kept.py": "",
        },
    )
    lay(candidate, reference, "bench/sub/test_a.py")
    names = {file.relative_to(reference).as_posix() for file in reference.rglob("*.py")}
    assert names == {"src/shop/__init__.py", "bench/sub/test_a.py", "kept.py"}
    assert (reference / "bench/sub/test_a.py").read_text() == "new"


def test_conftest_files_above_a_suite_go_over(tmp_path: Path) -> None:
    files = {"conftest.py": "root", "shop/__init__.py": "", "shop/conftest.py": "inner"}
    candidate = make(tmp_path / "candidate", {**files, "shop/test_a.py": ""})
    reference = make(tmp_path / "reference", {"shop/__init__.py": "old"})
    lay(candidate, reference, "shop/test_a.py")
    assert (reference / "conftest.py").read_text() == "root"
    assert (reference / "shop/conftest.py").read_text() == "inner"
    assert (reference / "shop/__init__.py").read_text() == "old"


def test_links_in_the_tree_are_replaced_and_never_written_through(tmp_path: Path) -> None:
    """A commit may hold links that lead into the user's own files."""
    precious = make(tmp_path / "precious", {"inner/test_a.py": "precious", "conftest.py": "mine"})
    candidate = make(
        tmp_path / "candidate",
        {"shop/__init__.py": "", "shop/inner/__init__.py": "", "shop/inner/test_a.py": "new",
         "bench/test_b.py": "new", "conftest.py": "new"},
    )  # fmt: skip
    reference = tmp_path / "reference"
    reference.mkdir()
    (reference / "shop").symlink_to(precious)
    (reference / "bench").symlink_to(precious)
    (reference / "conftest.py").symlink_to(precious / "conftest.py")
    lay(candidate, reference, "shop/inner/test_a.py", "bench")
    assert (precious / "inner/test_a.py").read_text() == "precious"
    assert (precious / "conftest.py").read_text() == "mine"
    assert sorted(file.name for file in precious.iterdir()) == ["conftest.py", "inner"]
    assert (reference / "shop/inner/test_a.py").read_text() == "new"
    assert (reference / "bench/test_b.py").read_text() == "new"
    assert (reference / "conftest.py").read_text() == "new"


def test_data_and_links_go_over_but_no_caches_environments_or_pipes(tmp_path: Path) -> None:
    candidate = make(
        tmp_path / "candidate",
        {**CODE, "bench/test_a.py": "", "bench/data.bin": "1", "bench/__pycache__/a.pyc": "",
         "bench/env/pyvenv.cfg": "", "bench/.benchmarks/0001.json": ""},
    )  # fmt: skip
    (candidate / "bench/link.bin").symlink_to("data.bin")
    os.mkfifo(candidate / "bench/pipe")
    reference = make(tmp_path / "reference", CODE)
    lay(candidate, reference, "bench")
    assert sorted(file.name for file in (reference / "bench").iterdir()) == [
        "data.bin", "link.bin", "test_a.py",
    ]  # fmt: skip
    assert (reference / "bench/link.bin").readlink() == Path("data.bin")


SETTING = "python_functions = speed_*\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("pytest.ini", f"[pytest]\n{SETTING}", id="pytest.ini"),
        pytest.param("tox.ini", f"[tox]\nenvlist = py\n[pytest]\n{SETTING}", id="tox.ini"),
        pytest.param(
            "setup.cfg", f"[metadata]\nname = a\n[tool:pytest]\n{SETTING}", id="setup.cfg"
        ),
        pytest.param(
            "pyproject.toml",
            '[project]\nname = "new"\n[tool.pytest.ini_options]\npython_functions = ["speed_*"]\n',
            id="pyproject.toml",
        ),
        pytest.param("bench/pytest.ini", f"[pytest]\n{SETTING}", id="beside-the-suite"),
    ],
)
def test_pytest_in_the_tree_obeys_the_candidates_configuration(
    tmp_path: Path, name: str, content: str
) -> None:
    suite = {"bench/test_a.py": "def speed_of_light(): pass\ndef test_old(): pass\n"}
    candidate = make(tmp_path / "candidate", {**suite, "shop/__init__.py": "", name: content})
    metadata = '[project]\nname = "old"\n[tool.pytest.ini_options]\npython_functions = ["test_*"]\n'
    reference = make(tmp_path / "reference", {"shop/__init__.py": "", "pyproject.toml": metadata})
    overlay = lay(candidate, reference, "bench/test_a.py")
    assert collected(reference, overlay) == ["bench/test_a.py::speed_of_light"]
    assert (reference / "pyproject.toml").read_text() == metadata


def test_pytest_in_the_tree_has_the_defaults_where_the_candidate_configures_nothing(
    tmp_path: Path,
) -> None:
    suite = {"bench/test_a.py": "def speed_of_light(): pass\ndef test_it(): pass\n"}
    candidate = make(tmp_path / "candidate", suite)
    reference = make(tmp_path / "reference", {"pytest.ini": f"[pytest]\n{SETTING}"})
    overlay = lay(candidate, reference, "bench")
    assert collected(reference, overlay) == ["bench/test_a.py::test_it"]


def collected(reference: Path, overlay: Overlay) -> list[str]:
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--collect-only", "-q", f"--rootdir={reference}",
            "-c", str(reference / overlay.configuration_file), "-p", "no:cacheprovider", "bench",
        ],
        cwd=reference, check=True, capture_output=True, text=True,
        env={"PATH": os.defpath, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    return [line for line in done.stdout.splitlines() if "::" in line]
