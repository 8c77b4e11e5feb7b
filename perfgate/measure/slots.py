"""Folders in the cache that belong to one process, and go when it is gone.

The name of a folder says who owns it (host, process id, start of that process), so making it and
owning it is one step, and whoever comes later can tell what a killed process left behind.
"""

import contextlib
import hashlib
import os
import platform
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil

__all__ = ["create_slot", "remove_folder", "remove_stale_slots"]

_FOREIGN_AGE_S: Final = 24 * 3600.0
_SAME_START_S: Final = 10.0  # a start time moves with the clock that it was computed from
_NAME: Final = re.compile(r"[^~]*~(?P<host>[^~]+)~(?P<pid>\d+)~(?P<start_s>\d+\.\d+)~[^~]*")


def create_slot(parent: Path, label: str) -> Path:
    """Make a folder of this process's own; two calls never return the same one.

    ``label`` contains no ``~``.
    """
    parent.mkdir(parents=True, exist_ok=True)
    start_s = psutil.Process().create_time()
    return Path(
        tempfile.mkdtemp(prefix=f"{label}~{_host()}~{os.getpid()}~{start_s:.2f}~", dir=parent)
    )


def remove_stale_slots(parent: Path, *, keep: frozenset[str] = frozenset()) -> tuple[Path, ...]:
    """Remove the folders of dead processes but those named in ``keep``; return what went.

    What a living process owns stays. A folder from another host or container that shares the cache
    cannot be asked for its owner, so it stays for a day.
    """
    if not parent.is_dir():
        return ()
    stale = [
        folder
        for folder in sorted(parent.iterdir())
        if folder.name not in keep and _is_stale(folder)
    ]
    for folder in stale:
        remove_folder(folder)
    return tuple(stale)


def remove_folder(folder: Path) -> None:
    """Remove a folder with everything in it, also what is read-only; fine if it is gone already.

    What is in use (an open file on Windows) stays for the next clean-up.
    """
    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=_force)
    else:
        shutil.rmtree(folder, onerror=_force)


def _force(function: Callable[..., Any], path: str, _error: object) -> None:
    """Try once more after making the entry and its folder writable."""
    with contextlib.suppress(OSError):
        Path(path).parent.chmod(stat.S_IRWXU)
    with contextlib.suppress(OSError):
        if not Path(path).is_symlink():
            Path(path).chmod(stat.S_IRWXU)
        if Path(path).is_dir() and not Path(path).is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            function(path)


def _is_stale(folder: Path) -> bool:
    name = _NAME.fullmatch(folder.name)
    if name is None:
        return False  # not ours
    if name["host"] == _host():
        return not _is_running(int(name["pid"]), float(name["start_s"]))
    return _age_s(folder) > _FOREIGN_AGE_S


def _is_running(pid: int, start_s: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - start_s) <= _SAME_START_S
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _age_s(folder: Path) -> float:
    """Age by the file system's own clock, which a shared one does not have in common with ours."""
    with tempfile.NamedTemporaryFile(dir=folder.parent) as now:
        return Path(now.name).stat().st_mtime - folder.stat().st_mtime


def _host() -> str:
    """Name the range in which process ids mean something: host, and container on it."""
    with contextlib.suppress(OSError):
        namespace = Path("/proc/self/ns/pid").readlink()
        return _short_hash(f"{platform.node()} {namespace}")
    return _short_hash(platform.node())


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
