"""What a process under callgrind takes until its suite is collected."""

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil

from benchmarks.counts.accuracy import Subject
from perfgate.measure.bytecode import kept_bytecode
from perfgate.measure.counters import HASH_SEEDS
from perfgate.measure.instruments import Callgrind, find_valgrind
from perfgate.measure.sources import source_layout
from perfgate.measure.worker import Worker, WorkerSettings

__all__ = ["starts_s"]

_TIMEOUT_S = 120.0


def starts_s(subject: Subject, environ: Mapping[str, str], times: int) -> list[float]:
    """Return the CPU seconds of so many starts; what the first one compiles, the others load."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="starts-")))
        kept = stack.enter_context(kept_bytecode(environ, folder))
        return [_start_s(subject, kept, folder) for _ in range(1 + times)][1:]


def _start_s(subject: Subject, environ: Mapping[str, str], folder: Path) -> float:
    valgrind = find_valgrind(environ)
    if valgrind is None:
        raise SystemExit("valgrind is not installed")
    settings = WorkerSettings(
        python=subject.python,
        root=subject.root,
        source_paths=source_layout(subject.root).paths,
        files=subject.files,
        environ=environ,
        hash_seed=HASH_SEEDS[0],
        is_lockstep=True,
    )
    with Worker(Callgrind(valgrind).attached(settings, folder / "callgrind")) as worker:
        worker.configure()
        worker.collect(_TIMEOUT_S)
        used = psutil.Process(worker.pid).cpu_times()
    return used.user + used.system
