"""The past: runs that were recorded, approvals, and what changed when; pure but for ``cache``."""

from perfgate.history.runs import (
    RECORD_VERSION,
    PairedEffect,
    RecordedTime,
    RunRecord,
    decode_runs,
    earlier_times,
    encode_run,
    recent_paths,
    run_path,
)

__all__ = [
    "RECORD_VERSION",
    "PairedEffect",
    "RecordedTime",
    "RunRecord",
    "decode_runs",
    "earlier_times",
    "encode_run",
    "recent_paths",
    "run_path",
]
