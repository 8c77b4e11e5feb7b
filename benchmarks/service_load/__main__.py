"""Command line of the load on the services: ``python -m benchmarks.service_load --help``."""

import asyncio
import sys
from pathlib import Path

import click

from benchmarks.service_load.performance import PerformanceBenchmark
from perfgate.errors import UsageError
from perfgate.files import write_file
from perfgate.testing.verdict import LoadVerdict

_STATUS = {LoadVerdict.PASSED: 0, LoadVerdict.FAILED: 1, LoadVerdict.INCONCLUSIVE: 3}
_FILE = click.Path(path_type=Path, dir_okay=False, writable=True)


@click.command(context_settings={"show_default": True})
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    help="Multiplies how many operations are measured.",
)
@click.option("--json", "json_file", type=_FILE, help="File for all numbers.")
@click.option("--markdown", type=_FILE, help="File for the table.")
def main(scale: float, json_file: Path | None, markdown: Path | None) -> None:
    """Measure all services; exit with 1 if a target is missed, 3 if nobody can say."""
    benchmark = PerformanceBenchmark(
        scale=scale, say=lambda text: click.echo(f"measuring {text}", err=True)
    )
    report = asyncio.run(benchmark.run())
    click.echo(report.as_text(), nl=False)
    try:
        if json_file is not None:
            write_file(json_file, report.as_json().encode())
        if markdown is not None:
            write_file(markdown, report.as_markdown().encode())
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    sys.exit(_STATUS[report.verdict])


if __name__ == "__main__":
    main()
