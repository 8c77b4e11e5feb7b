import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from perfgate import __version__
from tests.command_line import files_in, perfgate
from tests.git_repository import GitRepository

WRITTEN = [
    ".github/workflows/perfgate-comment.yml",
    ".github/workflows/perfgate.yml",
    ".gitignore",
    "benchmarks/test_first.py",
    "pyproject.toml",
]


def test_an_empty_folder_gets_settings_a_suite_and_workflows(tmp_path: Path) -> None:
    done = perfgate(tmp_path, "init")
    assert (done.status, done.err) == (0, "")
    assert sorted(files_in(tmp_path)) == WRITTEN
    assert tomllib.loads((tmp_path / "pyproject.toml").read_text())["tool"]["perfgate"]
    measured = perfgate(tmp_path, "run", "--processes", "1", "--output", "r.json")
    assert (measured.status, measured.err) == (0, "")


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    perfgate(tmp_path, "init")
    before = files_in(tmp_path)
    done = perfgate(tmp_path, "init")
    assert done.status == 0
    assert done.out.count("already") == len(WRITTEN)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(b"[project]\nname = 'x'", id="no-end-of-line"),
        pytest.param(b"[project]\r\nname = 'x'\r\n", id="windows"),
        pytest.param(b"# caf\xc3\xa9\n[tool.perfgate.suites.x]\npaths = ['x']\n", id="suites-only"),
    ],
)
def test_what_exists_keeps_every_byte(tmp_path: Path, settings: bytes) -> None:
    files = {
        ".github/workflows/perfgate.yml": b"mine\r\n",
        ".github/workflows/perfgate-comment.yml": b"",
        "benchmarks/bench_mine.py": b"# mine",
        ".gitignore": b"build/\n.perfgate/",
        "pyproject.toml": settings,
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    done = perfgate(tmp_path, "init")
    assert done.status == 0
    after = files_in(tmp_path)
    settings_after = after.pop("pyproject.toml")
    assert after == {name: files[name] for name in after}
    assert settings_after.startswith(settings)
    assert b"\r" not in settings_after.replace(b"\r\n", b"")
    assert "perfgate" in tomllib.loads(settings_after.decode())["tool"]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param("[tool.perfgate] # ours\n", id="comment"),
        pytest.param("[ tool . perfgate ]\n", id="spaces"),
        pytest.param('[tool]\nperfgate = {threshold = "9%"}\n', id="inline"),
        pytest.param('tool.perfgate.threshold = "9%"\n', id="dotted"),
    ],
)
def test_settings_in_any_notation_are_recognised(tmp_path: Path, settings: str) -> None:
    (tmp_path / "pyproject.toml").write_text(settings)
    done = perfgate(tmp_path, "init")
    assert done.out.startswith("pyproject.toml: has [tool.perfgate] already\n")
    assert (tmp_path / "pyproject.toml").read_text() == settings


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        pytest.param(b"[project\n", "no valid TOML", id="syntax"),
        pytest.param(b"# \xff\n", "no valid TOML", id="encoding"),
        pytest.param(b"tool = {x = 1}\n", "by hand", id="closed-table"),
    ],
)
def test_settings_that_cannot_be_extended_end_with_2_and_nothing_written(
    tmp_path: Path, settings: bytes, problem: str
) -> None:
    (tmp_path / "pyproject.toml").write_bytes(settings)
    done = perfgate(tmp_path, "init")
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"perfgate: {tmp_path / 'pyproject.toml'}: ")
    assert problem in line
    assert files_in(tmp_path) == {"pyproject.toml": settings}


def test_a_link_stays_a_link_and_a_mode_stays(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("[project]\n")
    (tmp_path / "real.toml").chmod(0o640)
    (tmp_path / "pyproject.toml").symlink_to("real.toml")
    assert perfgate(tmp_path, "init").status == 0
    assert (tmp_path / "pyproject.toml").is_symlink()
    assert "tool" in tomllib.loads((tmp_path / "real.toml").read_text())
    assert (tmp_path / "real.toml").stat().st_mode & 0o777 == 0o640


# --- benchmarks that are there already -----------------------------------------------------------

MEASURES = "def test_sum(benchmark):\n    benchmark(sum, (1, 2))\n"
IN_A_CLASS = """
class TestSums:
    @pytest.mark.parametrize("size", [1])
    def test_sum(
        self,
        size: int,
        benchmark: BenchmarkFixture,
    ) -> None:
        benchmark(sum, range(size))
"""


def _project(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_suites_that_lie_elsewhere_are_named_in_the_settings_and_measured(tmp_path: Path) -> None:
    _project(
        tmp_path,
        tests__test_sums_dot_py=MEASURES,
        tests__deep__speed_dot_py=f"import pytest\nBenchmarkFixture = object\n{IN_A_CLASS}",
        tests__test_other_dot_py="def test_other():\n    benchmark = 1\n",
        tests__conftest_dot_py="def test_made(benchmark): ...\n",
        venv__test_theirs_dot_py=MEASURES,
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/pyvenv.cfg").touch()
    (tmp_path / "mine/test_installed.py").write_text(MEASURES)
    done = perfgate(tmp_path, "init")
    assert (done.status, done.err) == (0, "")
    assert "benchmarks: found in tests/test_sums.py, tests/deep/speed.py\n" in done.out
    assert not (tmp_path / "benchmarks").exists()
    table = tomllib.loads((tmp_path / "pyproject.toml").read_text())["tool"]["perfgate"]
    assert table["suites"] == {
        "tests": {"paths": ["tests/test_sums.py"]},
        "tests-deep": {"paths": ["tests/deep/speed.py"]},
    }
    measured = perfgate(tmp_path, "run", "--processes", "1", "--output", "r.json")
    assert (measured.status, measured.err) == (0, "")
    ids = {one["id"] for one in json.loads((tmp_path / "r.json").read_text())["benchmarks"]}
    assert ids == {"tests/test_sums.py::test_sum", "tests/deep/speed.py::TestSums::test_sum[1]"}
    again = perfgate(tmp_path, "init")
    assert "benchmarks: has suites already\n" in again.out


def test_odd_names_of_folders_and_files_are_written_as_toml(tmp_path: Path) -> None:
    (tmp_path / "my tests").mkdir()
    (tmp_path / "my tests" / 'test_"x"[1].py').write_text(MEASURES)
    (tmp_path / "test_top.py").write_text(MEASURES)
    for name in ("Speed", "speed"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"test_{name}.py").write_text(MEASURES)
    assert perfgate(tmp_path, "init").status == 0
    table = tomllib.loads((tmp_path / "pyproject.toml").read_text())["tool"]["perfgate"]
    assert table["suites"] == {
        "benchmarks": {"paths": ['my tests/test_"x"[1].py', "test_top.py"]},
        "speed": {"paths": ["Speed/test_Speed.py", "speed/test_speed.py"]},
    }


def test_where_settings_exist_the_suites_to_add_are_shown(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.perfgate]\n")
    _project(tmp_path, checks__test_sums_dot_py=MEASURES)
    done = perfgate(tmp_path, "init")
    shown = '[tool.perfgate.suites.checks]\npaths = ["checks/test_sums.py"]\n'
    assert f"pyproject.toml: has [tool.perfgate] already; add to it\n\n{shown}" in done.out
    assert (tmp_path / "pyproject.toml").read_text() == "[tool.perfgate]\n"


def test_a_folder_without_benchmarks_gets_a_first_suite_whatever_else_is_in_it(
    tmp_path: Path,
) -> None:
    _project(tmp_path, benchmarks__helper_dot_py="SIZE = 3\n")
    perfgate(tmp_path, "init")
    assert perfgate(tmp_path, "run", "--processes", "1", "--output", "r.json").status == 0


# --- workflows ---------------------------------------------------------------------------------

GATE = ".github/workflows/perfgate.yml"


def test_what_may_write_installs_this_release_and_nothing_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "setup.py").touch()
    perfgate(tmp_path, "init", "--accept")
    texts = {file.name: file.read_text() for file in (tmp_path / ".github/workflows").iterdir()}
    release = f"perfgate=={__version__}"
    assert sorted(texts) == ["perfgate-accept.yml", "perfgate-comment.yml", "perfgate.yml"]
    assert f"- run: python -m pip install -e . {release}\n" in texts["perfgate.yml"]
    for name in ("perfgate-comment.yml", "perfgate-accept.yml"):
        assert f"pip\" install {release}'" in texts[name]
        assert "- uses:" not in texts[name]


def test_it_measures_with_the_python_that_the_baselines_will_be_of(tmp_path: Path) -> None:
    perfgate(tmp_path, "init")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f'python-version: "{here}"\n' in (tmp_path / GATE).read_text()


def test_a_matrix_is_written_on_demand(tmp_path: Path) -> None:
    perfgate(tmp_path, "init", "--matrix")
    text = (tmp_path / GATE).read_text()
    (legs,) = re.findall(r"^ +python: \[(.*)\] #", text, re.MULTILINE)
    assert f'"3.{sys.version_info.minor}"' in legs
    assert legs.count('"') == 4
    assert "merge --expect 2 " in text
    assert "install -e ." not in text  # there is nothing that pip could install


def test_a_project_in_a_folder_gets_its_workflows_where_github_looks(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "repository")
    repository.write("services/api/pyproject.toml")
    done = perfgate(repository.path / "services" / "api", "init")
    assert done.status == 0
    assert f"{GATE}: written\n" in done.out
    text = (repository.path / GATE).read_text()
    assert "working-directory: services/api\n" in text
    assert "path: services/api/.perfgate/report.json\n" in text
    comment = (repository.path / ".github/workflows/perfgate-comment.yml").read_text()
    assert 'comment --project "services/api"\'\n' in comment


def test_a_repository_that_ignores_the_folder_is_left_alone(tmp_path: Path) -> None:
    repository = GitRepository.create(tmp_path / "repository")
    repository.write(".gitignore", "build/\n")
    repository.write("build/project/README.md")
    assert perfgate(repository.path / "build" / "project", "init").status == 0
    assert (repository.path / "build" / "project" / GATE).is_file()
    assert not (repository.path / GATE).exists()


@pytest.mark.parametrize("folder", ["a b", "it's", "$(id)", "${{ x }}"])
def test_a_folder_that_a_shell_would_read_is_refused_before_anything_is_written(
    tmp_path: Path, folder: str
) -> None:
    repository = GitRepository.create(tmp_path / "repository")
    (repository.path / folder).mkdir()
    done = perfgate(repository.path / folder, "init")
    assert (done.status, done.out) == (2, "")
    assert f"{folder}: no folder that a workflow can name" in done.err
    assert files_in(repository.path / folder) == {}


def test_the_default_branch_is_that_of_the_remote(tmp_path: Path) -> None:
    source = GitRepository.create(tmp_path / "source")
    source.git("checkout", "--quiet", "-b", "release/1.x")
    source.commit(readme="text")
    clone = source.clone(tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", "feature")
    perfgate(clone.path, "init")
    assert "    branches: [release/1.x]\n" in (clone.path / GATE).read_text()


@pytest.mark.parametrize(
    ("branches", "expected"),
    [
        pytest.param(["main", "feature"], "main", id="usual"),
        pytest.param(["feature", "master"], "master", id="also-usual"),
        pytest.param(["develop"], "develop", id="only-one"),
        pytest.param(["on"], '"on"', id="not-a-word-of-yaml"),
    ],
)
def test_without_a_remote_the_default_branch_is_a_usual_one_else_the_one_that_is_here(
    tmp_path: Path, branches: list[str], expected: str
) -> None:
    repository = GitRepository.create(tmp_path / "repository")
    for branch in branches:
        repository.git("checkout", "--quiet", "-B", branch)
        repository.commit(readme=branch)
    perfgate(repository.path, "init")
    assert f"    branches: [{expected}]\n" in (repository.path / GATE).read_text()


# --- packaging ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "files", "advice"),
    [
        pytest.param(
            "[project]\n", ["shop/__init__.py", "tests/__init__.py", "setup.py"],
            '[tool.setuptools.packages.find] include = ["shop*"]', id="packages",
        ),
        pytest.param(
            '[project]\n[build-system]\nbuild-backend = "setuptools.build_meta"\n', ["shop.py"],
            '[tool.setuptools] py-modules = ["shop"]', id="modules",
        ),
        pytest.param("[project]\n", ["src/shop/__init__.py"], None, id="src-layout"),
        pytest.param("", ["shop/__init__.py"], None, id="no-project"),
        pytest.param(
            '[project]\n[build-system]\nbuild-backend = "hatchling.build"\n', ["shop/__init__.py"],
            None, id="hatchling",
        ),
        pytest.param(
            '[project]\n[tool.setuptools]\npackages = ["shop"]\n', ["shop/__init__.py"],
            None, id="named",
        ),
        pytest.param("project = 1\n", ["shop/__init__.py"], None, id="no-valid-project"),
    ],
)  # fmt: skip
def test_a_layout_in_which_setuptools_would_take_baselines_for_a_package_is_pointed_out(
    tmp_path: Path, settings: str, files: list[str], advice: str | None
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "pyproject.toml").write_text(settings)
    done = perfgate(tmp_path, "init")
    assert (done.status, done.err) == (0, "")
    warnings = [line for line in done.out.splitlines() if "setuptools" in line]
    assert [line.partition("; add ")[2] for line in warnings] == ([advice] if advice else [])
