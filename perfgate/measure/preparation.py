"""An environment of its own for a tree that the candidate's interpreter cannot serve.

Two trees share an interpreter unless their dependencies differ or a part of them is compiled. Then
``[tool.perfgate] setup`` is run in a virtual environment that belongs to the tree.
"""

import contextlib
import hashlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from perfgate.errors import ReferenceTreeError
from perfgate.measure.dependencies import compiled_part, dependency_files
from perfgate.measure.slots import create_slot, remove_folder, remove_stale_slots
from perfgate.measure.worktree import Tree

__all__ = ["PreparedEnvironment", "prepare_environment"]

_TAIL_BYTES: Final = 8192
_TAIL_LINES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedEnvironment:
    """A virtual environment that the setup command ran in."""

    python: Path
    is_from_cache: bool


def prepare_environment(
    tree: Tree,
    setup: str,
    *,
    cache_dir: Path,
    python: Path,
    environ: Mapping[str, str],
    timeout_s: float = 1800.0,
) -> PreparedEnvironment:
    """Run the setup command in a virtual environment made for a tree.

    The environment is kept for the next tree with the same dependency files, command and
    interpreter. With compiled parts it belongs to this tree alone, lies beside it and goes with it:
    what was built from one commit must not serve another.

    Raises:
        ReferenceTreeError: the command failed; carries the last lines that it printed.
    """
    if compiled_part(tree.path) is not None:
        environment = tree.checkout.parent / "environment"
        _build(environment, tree, setup, python=python, environ=environ, timeout_s=timeout_s)
        return PreparedEnvironment(python=_python_in(environment), is_from_cache=False)
    parent = cache_dir.resolve() / "environments"
    pointer = parent / f"{_fingerprint(tree, setup, python)}.json"
    remove_stale_slots(parent, keep=_published(parent))
    kept = _read_pointer(pointer)
    if kept is not None and _python_in(parent / kept).exists():
        return PreparedEnvironment(python=_python_in(parent / kept), is_from_cache=True)
    slot = create_slot(parent, pointer.stem)
    try:
        _build(slot, tree, setup, python=python, environ=environ, timeout_s=timeout_s)
    except BaseException:
        remove_folder(slot)
        raise
    # An environment cannot be moved, so what is put in place in one step is its name. Of two runs
    # that build the same one, the later is kept; the other stays until its owner ends.
    with tempfile.NamedTemporaryFile(dir=parent, delete=False) as file:
        file.write(msgspec.json.encode(slot.name))
    Path(file.name).replace(pointer)
    return PreparedEnvironment(python=_python_in(slot), is_from_cache=False)


def _fingerprint(tree: Tree, setup: str, python: Path) -> str:
    digest = hashlib.sha256()
    for part in (setup, str(python), str(python.resolve())):
        digest.update(part.encode() + b"\0")
    for name, file in dependency_files(tree.path):
        digest.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _published(parent: Path) -> frozenset[str]:
    pointers = parent.glob("*.json") if parent.is_dir() else ()
    return frozenset(name for file in pointers if (name := _read_pointer(file)) is not None)


def _read_pointer(pointer: Path) -> str | None:
    try:
        return msgspec.json.decode(pointer.read_bytes(), type=str)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _python_in(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _build(
    environment: Path,
    tree: Tree,
    setup: str,
    *,
    python: Path,
    environ: Mapping[str, str],
    timeout_s: float,
) -> None:
    inner = {
        name: value
        for name, value in environ.items()
        if name not in {"PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__"}
    }
    command = [str(python), "-m", "venv", str(environment)]
    _run(command, "python -m venv", tree, environ=inner, timeout_s=timeout_s)
    binaries = _python_in(environment).parent
    inner["PATH"] = os.pathsep.join((str(binaries), inner.get("PATH", os.defpath)))
    inner["VIRTUAL_ENV"] = inner["UV_PROJECT_ENVIRONMENT"] = str(environment)
    shell = ["cmd", "/d", "/c", setup] if os.name == "nt" else ["sh", "-e", "-c", setup]
    _run(shell, setup, tree, environ=inner, timeout_s=timeout_s)


def _run(
    command: list[str], title: str, tree: Tree, *, environ: Mapping[str, str], timeout_s: float
) -> None:
    """Run a command in a tree; whatever it started ends with it."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=tree.path,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _kill_group(process)
        if status == 0:
            return
        output.seek(max(0, output.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = output.read().decode(errors="replace").strip().splitlines()[-_TAIL_LINES:]
    ended = f"took longer than {timeout_s:.0f} s" if status is None else f"ended with {status}"
    raise ReferenceTreeError(
        tree.commit, "\n".join((f"setup `{title}` {ended} in {tree.path}", *lines))
    )


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
