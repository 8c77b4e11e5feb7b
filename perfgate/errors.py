"""The expected failures of perfgate; anything else is a bug and rises as a traceback.

Each class takes facts and builds its own message of one line: what, where, what to do next.
"""

from collections.abc import Sequence
from pathlib import Path

__all__ = [
    "BaselineError",
    "ConfigError",
    "DataBranchError",
    "GitHubError",
    "InputFileError",
    "MeasurementError",
    "MissingPermissionError",
    "NothingToDoError",
    "PerfgateError",
    "ReadOnlyError",
    "ReferenceTreeError",
    "UndecidedError",
    "UsageError",
]


class PerfgateError(Exception):
    """An expected failure, shown as one line without a traceback."""

    exit_status = 2


class UsageError(PerfgateError):
    """The command line asks for something that cannot be done."""


class ConfigError(PerfgateError):
    """A setting is unknown, malformed or contradicts another one."""

    def __init__(self, file: Path | str, place: str, problem: str) -> None:
        self.file = file
        self.place = place
        self.problem = problem
        super().__init__(f"{file}: {place}: {problem}" if place else f"{file}: {problem}")


class DataBranchError(PerfgateError):
    """The branch that collects runs cannot be read or written."""

    def __init__(self, branch: str, problem: str) -> None:
        self.branch = branch
        self.problem = problem
        super().__init__(f"branch {branch}: {problem}")


class InputFileError(PerfgateError):
    """A result file cannot be read: names the file and the place in it.

    ``place`` is a path into the document such as ``benchmarks[3].stats.mean``; empty for the whole.
    """

    def __init__(self, file: Path | str, place: str, problem: str) -> None:
        self.file = file
        self.place = place
        self.problem = problem
        super().__init__(f"{file}: {place}: {problem}" if place else f"{file}: {problem}")


class BaselineError(PerfgateError):
    """A baseline cannot be read or must not be written."""

    def __init__(self, file: Path | str, place: str, problem: str) -> None:
        self.file = file
        self.place = place
        self.problem = problem
        super().__init__(f"{file}: {place}: {problem}" if place else f"{file}: {problem}")


class MeasurementError(PerfgateError):
    """Measuring as a whole could not be done (refused, or the suite could not start)."""

    def __init__(self, subject: str, problem: str, details: Sequence[str] = ()) -> None:
        self.subject = subject
        self.problem = problem
        self.details = tuple(details)
        super().__init__("\n".join((f"{subject}: {problem}", *details)))


class ReferenceTreeError(PerfgateError):
    """The code to compare with cannot be had: names the revision and what would help."""

    exit_status = 3

    def __init__(self, revision: str, problem: str) -> None:
        self.revision = revision
        self.problem = problem
        super().__init__(f"{revision}: {problem}")


class UndecidedError(PerfgateError):
    """Nothing could be judged: no suites, nothing measured, no baseline at all."""

    exit_status = 3


class GitHubError(PerfgateError):
    """GitHub did not do what was asked, for a reason that lies with it or the way to it.

    ``status`` is that of its answer; None where there was none.
    """

    exit_status = 3

    def __init__(self, request: str, problem: str, status: int | None = None) -> None:
        self.request = request
        self.problem = problem
        self.status = status
        super().__init__(f"GitHub: {request}: {problem}")


class MissingPermissionError(GitHubError):
    """The token may not do what was asked: names the permission that would let it."""

    def __init__(self, request: str, problem: str, permission: str) -> None:
        self.permission = permission
        super().__init__(request, f"{problem} (needs the permission {permission})", 403)


class ReadOnlyError(GitHubError):
    """A conversation that was locked or a repository that was archived: nobody may write there."""


class NothingToDoError(PerfgateError):
    """There is rightly nothing to do: the reason is worth a notice, and no failure."""

    exit_status = 0
