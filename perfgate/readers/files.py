"""Result files of any supported format: told apart by what is in them, never by their names."""

import contextlib
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from perfgate.model import Results
from perfgate.readers.document import decode, fault, read_document
from perfgate.readers.load import read_load_run
from perfgate.readers.monitor import read_monitor_report
from perfgate.readers.perfgate import read_perfgate_report, read_perfgate_results
from perfgate.readers.pyperf import read_pyperf
from perfgate.readers.pytest_benchmark import read_pytest_benchmark

__all__ = ["read_results"]

_Reader = Callable[[Path, bytes], Results]

_FORMATS: Final[tuple[tuple[tuple[str, str], _Reader], ...]] = (
    (("results", "judgements"), read_perfgate_report),
    (("demand", "total"), read_load_run),
    (("benchmarks", "environment"), read_perfgate_results),
    (("operations", "alerts"), read_monitor_report),
    (("benchmarks", "machine_info"), read_pytest_benchmark),
    (("benchmarks", "commit_info"), read_pytest_benchmark),
    (("benchmarks", "metadata"), read_pyperf),
)
"""Keys that only one format has side by side."""

_SUPPORTED: Final = (
    "is not a result file that perfgate knows; it reads pytest-benchmark's JSON "
    "(--benchmark-json, 2.5 or newer), pyperf's JSON (-o), and its own results, loads and reports "
    "(of runs and of monitors)"
)


class _Keys(msgspec.Struct, frozen=True):
    """The keys that tell one format from another."""

    benchmarks: Raw | UnsetType = UNSET
    machine_info: Raw | UnsetType = UNSET
    commit_info: Raw | UnsetType = UNSET
    environment: Raw | UnsetType = UNSET
    results: Raw | UnsetType = UNSET
    judgements: Raw | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET
    operations: Raw | UnsetType = UNSET
    alerts: Raw | UnsetType = UNSET
    demand: Raw | UnsetType = UNSET
    total: Raw | UnsetType = UNSET


def read_results(path: Path) -> Results:
    """Read a result file of any supported format.

    Raises:
        InputFileError: it cannot be read, is of no known format, or is damaged.
    """
    data = read_document(path)
    if not data.lstrip().startswith(b"{"):
        raise fault(path, "", _SUPPORTED)
    keys = decode(path, data, _Keys)
    for names, read in _FORMATS:
        if all(getattr(keys, name) is not UNSET for name in names):
            with _paused_collector():
                return read(path, data)
    raise fault(path, "", _SUPPORTED)


@contextlib.contextmanager
def _paused_collector() -> Iterator[None]:
    """Keep the cycle collector from walking a growing heap that holds no cycles.

    With 100,000 benchmarks it takes a third of the time of reading.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
