"""Command line of the load on the services: ``python -m benchmarks.service_load --help``."""

import asyncio
import sys
from pathlib import Path

import click

from benchmarks.service_load.performance import PerformanceBenchmark
from perfgate.testing.verdict import LoadVerdict

_STATUS = {LoadVerdict.PASSED: 0, LoadVerdict.FAILED: 1, LoadVerdict.INCONCLUSIVE: 2}


@click.command(context_settings={"show_default": True})
@click.option("--scale", default=1.0, help="Multiplies how many operations are measured.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="File for all numbers.")
@click.option("--markdown", type=click.Path(path_type=Path), help="File for the table.")
def main(scale: float, json_file: Path | None, markdown: Path | None) -> None:
    """Measure all services; exit with 1 if a target is missed, 2 if nobody can say."""
    benchmark = PerformanceBenchmark(
        scale=scale, say=lambda text: click.echo(f"measuring {text}", err=True)
    )
    report = asyncio.run(benchmark.run())
    click.echo(report.as_text(), nl=False)
    if json_file is not None:
        json_file.write_text(report.as_json(), encoding="utf-8")
    if markdown is not None:
        markdown.write_text(report.as_markdown(), encoding="utf-8")
    sys.exit(_STATUS[report.verdict])


if __name__ == "__main__":
    main()
