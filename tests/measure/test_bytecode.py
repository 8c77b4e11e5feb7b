import subprocess
import sys
from pathlib import Path

import pytest

from perfgate.measure.bytecode import kept_bytecode


def import_module(environ: dict[str, str], folder: Path) -> str:
    (folder / "slow.py").write_text("value = 1\n")
    code = "import slow; print(slow.__cached__)"
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environ | {"PYTHONPATH": str(folder)},
        cwd=folder,
        check=True,
        text=True,
        capture_output=True,
    ).stdout.strip()


def test_processes_find_what_an_earlier_one_compiled_until_the_run_ends(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with kept_bytecode({"PYTHONDONTWRITEBYTECODE": "1"}, cache) as environ:
        compiled = Path(import_module(dict(environ), tmp_path))
        assert compiled.is_relative_to(cache)
        assert compiled.exists()
    assert not list((cache / "bytecode").iterdir())


def test_the_project_gets_no_bytecode_where_the_user_wants_none(tmp_path: Path) -> None:
    with kept_bytecode({"PYTHONDONTWRITEBYTECODE": "1"}, tmp_path / "cache") as environ:
        import_module(dict(environ), tmp_path)
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize("environ", [{}, {"PYTHONDONTWRITEBYTECODE": ""}, {"HOME": "/root"}])
def test_an_environment_that_writes_bytecode_by_itself_stays(
    environ: dict[str, str], tmp_path: Path
) -> None:
    with kept_bytecode(environ, tmp_path / "cache") as kept:
        assert kept == environ
    assert not (tmp_path / "cache").exists()
