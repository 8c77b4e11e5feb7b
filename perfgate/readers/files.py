"""Result files of any supported format: told apart by what is in them, never by their names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from perfgate.model import Results
from perfgate.readers.document import decode, fault, read_document
from perfgate.readers.perfgate import read_perfgate_report, read_perfgate_results
from perfgate.readers.pyperf import read_pyperf
from perfgate.readers.pytest_benchmark import read_pytest_benchmark

__all__ = ["read_results"]

_Reader = Callable[[Path, bytes], Results]

_SUPPORTED: Final = (
    "is not a result file that perfgate knows; it reads pytest-benchmark's JSON "
    "(--benchmark-json, 2.5 or newer), pyperf's JSON (-o), and its own results and reports"
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
    version: Any = UNSET


def read_results(path: Path) -> Results:
    """Read a result file of any supported format.

    Raises:
        InputFileError: it cannot be read, is of no known format, or is damaged.
    """
    data = read_document(path)
    if not data.lstrip().startswith(b"{"):
        fault(path, "", _SUPPORTED)
    read = _reader(decode(path, data, _Keys))
    if read is None:
        fault(path, "", _SUPPORTED)
    return read(path, data)


def _reader(keys: _Keys) -> _Reader | None:
    if keys.results is not UNSET and keys.judgements is not UNSET:
        return read_perfgate_report
    if keys.benchmarks is not UNSET:
        if keys.environment is not UNSET:
            return read_perfgate_results
        if keys.machine_info is not UNSET or keys.commit_info is not UNSET:
            return read_pytest_benchmark
        if keys.metadata is not UNSET or keys.version == "1.0" or isinstance(keys.version, int):
            return read_pyperf
    return None
