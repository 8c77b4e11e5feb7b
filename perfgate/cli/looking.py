"""The commands that look back: history and what it is fed with."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfgate.cli.options import (
    Shared,
    branch_option,
    everywhere,
    progress_on,
    remote_option,
    shared_options,
    verbose_option,
)
from perfgate.cli.printing import print_text, say, write

if TYPE_CHECKING:
    from perfgate.commands.history import Past

__all__ = ["history"]


@click.group(invoke_without_command=True)
@branch_option
@click.option(
    "--check", "is_check", is_flag=True, help="Exit with 1 on a slowdown that no gate has shown."
)
@click.option("--json", "target", metavar="FILE", help='Write it as JSON, "-": standard output.')
@click.option("--html", "site", metavar="DIR", help="Write it as a static site into a folder.")
@verbose_option
@shared_options
@click.pass_context
def history(context: click.Context, shared: Shared, /, **options: Any) -> int:
    """Show how benchmarks changed over time, from git and the branch that collects runs.

    With --check: 0 no slowdown that nobody has seen, 1 there is one, 3 too few runs to tell.
    """
    if context.invoked_subcommand is not None:
        return 0
    target, site, is_check = options["target"], options["site"], options["is_check"]
    past = _read(shared, options["branch"])
    _write(past, target, site)
    if target != "-" and (site is None or is_check):
        _print(past, shared, is_check=is_check, verbose=options["verbose"])
    return _status(past) if is_check else 0


def _write(past: "Past", target: str | None, site: str | None) -> None:
    import msgspec

    from perfgate.commands.history_site import write_site

    if target is not None:
        write(target, msgspec.json.encode(past.history) + b"\n")
    if site is not None:
        count = write_site(past, Path(site))
        say(f"perfgate: {site}: {count} files")


def _read(shared: Shared, branch: str) -> "Past":
    from perfgate.commands.history import Source, read_history
    from perfgate.commands.selection import cache_folder

    with progress_on("reading the past") as progress:
        source = Source(
            folder=Path.cwd(),
            environ=os.environ,
            branch=branch,
            cache_folder=cache_folder(os.environ, Path.home()),
            progress=progress,
        )
        return read_history(source, shared.config())


def _print(past: "Past", shared: Shared, *, is_check: bool, verbose: bool) -> None:
    import shutil

    from perfgate.commands.history_text import render_check, render_history

    if is_check:
        print_text(render_check(past))
        return
    width = shutil.get_terminal_size((100, 24)).columns
    print_text(render_history(past, width=width, color=shared.has_color, verbose=verbose))


def _status(past: "Past") -> int:
    from perfgate.report.text import visible

    for warning in past.history.warnings:
        say(f"perfgate: {visible(warning)}")
    if past.findings:
        return 1
    if not past.is_long_enough:
        say("perfgate: too few runs to tell: eight on one kind of machine are the fewest")
        return 3
    return 0


@history.command("import")
@click.argument(
    "sources", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@branch_option
@remote_option
@everywhere
def import_runs(sources: tuple[Path, ...], branch: str, remote: str | None) -> int:
    """Append what another tool kept to the branch that collects runs.

    FILE is data.js of github-action-benchmark, a result file of asv, or a folder of such.
    """
    from perfgate.commands.history_import import import_past, read_past
    from perfgate.commands.record import find_destination
    from perfgate.github.data_branch import Patience

    past = read_past(sources)
    destination = find_destination(os.environ, Path.cwd(), remote=remote, branch=branch)
    tip = import_past(past, destination, patience=Patience())
    if past.left_out:
        say(f"perfgate: {past.left_out} points without a commit, a date or a time left out")
    print(f"imported {len(past.runs)} runs to {branch}: {tip[:10]}")
    return 0
