"""Whether a load of many processes was the one that was asked for: what makes it doubtful."""

from collections.abc import Iterator
from typing import Final

from perfgate.load.distributed import LoadState, Sender, SenderState
from perfgate.load.result import MAX_CPU, MAX_LATENESS
from perfgate.stats.histogram import ExponentialHistogram, merged

__all__ = ["MAX_SILENCE_S", "doubts_of", "has_lost", "short_name"]

MAX_SILENCE_S: Final = 5.0
"""Without a report, which comes every second: then a process stood still, or its way to us did."""
_LATENESS_FLOOR_S: Final = 0.01
"""Greenlets that share a thread start no more exactly, with answers to read in between."""
_SHORT: Final = 8


def doubts_of(state: LoadState) -> tuple[str, ...]:
    """Return why the numbers of a load that has ended cannot be trusted; empty where they can."""
    doubts = [*state.problems]
    if len(state.senders) < state.expected:
        doubts.append(f"{len(state.senders)} of {state.expected} workers took part")
    for sender in state.senders:
        doubts += _of_sender(sender)
    if state.dropped:
        doubts.append(f"{state.dropped} arrivals dropped: too many were under way")
    doubts += _of_lateness(state)
    return tuple(doubts)


def has_lost(state: LoadState) -> bool:
    """Say whether going on is of no use: a process that makes load is gone, or never reported."""
    return any(sender.state is SenderState.LOST or sender.is_late for sender in state.senders)


def short_name(name: str) -> str:
    """Shorten the random number behind the name of a host."""
    host, underscore, number = name.rpartition("_")
    return f"{host}_{number[:_SHORT]}" if underscore else name


def _of_sender(sender: Sender) -> Iterator[str]:
    name = short_name(sender.name)
    if sender.state is SenderState.LOST:
        yield f"worker {name} was lost: what it did since its last report is not known"
    elif sender.state is SenderState.RUNNING:
        yield f"worker {name} did not send its last report"
    if sender.counted != sender.merged:
        yield f"worker {name} counted {sender.counted} operations, and {sender.merged} arrived"
    if sender.is_late:
        yield f"worker {name} joined when the load had begun"
    if sender.silent_s > MAX_SILENCE_S and sender.state is not SenderState.LOST:
        yield f"nothing was heard of worker {name} for {sender.silent_s:.0f} s"
    if sender.cpu_share > MAX_CPU:
        yield (
            f"{name} was busy, or waited for a processor, {sender.cpu_share:.0%} of the time: "
            "operations queued in it"
        )


def _of_lateness(state: LoadState) -> Iterator[str]:
    if state.lateness is None:
        return
    latest_s = ExponentialHistogram.from_data(state.lateness).quantile(99)
    service = merged(
        ExponentialHistogram.from_data(part.service)
        for part in state.parts
        if part.service is not None
    )
    allowed_s = max(_LATENESS_FLOOR_S, MAX_LATENESS * (service.quantile(50) or 0.0))
    if latest_s is not None and latest_s > allowed_s:
        yield (
            f"1 % of the starts were {latest_s * 1e3:.3g} ms late or more "
            f"({allowed_s * 1e3:.3g} ms allowed)"
        )
