"""Load on one operation: so many at once, or so many per second, and what became of each."""

from perfgate.load.clock import Clock
from perfgate.load.engine import run_async
from perfgate.load.live import Live, Observer, Snapshot
from perfgate.load.models import Closed, Model, Open, Stage
from perfgate.load.outcomes import Outcome, classify
from perfgate.load.result import LoadResult
from perfgate.load.threads import run_threads

__all__ = [
    "Clock",
    "Closed",
    "Live",
    "LoadResult",
    "Model",
    "Observer",
    "Open",
    "Outcome",
    "Snapshot",
    "Stage",
    "classify",
    "run_async",
    "run_threads",
]
