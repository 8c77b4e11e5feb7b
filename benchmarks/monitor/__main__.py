"""Hold the monitor to its bars: ``python -m benchmarks.monitor --help``."""

import sys
import time
from collections.abc import Callable, Iterator

import click
import psutil

from benchmarks.monitor import costs
from benchmarks.monitor.hour import EXPECTED, Hour, problems

_BARS_NS = {
    "histogram": 450,
    "record_operation": 500,
    "timed block": 1000,
    "record_operation, off": 50,
}
_MAX_BYTES = 500_000
_MAX_REPORT_S = 0.010
_PEER = "hdrhistogram record_value"
_SETTLED_MIN = 5
_MAX_GROWTH_BYTES = 2_000_000

Line = tuple[str, bool | None]
"""A figure, and whether it keeps its bar; None for what is only there to compare."""


def _costs(turns: int) -> Iterator[Line]:
    found = costs.record_ns(turns)
    for name, ns in found.items():
        bar = _BARS_NS.get(name)
        share = f"{ns / found[_PEER]:.2f} of {_PEER}"
        yield f"{name}: {ns:.0f} ns, {share}", None if bar is None else ns <= bar


def _memory() -> Iterator[Line]:
    taken = costs.memory_bytes()
    yield f"memory of an operation, worst case: {taken / 1000:.0f} kB", taken <= _MAX_BYTES
    seconds = costs.report_s()
    yield f"report on 64 operations: {seconds * 1e3:.1f} ms of processor", seconds <= _MAX_REPORT_S


def _hour(per_s: int) -> Iterator[Line]:
    process = psutil.Process()
    resident: dict[int, int] = {}
    blocks: dict[int, int] = {}

    def sample(minute: int) -> None:
        resident[minute] = process.memory_info().rss
        blocks[minute] = sys.getallocatedblocks()

    hour = Hour(per_s)
    began_s = time.process_time()
    hour.run(each_minute=sample)
    took_s = time.process_time() - began_s
    each_ns = took_s / hour.records * 1e9
    text = f"an hour at {per_s}/s: {hour.records} records in {took_s:.1f} s of processor"
    yield f"{text}, {each_ns:.0f} ns each with the loop around", None
    settled = resident[_SETTLED_MIN]
    grown = max(resident.values()) - settled
    text = f"resident memory: {settled / 1e6:.1f} MB after {_SETTLED_MIN} min"
    text += f", {resident[60] / 1e6:.1f} MB after 60, at most {grown / 1e3:+.0f} kB between"
    text += f"; {blocks[60] - blocks[_SETTLED_MIN]:+d} blocks"
    yield text, grown <= _MAX_GROWTH_BYTES
    wrong = problems(hour)
    for problem in wrong:
        yield problem, False
    yield f"alerts: {len(EXPECTED)} expected, {len(hour.alerts)} came and ended", not wrong


@click.command(context_settings={"show_default": True})
@click.option("--turns", default=60, help="Of each pattern; the best one counts.")
@click.option("--per-s", default=10_000, help="Records per second of the hour.")
@click.option("--only", help="One of costs, memory, hour.")
def main(turns: int, per_s: int, only: str | None) -> None:
    """Measure; exit with 1 if a bar is not kept."""
    parts: dict[str, Callable[[], Iterator[Line]]] = {
        "costs": lambda: _costs(turns),
        "memory": _memory,
        "hour": lambda: _hour(per_s),
    }
    marks = {True: "kept", False: "MISSED", None: ""}
    is_missed = False
    for name, measure in parts.items():
        if only in {None, name}:
            for text, is_kept in measure():
                click.echo(f"{marks[is_kept]:7} {text}")
                is_missed |= is_kept is False
    sys.exit(int(is_missed))


if __name__ == "__main__":
    main()
