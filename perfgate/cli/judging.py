"""Commands that only read: compare, report, merge; and init, which only writes."""

import os
from pathlib import Path
from typing import Any

import click

from perfgate.cli.options import (
    Shared,
    everywhere,
    here_option,
    shared_options,
    threshold_option,
    verbose_option,
    with_options,
)
from perfgate.cli.printing import (
    encoded,
    failure_status,
    print_report,
    print_text,
    terminal_width,
    write,
)
from perfgate.errors import UsageError

__all__ = ["compare", "init", "merge", "report"]


@click.command()
@click.argument("current", type=click.Path(path_type=Path))
@click.option(
    "--against",
    metavar="FILE|REV|DIR",
    show_default="baselines/",
    help="What to compare with.",
)
@here_option
@threshold_option
@click.option("--report", "target", metavar="FILE", help='Write it there; "-" is standard output.')
@verbose_option
@shared_options
def compare(shared: Shared, /, current: Path, **options: Any) -> int:
    """Judge result files without measuring; docs/formats.md lists whose."""
    from perfgate.commands.compare import compare as run_compare

    config = with_options(shared.config(), options["threshold"])
    report = run_compare(current, options["against"], config, os.environ, is_here=options["here"])
    if options["target"]:
        write(options["target"], encoded(report))
    print_report(
        report, color=shared.has_color, target=options["target"], verbose=options["verbose"]
    )
    return report.exit_status


def _print_schema(context: click.Context, _option: click.Parameter, is_wanted: object) -> None:
    import json

    from perfgate.report.document import report_schema

    if is_wanted:
        click.echo(json.dumps(report_schema(), indent=2))
        context.exit()


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="REPORT")
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of reports and exit.",
)
@click.option("--markdown", metavar="FILE", help="Write Markdown.")
@click.option("--html", metavar="FILE", help="Write a page with charts that stands alone.")
@click.option("--junit", metavar="FILE", help="Write JUnit XML.")
@click.option("--json", metavar="FILE", help="Write the report again, normalised.")
@verbose_option
@shared_options
def report(shared: Shared, /, source: Path, **options: Any) -> int:
    """Render a report again, be it of a check, a load or a monitor.

    "-" is standard output, and without a FILE it gets the table. The exit status is that of
    rendering, not of the verdict.
    """
    from perfgate.commands.render import Terminal, rendering_of

    saved = rendering_of(source)
    names = [name for name in ("markdown", "html", "junit", "json") if options[name]]
    if [options[name] for name in names].count("-") > 1:
        raise UsageError('only one of --markdown, --html, --junit and --json can be "-"')
    written = {options[name]: saved.render(name) for name in names}
    for target, data in written.items():
        write(target, data)
    if not names:
        where = Terminal(
            width=terminal_width(), has_color=shared.has_color, is_verbose=options["verbose"]
        )
        print_text(saved.text(where))
    return 0


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output", metavar="FILE", required=True, help='Where to write it; "-" is standard output.'
)
@click.option("--expect", type=click.IntRange(1), help="How many legs there must be.")
@shared_options
def merge(shared: Shared, /, sources: tuple[Path, ...], output: str, expect: int | None) -> int:
    """Combine shards and matrix legs; a missing one is an error.

    Reports (of `check` and `compare`) make one report with the worst verdict. Results of
    `run --shard` make one file of results for `compare` and `update-baselines`.
    """
    from perfgate.commands.merge import merge_files
    from perfgate.model import Results
    from perfgate.readers.perfgate import encode_results

    merged = merge_files(sources, expected=expect)
    if isinstance(merged, Results):
        write(output, encode_results(merged))
        return failure_status(merged)
    write(output, encoded(merged))
    print_report(merged, color=shared.has_color, target=output)
    return merged.exit_status


@click.command()
@click.option("--matrix", is_flag=True, help="Measure with several Pythons, to one check.")
@click.option("--accept", is_flag=True, help="Let maintainers write `/perfgate accept SHA REASON`.")
@everywhere
def init(*, matrix: bool, accept: bool) -> int:
    """Write settings, a first suite and workflows; whatever exists stays as it is."""
    from perfgate.commands.init import InitOptions, initialise

    options = InitOptions(has_matrix=matrix, has_accept_command=accept)
    for line in initialise(Path.cwd(), options, os.environ):
        print(line)
    return 0
