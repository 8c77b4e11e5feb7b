"""Command line: ``python -m benchmarks.counts --help``."""

import dataclasses
import json
import os
import random
from pathlib import Path

import click

from benchmarks.counts.accuracy import (
    CONDITIONS,
    Subject,
    error_rates,
    placed,
    read_lines,
    record_run,
    table,
)
from benchmarks.counts.seeded import seeded, summary
from benchmarks.counts.start import starts_s


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Measure how exact instruction counts are; without address randomisation: setarch -R."""


@main.command()
@click.argument("root", type=click.Path(path_type=Path, resolve_path=True))
@click.argument("files", nargs=-1, required=True)
@click.option("--python", type=click.Path(path_type=Path), required=True)
@click.option("--runs", default=10)
@click.option("--condition", type=click.Choice(list(CONDITIONS)), default=next(iter(CONDITIONS)))
@click.option("--fixed-layout", is_flag=True, help="Say that this runs under setarch -R.")
@click.option("--moved", "is_moved", is_flag=True, help="Each time from another folder.")
@click.option("--output", type=click.Path(path_type=Path), required=True)
def record(  # noqa: PLR0913, PLR0917 - one parameter per option
    root: Path,
    files: tuple[str, ...],
    python: Path,
    runs: int,
    condition: str,
    fixed_layout: bool,  # noqa: FBT001 - click passes by name
    is_moved: bool,  # noqa: FBT001
    output: Path,
) -> None:
    """Count a suite again and again; append a line per run."""
    subject = Subject(root=root, files=files, python=python)
    rng = random.Random() if is_moved else None
    for _ in range(runs):
        with placed(subject, rng) as (here, longer):
            environ = {**os.environ, **longer}
            line = record_run(here, environ, condition=condition, is_fixed_layout=fixed_layout)
        with output.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


@main.command()
@click.argument("recorded", type=click.Path(path_type=Path, exists=True))
def show(recorded: Path) -> None:
    """Print what the recorded runs show."""
    lines = read_lines(recorded)
    for line in (*table(lines), "", *error_rates(lines)):
        print(line)


@main.command()
@click.argument("root", type=click.Path(path_type=Path, resolve_path=True))
@click.argument("files", nargs=-1, required=True)
@click.option("--python", type=click.Path(path_type=Path), required=True)
@click.option("--trials", default=20, help="Functions to slow down, one at a time.")
@click.option("--seed", default=1)
@click.option("--output", type=click.Path(path_type=Path), required=True)
def seed(
    root: Path, files: tuple[str, ...], python: Path, trials: int, seed: int, output: Path
) -> None:
    """Slow functions of a suite's project down by 1 % of a benchmark; append a line per count."""
    subject = Subject(root=root, files=files, python=python)
    for tried in seeded(subject, dict(os.environ), trials=trials, seed=seed):
        with output.open("a", encoding="utf-8") as stream:
            for one in tried:
                stream.write(json.dumps({"root": root.name, **dataclasses.asdict(one)}) + "\n")


@main.command()
@click.argument("root", type=click.Path(path_type=Path, resolve_path=True))
@click.argument("files", nargs=-1, required=True)
@click.option("--python", type=click.Path(path_type=Path), required=True)
@click.option("--times", default=5)
def start(root: Path, files: tuple[str, ...], python: Path, times: int) -> None:
    """Print the CPU time of a process until its suite is collected."""
    subject = Subject(root=root, files=files, python=python)
    print(" ".join(f"{one:.2f} s" for one in sorted(starts_s(subject, os.environ, times))))


@main.command()
@click.argument("tried", type=click.Path(path_type=Path, exists=True))
def found(tried: Path) -> None:
    """Print how many of the seeded slowdowns were found."""
    for line in summary(read_lines(tried)):
        print(line)


if __name__ == "__main__":
    main()
