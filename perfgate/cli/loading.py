"""The command that makes load: load."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfgate.cli.options import Shared, shared_options
from perfgate.cli.printing import print_text, say, summarise, write
from perfgate.errors import UsageError

if TYPE_CHECKING:
    from perfgate.commands.load_watch import Progress
    from perfgate.config import LoadSettings
    from perfgate.load.live import Snapshot
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
    click.option("--html", metavar="FILE", help="A page with charts that stands alone."),
)
_large = _options(
    click.option("--locust", metavar="FILE", help="Let Locust run this locustfile."),
    click.option("--host", metavar="URL", help="Locust: what is put under load."),
    click.option("--processes", type=click.IntRange(1, 256), help="Locust: workers on this host."),
    click.option("--master", is_flag=True, help="Locust: wait for workers on any host."),
    click.option("--expect-workers", type=click.IntRange(1), help="Locust: how many."),
    click.option("--wait", metavar="TIME", default="60s", help="Locust: for how long."),
    click.option(
        "--master-bind-host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="Locust: where workers find the master; nothing there asks who they are.",
    ),
    click.option("--worker", is_flag=True, help="Locust: make load for a master."),
    click.option("--master-host", metavar="HOST", default="127.0.0.1", help="Locust: where it is."),
    click.option(
        "--master-port", type=click.IntRange(1, 65535), default=5557, help="Locust: of the master."
    ),
)


@click.command()
@click.argument("scenario", required=False)
@_how_much
@_judged
@_files
@_large
@shared_options
def load(shared: Shared, /, scenario: str | None, **options: Any) -> int:
    """Put a load on an operation, and hold it against limits.

    SCENARIO is FILE.py:FUNCTION, module:function, or a name in [tool.perfgate.load].

    Exit status: 0 passed; 1 a limit is broken; 2 wrong usage; 3 the numbers cannot be trusted.
    """
    from perfgate.commands.load_settings import settings_of

    if options["worker"]:
        return _work(scenario, options)
    config = shared.config()
    settings = settings_of(scenario, options, config)
    # What the settings name lies in the project, and what was typed where it was typed.
    is_named = any(scenario == load.name for load in config.loads)
    folder = config.root if is_named else Path.cwd()
    with _progress() as progress:
        if settings.locustfile is None:
            run = _in_process(settings, options, folder, progress)
        else:
            run = _under_locust(settings, options, folder, progress)
    return _finish(run, options)


def _in_process(
    settings: "LoadSettings", options: dict[str, Any], folder: Path, progress: "Progress"
) -> "LoadRun":
    from perfgate.commands.load import run_in_process

    if options["master"] or settings.processes or settings.host:
        raise UsageError("--master, --processes and --host are for Locust: name a --locust FILE")
    return run_in_process(settings, folder=folder, revision=_revision(), progress=progress)


def _under_locust(
    settings: "LoadSettings", options: dict[str, Any], folder: Path, progress: "Progress"
) -> "LoadRun":
    from perfgate.commands.load_locust import Around, MasterOptions, run_under_locust
    from perfgate.config import parse_duration

    master = None
    if options["master"]:
        if settings.processes is not None:
            raise UsageError("--master and --processes: workers are either elsewhere or here")
        if options["expect_workers"] is None:
            raise UsageError("--master needs --expect-workers: how many are to make the load?")
        try:
            patience_s = parse_duration(options["wait"])
        except ValueError as error:
            raise UsageError(f"--wait: {error}") from error
        master = MasterOptions(
            bind_host=options["master_bind_host"],
            port=options["master_port"],
            expected=options["expect_workers"],
            patience_s=patience_s,
        )
    around = Around(
        folder=folder,
        python=Path(sys.executable),
        environ=os.environ,
        revision=_revision(),
    )
    return run_under_locust(settings, master, around, progress)


def _work(scenario: str | None, options: dict[str, Any]) -> int:
    from perfgate.commands.load_locust import WorkerOptions, run_worker_of

    if scenario is not None or options["locust"] or options["master"] or options["limits"]:
        raise UsageError("--worker gets its scenario from the master, which also judges")
    worker = WorkerOptions(
        host=options["master_host"],
        port=options["master_port"],
        processes=options["processes"],
    )
    run_worker_of(worker, python=Path(sys.executable), environ=os.environ)
    return 0


def _finish(run: "LoadRun", options: dict[str, Any]) -> int:
    from perfgate.commands.actions import append_text
    from perfgate.load_run import encode_load_run
    from perfgate.report.load_html import render_load_html
    from perfgate.report.load_pages import render_load_markdown, render_load_text

    targets = [options[name] for name in ("json_file", "markdown", "html")]
    if targets.count("-") > 1:
        raise UsageError("only one of --json, --markdown and --html can go to standard output")
    if "-" not in targets:
        print_text(render_load_text(run))
    if options["json_file"]:
        write(options["json_file"], encode_load_run(run))
    if options["markdown"]:
        write(options["markdown"], render_load_markdown(run).encode())
    if options["html"]:
        write(options["html"], render_load_html(run))
    summarise(lambda path: append_text(render_load_markdown(run), path))
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
        yield _ignore
        return

    def show(snapshot: "Snapshot") -> None:
        print(f"\r{describe(snapshot)}\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _ignore(snapshot: "Snapshot") -> None:
    """Show nothing."""
