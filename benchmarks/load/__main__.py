"""Run the experiments and hold them against their bars: ``python -m benchmarks.load --help``."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.load import leaks, overhead, truth
from benchmarks.load.patterns import PATTERNS

_MAX_NOOP_S = 0.6e-6
_MAX_MEMORY_BYTES = 5_000_000
_MIN_CONCURRENCY = 0.97
_STALL_P90_S = 0.502
_STALL_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure, and whether it keeps its bar; None for what is only there to compare."""

    text: str
    is_kept: bool | None = None


def _overhead(rounds: int, locust: Path | None) -> Iterator[Line]:
    for name, seconds in overhead.noop_s(rounds).items():
        is_ours = name.startswith("perfgate")
        kept = seconds <= _MAX_NOOP_S if is_ours else None
        yield Line(text=f"no-op, {name}: {seconds * 1e9:.0f} ns of processor", is_kept=kept)
    if locust is not None:
        seconds = overhead.noop_s_of_locust(locust)
        yield Line(text=f"no-op, Locust task with its event: {seconds * 1e9:.0f} ns of processor")
    for name in PATTERNS:
        grown = overhead.memory_bytes(name)
        kept = grown <= _MAX_MEMORY_BYTES if name.startswith("perfgate") else None
        yield Line(text=f"100,000 operations, {name}: {grown / 1e6:.1f} MB", is_kept=kept)


def _concurrency() -> Iterator[Line]:
    reached = asyncio.run(truth.concurrency()).concurrency / truth.CONCURRENCY
    yield Line(
        text=f"under way of 50, exponential: {reached:.1%}", is_kept=reached >= _MIN_CONCURRENCY
    )
    share = asyncio.run(truth.batch_concurrency()) / truth.CONCURRENCY
    yield Line(text=f"under way of 50, exponential, batches: {share:.1%}")


def _stall() -> Iterator[Line]:
    result = asyncio.run(truth.stall())
    p90_s, service_s = result.times.quantile_s(90) or 0, result.service.quantile_s(90) or 0
    yield Line(
        text=f"1 s stall in 5 s at 100/s: p90 {p90_s * 1e3:.1f} ms from the planned start "
        f"({service_s * 1e3:.1f} ms from the actual one), {'; '.join(result.doubts) or 'no doubt'}",
        is_kept=abs(p90_s / _STALL_P90_S - 1) <= _STALL_TOLERANCE,
    )


def _limiter() -> Iterator[Line]:
    batch = asyncio.run(truth.batch_against_limiter())
    yield Line(
        text=f"limit of 100/s, batches of 10: {batch.offered_per_s:.0f}/s offered, "
        f"{batch.refused} refused"
    )
    result = asyncio.run(truth.limit())
    rate = result.rate
    found = (
        "none" if rate is None else f"{rate.per_s:.1f}/s ({rate.low_per_s} to {rate.high_per_s})"
    )
    yield Line(
        text=f"limit of 100/s, RateLimitTester: {found}, {result.verdict.value} "
        f"{result.check.reason}",
        is_kept=(rate is not None and 95 <= rate.per_s <= 105) or bool(result.check.doubts),
    )


def _leaks() -> Iterator[Line]:
    for scenario in (*leaks.CLEAN, *leaks.LEAKING):
        found = sum(leaks.is_found_leaking(scenario, seed) for seed in leaks.SEEDS)
        expected = len(leaks.SEEDS) if scenario in leaks.LEAKING else 0
        yield Line(
            text=f"leak rule, {scenario}: an alarm in {found} of {len(leaks.SEEDS)}",
            is_kept=found == expected,
        )


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=40, help="Turns of each pattern; the best one counts.")
@click.option(
    "--locust", type=click.Path(path_type=Path), help="A Python that has Locust, to compare with."
)
@click.option("--only", help="One of overhead, concurrency, stall, limiter, leaks.")
def main(rounds: int, locust: Path | None, only: str | None) -> None:
    """Measure; exit with 1 if a bar is not kept."""
    parts: dict[str, Callable[[], Iterator[Line]]] = {
        "overhead": lambda: _overhead(rounds, locust),
        "concurrency": _concurrency,
        "stall": _stall,
        "limiter": _limiter,
        "leaks": _leaks,
    }
    marks = {True: "kept", False: "MISSED", None: ""}
    is_missed = False
    for name, measure in parts.items():
        if only in {None, name}:
            for line in measure():
                click.echo(f"{marks[line.is_kept]:7} {line.text}")
                is_missed |= line.is_kept is False
    sys.exit(int(is_missed))


if __name__ == "__main__":
    main()
