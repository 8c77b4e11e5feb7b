import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from perfgate.measure.sources import source_layout
from tests.git_repository import ENVIRON


def make(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


FLAT = {
    "shop/__init__.py": "", "cart.py": "", "setup.py": "", "conftest.py": "", "noxfile.py": "",
    "tests/__init__.py": "", "benchmarks/__init__.py": "", "bench_cart.py": "", "docs/conf.py": "",
    "test_cart.py": "", "data/numbers.json": "", "speed/test_cart.py": "", "speed/fakes.py": "",
}  # fmt: skip
SRC = {"src/shop/__init__.py": "", "src/cart.py": "", "tools.py": "", "other/__init__.py": ""}


@pytest.mark.parametrize(
    ("files", "paths", "modules"),
    [
        pytest.param(FLAT, ["."], ["cart", "shop"], id="flat"),
        pytest.param(SRC, ["src"], ["cart", "shop"], id="src"),
        pytest.param({"README": ""}, [], [], id="no-code"),
        pytest.param(
            {"src/lib.rs": "", "shop/__init__.py": ""},
            ["."],
            ["shop"],
            id="src-of-another-language",
        ),
        pytest.param(
            {"shop/cart.py": "", "shop/deep/price.py": "", "speed/test_cart.py": ""},
            ["."],
            ["shop.cart", "shop.deep.price"],
            id="flat-without-init",
        ),
        pytest.param(
            {"src/google/cloud/shop/__init__.py": "", "src/google/cloud/cart.py": ""},
            ["src"],
            ["google.cloud.cart", "google.cloud.shop"],
            id="namespace",
        ),
        pytest.param(
            {"shop.cpython-312-x86_64-linux-gnu.so": ""}, ["."], ["shop"], id="extension-module"
        ),
        pytest.param(
            {
                **SRC,
                "pyproject.toml": '[tool.hatch.build.targets.wheel]\npackages = ["other"]',
            },
            ["."],
            ["other"],
            id="hatchling",
        ),
        pytest.param(
            {
                "lib/shop/__init__.py": "",
                "pyproject.toml": '[tool.setuptools.packages.find]\nwhere = ["lib"]',
            },
            ["lib"],
            ["shop"],
            id="setuptools-find",
        ),
        pytest.param(
            {
                "lib/shop/__init__.py": "",
                "lib/not_ours/__init__.py": "",
                "pyproject.toml": '[tool.setuptools]\npackages = ["shop", "shop.sub"]\n'
                'package-dir = {"" = "lib"}',
            },
            ["lib"],
            ["shop"],
            id="setuptools-listed",
        ),
        pytest.param(
            {
                "lib/shop/__init__.py": "",
                "pyproject.toml": '[tool.poetry]\npackages = [{include = "shop", from = "lib"}]',
            },
            ["lib"],
            ["shop"],
            id="poetry",
        ),
        pytest.param(
            {
                "python/shop/__init__.py": "",
                "pyproject.toml": '[tool.maturin]\npython-source = "python"',
            },
            ["python"],
            ["shop"],
            id="maturin",
        ),
        pytest.param(
            {
                "lib/shop/__init__.py": "",
                "setup.cfg": "[options]\npackage_dir =\n    = lib\npackages = find:\n",
            },
            ["lib"],
            ["shop"],
            id="setup.cfg",
        ),
        pytest.param(
            {
                "lib/shop/__init__.py": "",
                "setup.py": "from setuptools import *\n"
                "setup(package_dir={'': 'lib'}, packages=find_packages('lib'))",
            },
            ["lib"],
            ["shop"],
            id="setup.py",
        ),
        pytest.param(
            {**FLAT, "setup.py": "setup(", "pyproject.toml": "[", "setup.cfg": "nonsense"},
            ["."],
            ["cart", "shop"],
            id="malformed-metadata",
        ),
    ],
)
def test_the_code_of_a_project_is_found(
    tmp_path: Path, files: dict[str, str], paths: list[str], modules: list[str]
) -> None:
    layout = source_layout(make(tmp_path, files))
    assert [os.path.relpath(path, tmp_path) for path in layout.paths] == paths
    assert list(layout.modules) == modules
    assert all(file.exists() for file in layout.files)


SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
PROJECT = '[project]\nname = "shop"\nversion = "1"\n'


def is_installed(tool: str) -> bool:
    """Say whether a tool is here; setuptools in a version that needs no other package."""
    try:
        major = int(importlib.metadata.version(tool).split(".")[0])
    except importlib.metadata.PackageNotFoundError:
        return False
    return tool != "setuptools" or major > 70


@pytest.mark.parametrize(
    ("pyproject", "package", "needs", "trace"),
    [
        pytest.param(
            SETUPTOOLS + PROJECT + '[tool.setuptools]\npackages = ["shop"]\n',
            "shop",
            ["setuptools"],
            "__editable___shop_1_finder.py",
            id="setuptools-finder",
        ),
        pytest.param(
            SETUPTOOLS + PROJECT,
            "src/shop",
            ["setuptools"],
            "__editable__.shop-1.pth",
            id="setuptools-path",
        ),
        pytest.param(
            HATCHLING + PROJECT,
            "src/shop",
            ["hatchling", "editables"],
            "_editable_impl_shop.pth",
            id="hatchling-path",
        ),
        pytest.param(
            HATCHLING + PROJECT + "[tool.hatch.build.targets.wheel]\ndev-mode-exact = true\n",
            "src/shop",
            ["hatchling", "editables"],
            "_editable_impl_shop.py",
            id="hatchling-hook",
        ),
    ],
)  # fmt: skip
def test_a_tree_first_on_the_path_wins_over_an_editable_install(
    tmp_path: Path, pyproject: str, package: str, needs: list[str], trace: str
) -> None:
    for tool in ("pip", *needs):
        if not is_installed(tool):
            pytest.skip(f"{tool} is not installed, or too old")
    files = {"pyproject.toml": pyproject, f"{package}/__init__.py": ""}
    candidate = make(tmp_path / "candidate", files)
    reference = tmp_path / "reference"
    shutil.copytree(candidate, reference)
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv/bin/python"
    # The tools of this environment, for the build; and editables' hook needs its package later,
    # so the name of this file has to come first.
    (next((tmp_path / "venv").rglob("site-packages")) / "0.pth").write_text("\n".join(sys.path[1:]))
    subprocess.run(
        [
            sys.executable, "-m", "pip", f"--python={python}", "--quiet", "install", "--no-index",
            "--no-deps", "--no-build-isolation", "--editable", str(candidate),
        ],
        env=ENVIRON,
        check=True, capture_output=True,
    )  # fmt: skip
    assert list((tmp_path / "venv").rglob(trace)), "the install is not of the kind to be tried"

    def imported_from(paths: tuple[Path, ...]) -> Path:
        done = subprocess.run(
            [python, "-P", "-c", "import shop; print(shop.__file__)"],
            env={**ENVIRON, "PYTHONPATH": os.pathsep.join(map(str, paths))},
            cwd=tmp_path, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return Path(done.stdout.strip())

    assert imported_from(()).is_relative_to(candidate)
    assert imported_from(source_layout(reference).paths).is_relative_to(reference)
