"""Result files of any supported format: told apart by what is in them, never by their names."""

import contextlib
import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Raw

from perfgate.model import Environment, Results
from perfgate.readers.asv import is_asv, read_asv
from perfgate.readers.document import decode, fault, read_document
from perfgate.readers.github_action_benchmark import is_data_js, read_custom, read_data_js
from perfgate.readers.gobench import is_gobench, read_gobench
from perfgate.readers.google_benchmark import read_google_benchmark
from perfgate.readers.hyperfine import read_hyperfine
from perfgate.readers.k6 import read_k6, read_k6_machine_readable
from perfgate.readers.load import LOAD_KEYS, read_load_run
from perfgate.readers.locust import is_locust_csv, read_locust, read_locust_csv
from perfgate.readers.monitor import MONITOR_KEYS, read_monitor_report
from perfgate.readers.oha import read_oha
from perfgate.readers.perfgate import read_perfgate_report, read_perfgate_results
from perfgate.readers.pyperf import read_pyperf
from perfgate.readers.pytest_benchmark import read_pytest_benchmark
from perfgate.readers.vegeta import read_vegeta
from perfgate.readers.wrk import is_histogram, is_wrk, read_histogram, read_wrk

__all__ = ["read_results"]

_Reader = Callable[[Path, bytes], Results]

_OBJECTS: Final[tuple[tuple[tuple[str, ...], _Reader], ...]] = (
    (("results", "judgements"), read_perfgate_report),
    (LOAD_KEYS, read_load_run),
    (("benchmarks", "environment"), read_perfgate_results),
    (MONITOR_KEYS, read_monitor_report),
    (("benchmarks", "machine_info"), read_pytest_benchmark),
    (("benchmarks", "commit_info"), read_pytest_benchmark),
    (("benchmarks", "metadata"), read_pyperf),
    (("benchmarks", "context"), read_google_benchmark),
    (("results", "config", "metadata"), read_k6_machine_readable),
    (("metrics", "root_group"), read_k6),
    (("latencies", "status_codes"), read_vegeta),
    (("summary", "latencyPercentiles"), read_oha),
    (("results",), read_hyperfine),
)
"""Keys that only one format has side by side; the first that fits, so the fewest come last."""

_LISTS: Final[tuple[tuple[tuple[str, ...], _Reader], ...]] = (
    (("num_requests", "response_times"), read_locust),
    (("name", "unit", "value"), read_custom),
)
"""Keys of what the list holds."""

_TEXTS: Final[tuple[tuple[Callable[[bytes], bool], _Reader], ...]] = (
    (is_asv, read_asv),
    (is_data_js, read_data_js),
    (is_wrk, read_wrk),
    (is_histogram, read_histogram),
    (is_locust_csv, read_locust_csv),
    (is_gobench, read_gobench),
)
"""What is no JSON, or not quite; Go's lines may stand anywhere in a log, so they come last."""

_SUPPORTED: Final = (
    "is not a result file that perfgate knows: its own results, loads and "
    "reports (of runs and of monitors), JSON of "
    "pytest-benchmark (2.5 or newer), pyperf, asv, hyperfine, Google Benchmark, Locust, k6, "
    "vegeta, oha or github-action-benchmark, or the text of go test -bench, wrk or wrk2"
)


def read_results(path: Path, here: Environment | None = None) -> Results:
    """Read a result file of any supported format.

    Args:
        path: The file.
        here: Where it was measured, for what the file itself does not say.

    Raises:
        InputFileError: it cannot be read, is of no known format, or is damaged.
    """
    data = read_document(path)
    read = _reader(path, data)
    if read is None:
        raise fault(path, "", _SUPPORTED)
    with _paused_collector():
        results = read(path, data)
    return results if here is None else _placed(results, here)


def _placed(results: Results, here: Environment) -> Results:
    """Say where results were measured that do not name a CPU; nothing they name is changed."""
    stated = results.environment
    if stated.cpu_model:
        return results
    environment = msgspec.structs.replace(
        stated,
        system=stated.system or here.system,
        machine=stated.machine or here.machine,
        cpu_model=here.cpu_model,
        cpu_count=stated.cpu_count or here.cpu_count,
        kernel=stated.kernel or here.kernel,
    )
    return msgspec.structs.replace(results, environment=environment)


def _reader(path: Path, data: bytes) -> _Reader | None:
    start = data.lstrip()[:1]
    if start == b"{" and not is_asv(data):
        return _by_keys(decode(path, data, dict[str, Raw]), _OBJECTS)
    if start == b"[":
        first = next(iter(decode(path, data, list[Raw])), b"")
        if not bytes(first).startswith(b"{"):
            return None
        return _by_keys(decode(path, first, dict[str, Raw], "[0]"), _LISTS)
    return next((read for is_one, read in _TEXTS if is_one(data)), None)


def _by_keys(
    keys: Collection[str], formats: Sequence[tuple[tuple[str, ...], _Reader]]
) -> _Reader | None:
    fitting = (read for names, read in formats if all(name in keys for name in names))
    return next(fitting, None)


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
