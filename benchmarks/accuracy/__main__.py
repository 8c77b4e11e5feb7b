"""Command line of the experiment: ``python -m benchmarks.accuracy --help``."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.accuracy.evaluate import UNCHANGED, table
from benchmarks.accuracy.gates import run_gates
from benchmarks.accuracy.record import Workshop, checked_out, environment, neighbours, record
from benchmarks.accuracy.subjects import SUBJECTS
from perfgate.stats.proportions import Proportion

_ROOT = Path(__file__).parents[2]


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Measure how often perfgate and other rules are wrong, on real suites."""


_options = (
    click.argument("subject", type=click.Choice(sorted(SUBJECTS))),
    click.option("--source", type=click.Path(path_type=Path), help="A clone to take it from."),
    click.option(
        "--python",
        type=click.Path(path_type=Path),
        required=True,
        help="An interpreter that has the subject's packages, pytest-benchmark and perfgate's.",
    ),
    click.option("--noisy", is_flag=True, help="With a bursty neighbour on both CPUs."),
    click.option("--seed", default=1),
    click.option("--output", type=click.Path(path_type=Path), required=True),
)


def _with_options(function: Any) -> Any:
    for option in reversed(_options):
        function = option(function)
    return function


@contextmanager
def _workshop(options: Mapping[str, Any]) -> Iterator[Workshop]:
    subject = SUBJECTS[options["subject"]]
    source = options["source"] or (None if subject.url else _ROOT)
    with (
        checked_out(subject, source) as reference,
        environment(subject) as environ,
        neighbours(are_noisy=options["noisy"]),
    ):
        yield Workshop(
            subject=subject,
            reference=reference,
            python=options["python"],
            environ=environ,
            seed=options["seed"],
        )


@main.command("record")
@_with_options
@click.option("--pairs", default=28)
@click.option("--processes", default=24)
@click.option("--slower", multiple=True, type=float, default=(0.03, 0.05, 0.1, 0.2))
def record_command(pairs: int, processes: int, slower: tuple[float, ...], **options: Any) -> None:
    """Record pairs and process runs of a suite and its changed copies."""
    with _workshop(options) as shop:
        for found in record(shop, pairs=pairs, processes=processes, slowdowns=slower):
            options["output"].write_text(json.dumps(found), encoding="utf-8")


@main.command("gates")
@_with_options
@click.option("--runs", default=100)
def gates_command(runs: int, **options: Any) -> None:
    """Run the whole gate on unrelated edits; what is not 0 is a false alarm."""
    statuses, durations_s = [], []
    with _workshop(options) as shop:
        own = {**shop.environ, "PYTHONPATH": str(_ROOT), "HOME": os.environ.get("HOME", "/")}
        for status, seconds in run_gates(shop, runs, own):
            statuses.append(status)
            durations_s.append(seconds)
            found = {"statuses": statuses, "durations_s": durations_s}
            options["output"].write_text(json.dumps(found), encoding="utf-8")
    red = Proportion.of(status != 0 for status in statuses)
    low, high = red.interval()
    click.echo(
        f"{red.count} of {red.total} not green ({low:.1%} to {high:.1%}), "
        f"{median(durations_s):.0f} s each"
    )


@main.command("table")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--seed", default=1)
def table_command(file: Path, seed: int) -> None:
    """Print what a recording says of each rule; it must hold unchanged code at least."""
    recorded = json.loads(file.read_text(encoding="utf-8"))
    missing = [key for key in UNCHANGED if key not in recorded.get("pairs", {})]
    if missing:
        raise click.UsageError(f"{file}: the recording broke off before pairs of: {missing[0]}")
    for line in table(recorded, seed):
        click.echo(line)


if __name__ == "__main__":
    main()
