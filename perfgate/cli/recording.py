"""The command that keeps runs: record."""

import os
from pathlib import Path

import click

from perfgate.cli.options import branch_option, everywhere, remote_option
from perfgate.cli.printing import read_report

__all__ = ["record"]


@click.command()
@click.argument(
    "sources", nargs=-1, required=True, metavar="REPORT...", type=click.Path(path_type=Path)
)
@branch_option
@remote_option
@everywhere
def record(sources: tuple[Path, ...], branch: str, remote: str | None) -> int:
    """Append runs of the default branch to a branch that collects them, for trends.

    Needs neither a checkout nor a clone. In a workflow it records only what a push to the default
    branch measured, with GITHUB_TOKEN and `contents: write`.
    """
    import datetime as dt

    from perfgate.commands.record import check_event, find_destination
    from perfgate.commands.record import record as record_reports
    from perfgate.github.data_branch import Patience
    from perfgate.measure.references import read_event

    reports = [(str(source), read_report(source)) for source in sources]
    check_event(os.environ, read_event(os.environ), [report for _, report in reports])
    number, attempt = (os.environ.get(f"GITHUB_RUN_{name}", "") for name in ("ID", "ATTEMPT"))
    appended = record_reports(
        reports,
        find_destination(os.environ, Path.cwd(), remote=remote, branch=branch),
        recorded=dt.datetime.now(tz=dt.UTC),
        run=f"{number}/{attempt}" if number and attempt else "",
        patience=Patience(),
    )
    print(f"recorded on {branch}: {appended.commit[:10]}")
    return 0
