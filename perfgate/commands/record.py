"""``perfgate record``: keep a run of the default branch on the branch that collects runs."""

import datetime as dt
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perfgate.baselines.store import baseline_from
from perfgate.errors import UndecidedError, UsageError
from perfgate.git import create_bare, open_repository
from perfgate.github.data_branch import Appended, Patience, append_lines, authorised
from perfgate.history.runs import PairedEffect, RecordedTime, RunRecord, encode_run, run_path
from perfgate.model import Benchmark, Judgement, ReferenceKind, Report

__all__ = ["Destination", "check_event", "find_destination", "record", "record_of"]

_PAIRED = frozenset({ReferenceKind.APPROVED, ReferenceKind.MERGE_BASE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where runs are collected."""

    origin: str
    branch: str
    environ: Mapping[str, str]
    """With the token, where there is one."""


def record(
    reports: Sequence[tuple[str, Report]],
    destination: Destination,
    *,
    recorded: dt.datetime,
    run: str = "",
    patience: Patience,
) -> Appended:
    """Append one line per report to the branch, in one commit; each report with its file's name.

    Raises:
        UsageError: a report is not of the default branch, of no commit, or of many environments.
        UndecidedError: a report has no number to keep.
        DataBranchError: the branch cannot be written.
    """
    additions: dict[str, list[bytes]] = {}
    for source, report in reports:
        kept = record_of(report, source, recorded=recorded, run=run)
        additions.setdefault(run_path(kept), []).append(encode_run(kept))
    commits = ", ".join(dict.fromkeys(r.results.revision.commit[:10] for _, r in reports))
    with tempfile.TemporaryDirectory(prefix="perfgate-") as folder:
        repository = create_bare(Path(folder), destination.origin, destination.environ)
        message = f"Record {commits}\n"
        return append_lines(
            repository, destination.branch, additions, message=message, patience=patience
        )


def record_of(report: Report, source: str, *, recorded: dt.datetime, run: str) -> RunRecord:
    """Reduce a report to what trends and change points need."""
    revision = report.results.revision
    if not report.is_default_branch:
        raise UsageError(f"{source}: is not of the default branch, and only that is recorded")
    if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", revision.commit) is None:
        raise UsageError(f"{source}: names no commit that was measured")
    if report.results.is_mixed:
        raise UsageError(f"{source}: is of many environments: record the reports it was made of")
    judgements = {(one.suite, one.benchmark): one for one in report.judgements}
    benchmarks: dict[str, dict[str, RecordedTime]] = {}
    for benchmark in report.results.benchmarks:
        judgement = judgements.get((benchmark.suite, benchmark.id))
        if benchmark.runs and judgement is not None:
            times = benchmarks.setdefault(benchmark.suite, {})
            times[benchmark.id] = _time(benchmark, judgement)
    if not benchmarks:
        raise UndecidedError(f"{source}: has no number to record")
    return RunRecord(
        recorded=recorded.replace(microsecond=0),
        revision=revision,
        environment=report.results.environment,
        run=run,
        title=report.title,
        benchmarks=benchmarks,
    )


def _time(benchmark: Benchmark, judgement: Judgement) -> RecordedTime:
    kept = baseline_from(benchmark, "", "")
    return RecordedTime(
        low_s=kept.low_s,
        median_s=kept.median_s,
        spread=kept.spread,
        processes=kept.processes,
        verdict=judgement.verdict,
        pair=_pair(judgement),
    )


def _pair(judgement: Judgement) -> PairedEffect | None:
    for found in judgement.comparisons:
        if found.reference in _PAIRED and found.commit:
            ends = [None if end is None else round(end, 5) for end in (found.low, found.high)]
            return PairedEffect(
                commit=found.commit[:12],
                log_ratio=round(found.log_ratio, 5),
                low=ends[0],
                high=ends[1],
            )
    return None


# --- where to, and whether at all --------------------------------------------------------------


def check_event(
    environ: Mapping[str, str], event: Mapping[str, Any] | None, reports: Sequence[Report]
) -> None:
    """Refuse to record anything but what a push to the default branch measured, in a workflow.

    Raises:
        UsageError: the event is another one, or a report is of another commit.
    """
    if event is None:
        return
    name = environ.get("GITHUB_EVENT_NAME", "")
    known = event.get("repository")
    repository: Mapping[str, Any] = known if isinstance(known, dict) else {}
    if name != "push" or repository.get("full_name") != environ.get("GITHUB_REPOSITORY"):
        raise UsageError(f"only a push to the default branch is recorded, and this is {name!r}")
    ref = environ.get("GITHUB_REF", "")
    if ref != f"refs/heads/{repository.get('default_branch')}":
        raise UsageError(f"only a push to the default branch is recorded, and this is of {ref}")
    commit = environ.get("GITHUB_SHA", "")
    for report in reports:
        measured = report.results.revision.commit
        if measured != commit:
            raise UsageError(f"the report is of {measured[:10]}, and the push of {commit[:10]}")


def find_destination(
    environ: Mapping[str, str], folder: Path, *, remote: str | None, branch: str
) -> Destination:
    """Say where runs are collected: the given remote, that of the workflow, or that of the clone.

    Raises:
        UsageError: there is none, or the branch cannot be the name of one.
    """
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*", branch, re.ASCII) is None:
        raise UsageError(f"--branch {branch}: cannot be the name of a branch")
    server, name = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
    token = environ.get("GITHUB_TOKEN", "")
    if remote is None and environ.get("GITHUB_ACTIONS") == "true" and server and name:
        remote = f"{server.rstrip('/')}/{name}"
        if not token:
            raise UsageError("GITHUB_TOKEN is not set: give the step one with `contents: write`")
        environ = authorised(environ, server_url=server, token=token)
    if remote is None:
        clone = open_repository(folder, environ)
        name = (clone.remote() if clone is not None else None) or ""
        remote = clone.line("remote", "get-url", "--", name) if clone is not None else None
        folder = clone.top_level if clone is not None else folder
    if not remote:
        raise UsageError("no remote is known here: name one with --remote")
    path = folder / remote
    origin = str(path.resolve()) if path.is_dir() else remote  # seen from elsewhere, too
    return Destination(origin=origin, branch=branch, environ=environ)
