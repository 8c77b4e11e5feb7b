"""What the command line prints and writes: messages, reports, files."""

import os
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from perfgate.errors import PerfgateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from perfgate.model import Report, Results

__all__ = [
    "REPORT",
    "encoded",
    "failure_status",
    "print_report",
    "print_text",
    "read_report",
    "save",
    "say",
    "say_error",
    "summarise",
    "terminal_width",
    "write",
]

REPORT = ".perfgate/report.json"
_MARKDOWN = ".perfgate/report.md"


def say(text: str) -> None:
    """Print a line for people, beside whatever stdout carries."""
    print(text, file=sys.stderr)


def say_error(error: PerfgateError) -> None:
    """Say what is wrong in one line; what a suite itself printed follows, marked as such."""
    from perfgate.report.text import visible

    first, *details = str(error).splitlines() or [""]
    say(f"perfgate: {visible(first)}")
    for line in details:
        say(f"  | {visible(line)}")


def write(target: str, data: bytes) -> None:
    """Write a file as a whole, or to standard output for "-".

    Raises:
        UsageError: it cannot be written.
    """
    from perfgate.files import write_file

    if target == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        write_file(Path(target), data)


def print_report(
    report: "Report", *, color: bool, target: str | None = None, verbose: bool = False
) -> None:
    """Print a report, unless it went to standard output as a document already."""
    if target != "-":
        print_text(_table(report, color=color, verbose=verbose))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _show_in_actions(report, is_stdout_taken=target == "-")


def print_text(text: str) -> None:
    """Print text with words of others in it: in a job of GitHub Actions none becomes a command."""
    is_in_actions = os.environ.get("GITHUB_ACTIONS") == "true"
    print(_guarded(text) if is_in_actions else text, end="")


def _table(report: "Report", *, color: bool, verbose: bool) -> str:
    from perfgate.report.terminal import render_terminal

    return render_terminal(report, width=terminal_width(), color=color, verbose=verbose)


def terminal_width() -> int:
    """Return how many columns text may take."""
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def _guarded(text: str) -> str:
    import secrets

    from perfgate.github.actions import without_commands

    return without_commands(text, secrets.token_hex(16))


def _show_in_actions(report: "Report", *, is_stdout_taken: bool) -> None:
    """Write annotations (the runner reads both streams) and the job summary."""
    from perfgate.commands.actions import annotation_lines, append_summary

    for line in annotation_lines(report, folder=_project_folder()):
        print(line, file=sys.stderr if is_stdout_taken else sys.stdout)
    summarise(lambda path: append_summary(report, path))


def summarise(append: "Callable[[Path], None]") -> None:
    """Append to the summary of a job of GitHub Actions, if this is one."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if os.environ.get("GITHUB_ACTIONS") != "true" or not summary:
        return
    try:
        append(Path(summary))
    except OSError as error:  # the verdict stands without it
        say(f"perfgate: {summary}: the job summary cannot be written: {error.strerror}")


def _project_folder() -> PurePosixPath:
    """Return the way from the top of the workflow's checkout to the project."""
    from perfgate.config import find_root

    workspace = os.environ.get("GITHUB_WORKSPACE", "")
    root = find_root(Path.cwd())
    if not workspace or not root.is_relative_to(Path(workspace).resolve()):
        return PurePosixPath()
    return PurePosixPath(root.relative_to(Path(workspace).resolve()).as_posix())


def encoded(report: "Report") -> bytes:
    """Return a report as the document that other commands read."""
    from perfgate.report.document import encode_report

    return encode_report(report)


def save(report: "Report", target: str, root: Path) -> None:
    """Write the report of a check; at its usual place the Markdown lies beside it."""
    from perfgate.report.markdown import render_markdown

    if target != REPORT:
        write(target, encoded(report))
        return
    write(str(root / REPORT), encoded(report))
    write(str(root / _MARKDOWN), render_markdown(report).encode())


def read_report(path: Path) -> "Report":
    """Read a report; errors name the file and the place."""
    from perfgate.readers.document import read_document
    from perfgate.report.document import decode_report

    return decode_report(read_document(path), str(path))


def failure_status(results: "Results") -> int:
    """Say which benchmarks failed; return the exit status that follows."""
    from perfgate.model import FailureKind
    from perfgate.report.text import visible

    kinds = []
    for benchmark in results.benchmarks:
        if benchmark.failure is not None:
            kinds.append(benchmark.failure.kind)
            first, *details = benchmark.failure.message.splitlines() or [""]
            place = f"{benchmark.failure.kind.value}: {visible(benchmark.id)}"
            say(f"{place}: {visible(first)}" if first else place)
            for line in details:
                say(f"  | {visible(line)}")
    if any(kind is not FailureKind.SKIPPED for kind in kinds):
        return 1
    if len(kinds) == len(results.benchmarks):
        say("perfgate: nothing was measured: every benchmark was skipped")
        return 3
    return 0
