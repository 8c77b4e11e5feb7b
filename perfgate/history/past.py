"""What is known of the past as one value: series, what changed in them, approvals, warnings."""

import msgspec

from perfgate.history.approvals import Approval
from perfgate.model import Environment
from perfgate.stats.changepoint import ChangeKind

__all__ = ["HISTORY_VERSION", "History", "PastCommit", "PastRun", "Series", "Shift"]

HISTORY_VERSION = 1


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    pass


class PastCommit(_Value, frozen=True, kw_only=True):
    """A commit that was measured or approved numbers; texts are from outside."""

    id: str
    committed: int
    """Seconds since 1970; 0 where it is not known."""
    author: str = ""
    subject: str = ""


class PastRun(_Value, frozen=True, kw_only=True):
    """A recorded run."""

    commit: str
    recorded: float
    """Seconds since 1970."""
    environment: Environment
    title: str
    name: str


class Shift(_Value, frozen=True, kw_only=True):
    """A series came to another level."""

    kind: ChangeKind
    last_good: str
    """Last commit measured before."""
    first_changed: str
    """First commit measured on the new level."""
    commits: int
    """How many commits could have done it, from the one after ``last_good``; 0: unknown."""
    before_s: float
    after_s: float
    log_ratio: float
    superiority: float
    """Cliff's delta of the nearest runs: 1 when none overlap."""
    at: int
    """Place in the series of the first run on the new level."""
    moved_together: int
    """Benchmarks that moved with it, when they were most of those of the run; else 0."""
    left: float
    """ln(level now / before): what is left of it."""
    environment_change: str
    """What else became different between the two runs: Python, kernel, governor."""


class Series(_Value, frozen=True, kw_only=True):
    """One benchmark on one kind of machine."""

    suite: str
    benchmark: str
    environment: str
    """Its key."""
    cpu: str
    title: str
    runs: tuple[int, ...]
    """Places in ``History.runs``, the oldest first."""
    low_s: tuple[float, ...]
    """As measured."""
    shifts: tuple[Shift, ...]
    spikes: tuple[int, ...]
    """Places in the series."""
    drift: float | None
    is_bimodal: bool
    noise: float
    """Standard deviation of ln(time) between runs, without what passes through whole runs."""


class History(_Value, frozen=True, kw_only=True):
    """Everything that a terminal or a page shows."""

    version: int = HISTORY_VERSION
    tip: str
    """The commit whose past this is; empty without a repository."""
    commits: dict[str, PastCommit]
    """Those that runs, shifts and approvals name."""
    runs: tuple[PastRun, ...]
    series: tuple[Series, ...]
    approvals: tuple[Approval, ...]
    renames: dict[str, str]
    warnings: tuple[str, ...]
