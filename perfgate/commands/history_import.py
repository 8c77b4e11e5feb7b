"""``perfgate history import``: the past that another tool kept, as runs on the data branch."""

import datetime as dt
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from perfgate.baselines.store import baseline_from
from perfgate.commands.record import Destination
from perfgate.errors import InputFileError, UndecidedError, UsageError
from perfgate.git import create_bare
from perfgate.github.data_branch import Patience, append_lines
from perfgate.history.runs import RecordedTime, RunRecord, encode_run, run_path
from perfgate.model import Results, Verdict, suite_name
from perfgate.readers.asv import is_asv, read_asv, read_asv_date
from perfgate.readers.document import read_document
from perfgate.readers.github_action_benchmark import is_data_js, read_data_js_past

__all__ = ["Imported", "import_past", "read_past"]

_UNKNOWN: Final = "unknown"
_NO_RESULTS: Final = frozenset({"benchmarks.json", "machine.json"})
"""What asv keeps beside its results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What another tool knew."""

    runs: tuple[RunRecord, ...]
    """The oldest first."""
    left_out: int
    """Points without a commit, a date, or a time."""


def read_past(sources: Sequence[Path]) -> Imported:
    """Read ``data.js`` of github-action-benchmark, and files or folders of asv's results.

    What was never judged is recorded as undecided, and a machine that a file does not name as
    unknown: such runs are a series of their own.

    Raises:
        InputFileError: a file is of neither tool, or damaged.
        UsageError: a folder holds no result.
    """
    points = [point for source in sources for point in _points(source)]
    runs = [run for title, seconds, found in points if (run := _run(title, seconds, found))]
    ordered = sorted(runs, key=lambda run: run.recorded)
    return Imported(runs=tuple(ordered), left_out=len(points) - len(runs))


def import_past(past: Imported, destination: Destination, *, patience: Patience) -> str:
    """Append the runs to the data branch in one commit; give its tip. Twice does no harm.

    Raises:
        UndecidedError: there is nothing to append.
        DataBranchError: the branch cannot be written.
    """
    if not past.runs:
        raise UndecidedError(f"nothing to import: {past.left_out} points, none with a time")
    additions: dict[str, list[bytes]] = {}
    for run in past.runs:
        additions.setdefault(run_path(run), []).append(encode_run(run))
    with tempfile.TemporaryDirectory(prefix="perfgate-") as folder:
        repository = create_bare(Path(folder), destination.origin, destination.environ)
        message = f"Import {len(past.runs)} runs\n"
        return append_lines(
            repository, destination.branch, additions, message=message, patience=patience
        ).commit


_Point = tuple[str, float, Results | None]


def _points(source: Path) -> Iterator[_Point]:
    if not source.is_dir():
        yield from _points_of_file(source)
        return
    files = [path for path in sorted(source.rglob("*.json")) if path.name not in _NO_RESULTS]
    if not files:
        raise UsageError(f"{source}: holds no result of asv")
    for path in files:
        yield from _points_of_file(path)


def _points_of_file(path: Path) -> Iterator[_Point]:
    data = read_document(path)
    if is_data_js(data):
        yield from read_data_js_past(path, data)
    elif is_asv(data):
        yield "", read_asv_date(path, data), read_asv(path, data)
    else:
        raise InputFileError(path, "", "is neither data.js nor a result of asv")


def _run(title: str, seconds: float, results: Results | None) -> RunRecord | None:
    if results is None or not results.revision.commit or not seconds:
        return None
    stated = results.environment
    environment = msgspec.structs.replace(
        stated,
        system=stated.system or _UNKNOWN,
        machine=stated.machine or _UNKNOWN,
        python=stated.python or _UNKNOWN,
    )
    benchmarks: dict[str, dict[str, RecordedTime]] = {}
    for benchmark in results.benchmarks:
        if not benchmark.runs:
            continue
        kept = baseline_from(benchmark, "", "")
        path, _, rest = benchmark.id.partition("::")
        suite = suite_name(path) if rest else benchmark.suite
        benchmarks.setdefault(suite, {})[benchmark.id] = RecordedTime(
            low_s=kept.low_s,
            median_s=kept.median_s,
            spread=kept.spread,
            processes=kept.processes,
            verdict=Verdict.UNDECIDED,
        )
    if not benchmarks:
        return None
    return RunRecord(
        recorded=dt.datetime.fromtimestamp(seconds, tz=dt.UTC),
        revision=results.revision,
        environment=environment,
        title=title,
        benchmarks=benchmarks,
    )
