"""perfgate's own results: written in one way only, read strictly, alone or inside a report."""

from pathlib import Path
from typing import Final

import msgspec

from perfgate.model import RESULTS_VERSION, Report, Results
from perfgate.readers.document import check_keys, decode, fault

__all__ = ["check_version", "encode_results", "read_perfgate_report", "read_perfgate_results"]

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_NO_BENCHMARKS: Final = b'"benchmarks":[]'


class _Versioned(msgspec.Struct, frozen=True):
    version: int


def encode_results(results: Results) -> bytes:
    """Encode results as JSON, one benchmark a line; equal results give equal bytes."""
    frame = _ENCODER.encode(msgspec.structs.replace(results, benchmarks=()))
    # never inside a text: there a quotation mark follows a backslash
    head, _, tail = frame.partition(_NO_BENCHMARKS)
    lines = b",\n".join(map(_ENCODER.encode, results.benchmarks))
    return b'%b"benchmarks":[\n%b\n]%b\n' % (head, lines, tail)


def read_perfgate_results(path: Path, data: bytes) -> Results:
    """Read what ``perfgate run`` wrote.

    Raises:
        InputFileError: it is damaged, of another version, holds no benchmark, or one of them twice.
    """
    check_version(path, data, RESULTS_VERSION)
    results = decode(path, data, Results)
    if data != encode_results(results):  # as we wrote it, it has no key twice
        check_keys(path, data)
    _check_benchmarks(path, results, "benchmarks")
    return results


def read_perfgate_report(path: Path, data: bytes) -> Results:
    """Read the results inside a report (``.perfgate/report.json``).

    Raises:
        InputFileError: it is damaged, of another version, holds no benchmark, or one of them twice.
    """
    check_version(path, data, RESULTS_VERSION)
    report = decode(path, data, Report)
    check_keys(path, data)
    _check_benchmarks(path, report.results, "results.benchmarks")
    return report.results


def check_version(path: Path, data: bytes, known: int) -> None:
    """Refuse a file of perfgate's own that another version of it wrote.

    Raises:
        InputFileError: it has another version, or none.
    """
    version = decode(path, data, _Versioned).version
    if version != known:
        raise fault(
            path,
            "version",
            f"is {version}, and this perfgate reads {known}: take the same on both sides",
        )


def _check_benchmarks(path: Path, results: Results, place: str) -> None:
    if not results.benchmarks:
        raise fault(path, place, "is empty: nothing was measured")
    seen: dict[str, int] = {}
    for index, benchmark in enumerate(results.benchmarks):
        first = seen.setdefault(benchmark.id, index)
        if first != index:
            raise fault(
                path, f"{place}[{index}].id", f"{benchmark.id} is already in {place}[{first}]"
            )
