"""The command that makes load: load."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfgate.cli.options import Shared, shared_options
from perfgate.cli.printing import say, write
from perfgate.errors import UsageError

if TYPE_CHECKING:
    from perfgate.commands.load_watch import Progress
    from perfgate.load_run import LoadRun
    from perfgate.model import Revision

__all__ = ["load"]

_DEFAULTS = "the setting"


def _options(*groups: Callable[..., Any]) -> Callable[..., Any]:
    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(groups):
            command = option(command)
        return command

    return add


_how_much = _options(
    click.option(
        "--users", type=click.IntRange(1), show_default=f"{_DEFAULTS}, else 1", help="At once."
    ),
    click.option(
        "--rate",
        metavar="RATE",
        help="Arrivals per second, however long the answers take; with Locust, users that start.",
    ),
    click.option("--time", metavar="TIME", help='How long, e.g. "30s".'),
    click.option("--operations", type=click.IntRange(1), help="How many, instead of how long."),
    click.option(
        "--stage",
        "stages",
        multiple=True,
        metavar="TIME:TARGET",
        help='What is reached by then: "30s:50" users or "30s:50/s" arrivals; again for the next.',
    ),
    click.option(
        "--warmup",
        metavar="AMOUNT",
        show_default="1 operation; none with Locust",
        help='Not counted: "10" operations or "5s".',
    ),
    click.option("--timeout", metavar="TIME", help="Of each operation; longer ones have failed."),
)
_judged = _options(
    click.option(
        "--limit",
        "limits",
        multiple=True,
        metavar="LIMIT",
        help='E.g. "p95 < 500ms"; of one name "GET /login: p95 < 300ms".',
    ),
    click.option("--abort-on-fail", is_flag=True, help="End the load when a limit is broken."),
    click.option(
        "--grace",
        metavar="TIME",
        show_default="5s",
        help="How long a limit may be broken at the beginning.",
    ),
    click.option(
        "--name",
        metavar="NAME",
        show_default="of the function or file",
        help="What it is approved as.",
    ),
)
_files = _options(
    click.option("--json", "json_file", metavar="FILE", help="All numbers; compare reads it."),
    click.option("--markdown", metavar="FILE", help="A table for people."),
    click.option("--html", metavar="FILE", help="A page of its own, without scripts."),
)


@click.command()
@click.argument("scenario", required=False)
@_how_much
@_judged
@_files
@shared_options
def load(shared: Shared, /, scenario: str | None, **options: Any) -> int:
    """Put a load on an operation, and hold it against limits.

    SCENARIO is FILE.py:FUNCTION, module:function, or a name in [tool.perfgate.load].

    Exit status: 0 passed; 1 a limit is broken; 2 wrong usage; 3 the numbers cannot be trusted.
    """
    from perfgate.commands.load import run_in_process
    from perfgate.commands.load_settings import settings_of

    settings = settings_of(scenario, options, shared.config())
    with _progress() as progress:
        run = run_in_process(settings, folder=Path.cwd(), revision=_revision(), progress=progress)
    return _finish(run, options)


def _finish(run: "LoadRun", options: dict[str, Any]) -> int:
    from perfgate.load_run import encode_load_run
    from perfgate.report.load_pages import (
        render_load_html,
        render_load_markdown,
        render_load_text,
    )

    targets = [options[name] for name in ("json_file", "markdown", "html")]
    if targets.count("-") > 1:
        raise UsageError("only one of --json, --markdown and --html can go to standard output")
    if "-" not in targets:
        print(render_load_text(run), end="")
    if options["json_file"]:
        write(options["json_file"], encode_load_run(run))
    if options["markdown"]:
        write(options["markdown"], render_load_markdown(run).encode())
    if options["html"]:
        write(options["html"], render_load_html(run).encode())
    for reason in (*run.failures, *run.doubts) if "-" in targets else ():
        say(f"perfgate: {run.outcome.value}: {reason}")
    return run.exit_status


def _revision() -> "Revision":
    from perfgate.git import open_repository
    from perfgate.measure.references import current_revision
    from perfgate.model import Revision

    repository = open_repository(Path.cwd(), os.environ)
    return current_revision(repository) if repository else Revision()


@contextlib.contextmanager
def _progress() -> Iterator["Progress"]:
    """Write one line over and over, on a terminal only; it is gone at the end."""
    from perfgate.commands.load_watch import describe

    if not sys.stderr.isatty() or os.environ.get("CI"):
        yield lambda snapshot: None
        return
    try:
        yield lambda snapshot: print(
            f"\r{describe(snapshot)}\x1b[K", end="", file=sys.stderr, flush=True
        )
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
