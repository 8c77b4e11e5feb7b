"""The command line: arguments, environment, printing, exit status; the only place for any of them.

Commands import what they need when they run: ``--help`` and errors in arguments come at once.
"""

import contextlib
import datetime as dt
import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from perfgate import __version__
from perfgate.errors import PerfgateError, UsageError

if TYPE_CHECKING:
    from perfgate.commands.run import Machine
    from perfgate.config import Config
    from perfgate.measure.process import Progress
    from perfgate.model import Report, Results

__all__ = ["main"]

_INTERRUPTED = 130
_REPORT = ".perfgate/report.json"
_MARKDOWN = ".perfgate/report.md"


def main() -> None:
    """Run the command line and exit with its status."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _say("interrupted: nothing was judged")
        status = _INTERRUPTED
    except KeyboardInterrupt:
        _say("interrupted: nothing was judged")
        status = _INTERRUPTED
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except PerfgateError as error:
        _say(f"perfgate: {error}")
        status = error.exit_status
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status or 0)


def _terminated(number: int, frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that processes and trees are cleaned up."""
    del number, frame
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr)


# --- what commands share -----------------------------------------------------------------------


class _Shared:
    """The options that every command takes."""

    def __init__(self, directory: Path, color: str) -> None:
        self.directory = directory
        self.color = color

    def config(self) -> "Config":
        from perfgate.config import find_root, load_config

        root = find_root(self.directory.resolve())
        return load_config(root, today=dt.datetime.now(tz=dt.UTC).date())

    @contextlib.contextmanager
    def machine(self, title: str) -> Iterator["Machine"]:
        """Yield what measuring needs, with a progress bar on a terminal."""
        from perfgate.commands.run import Machine
        from perfgate.commands.selection import cache_folder
        from perfgate.measure.bytecode import kept_bytecode

        cache_dir = cache_folder(os.environ, Path.home())
        with _progress(title) as progress, kept_bytecode(dict(os.environ), cache_dir) as environ:
            yield Machine(
                environ=environ,
                python=Path(sys.executable),
                cache_dir=cache_dir,
                seed=random.SystemRandom().randrange(2**31),
                progress=progress,
            )

    @property
    def has_color(self) -> bool:
        if self.color != "auto":
            return self.color == "always"
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


_shared = click.make_pass_decorator(_Shared)


@contextlib.contextmanager
def _progress(title: str) -> Iterator["Progress"]:
    """Show a bar with the time left, on a terminal only."""
    from perfgate.measure.process import Progress

    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=0)

        class Shown(Progress):
            total = 0

            def plan(self, steps: int) -> None:
                self.total += steps
                bar.update(task, total=self.total)

            def step(self, name: str) -> None:
                del name
                bar.advance(task)

        yield Shown()


def _write(target: str, data: bytes) -> None:
    """Write a file as a whole, or to standard output for "-".

    Raises:
        UsageError: it cannot be written.
    """
    if target == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    path = Path(target)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error


def _print_report(report: "Report", shared: _Shared, *, verbose: bool = False) -> None:
    import shutil

    from perfgate.report.terminal import render_terminal

    width = shutil.get_terminal_size((100, 24)).columns
    text = render_terminal(report, width=width, color=shared.has_color, verbose=verbose)
    click.echo(text, color=True)
    _show_in_actions(report)


def _show_in_actions(report: "Report") -> None:
    """Write the job summary and annotations where a GitHub Actions job asks for them."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    from perfgate.commands.actions import annotation_lines, summary

    for line in annotation_lines(report):
        print(line)
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        path = Path(target)
        used = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8") as file:
            file.write(summary(report, used))


def _save(report: "Report", target: str, root: Path) -> None:
    from perfgate.report.document import encode_report
    from perfgate.report.markdown import render_markdown

    folder = str(root / target) if target == _REPORT else target
    _write(folder, encode_report(report))
    if target == _REPORT:
        _write(str(root / _MARKDOWN), render_markdown(report).encode())


def _with(config: "Config", threshold: str | None, budget: str | None) -> "Config":
    from perfgate.config import parse_budget, parse_threshold

    try:
        if threshold is not None:
            config = replace(config, threshold=parse_threshold(threshold))
        if budget is not None:
            config = replace(config, budget_s=parse_budget(budget))
    except ValueError as error:
        raise UsageError(str(error)) from error
    return config


# --- commands ----------------------------------------------------------------------------------


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, "-V", "--version", message="perfgate %(version)s")
@click.option(
    "-C",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Run as if started in this folder.",
)
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto")
@click.pass_context
def cli(context: click.Context, directory: Path, color: str) -> None:
    """Fail a pull request when something really became slower, and on nothing else.

    Exit status: 0 passed; 1 regressed, over a limit, missing or errored; 2 wrong usage,
    configuration or input file; 3 could not decide.
    """
    context.obj = _Shared(directory, color)


_threshold = click.option(
    "--threshold", metavar="RATIO", help='Smallest slowdown that must be caught, e.g. "5%".'
)


@cli.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--base", metavar="REV", help="Commit or branch that the change starts from.")
@click.option(
    "--paired",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Run old code beside the new: where there is git, or fail, or never.",
)
@_threshold
@click.option("--budget", metavar="TIME", help='Time that measuring may take, e.g. "5m".')
@click.option("--report", "target", metavar="FILE", default=_REPORT, help="Where to write it.")
@click.option("-v", "--verbose", is_flag=True, help="Show the benchmarks that passed, too.")
@_shared
def check(shared: _Shared, /, suites: tuple[str, ...], **options: Any) -> int:
    """Measure, compare with the approved and the former code, and judge."""
    from perfgate.commands.check import CheckOptions, Paired
    from perfgate.commands.check import check as run_check

    config = _with(shared.config(), options["threshold"], options["budget"])
    wanted = CheckOptions(suites=suites, base=options["base"], paired=Paired(options["paired"]))
    with shared.machine("measuring") as machine:
        report = run_check(config, wanted, machine)
    _save(report, options["target"], config.root)
    _print_report(report, shared, verbose=options["verbose"])
    return report.exit_status


@cli.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--processes", type=click.IntRange(1, 1000), help="Fresh processes per suite.")
@click.option("--shard", metavar="I/N", help="Measure only this share of the benchmarks.")
@click.option("--output", metavar="FILE", default="-", help="Where to write the results.")
@_shared
def run(
    shared: _Shared,
    suites: tuple[str, ...],
    processes: int | None,
    shard: str | None,
    output: str,
) -> int:
    """Measure only; write results that `compare` and `update-baselines` read."""
    from perfgate.commands.run import measure
    from perfgate.commands.selection import parse_shard
    from perfgate.readers.perfgate import encode_results

    config = shared.config()
    part = parse_shard(shard) if shard else None
    with shared.machine("measuring") as machine:
        results = measure(
            config,
            suites,
            machine,
            processes=processes or config.processes,
            shard=part,
        )
    _write(output, encode_results(results))
    return _failures(results)


def _failures(results: "Results") -> int:
    failed = [benchmark for benchmark in results.benchmarks if benchmark.failure is not None]
    for benchmark in failed:
        if benchmark.failure is not None:
            _say(f"{benchmark.id}: {benchmark.failure.kind.value}: {benchmark.failure.message}")
    if len(failed) == len(results.benchmarks):
        return 3
    return 1 if any(one.failure and one.failure.kind.value != "skipped" for one in failed) else 0


@cli.command()
@click.argument("current", type=click.Path(path_type=Path))
@click.option(
    "--against", metavar="FILE|REV|DIR", help="What to compare with; else the own baselines."
)
@_threshold
@click.option("--report", "target", metavar="FILE", help="Write the report there.")
@click.option("-v", "--verbose", is_flag=True, help="Show the benchmarks that passed, too.")
@_shared
def compare(
    shared: _Shared,
    current: Path,
    against: str | None,
    threshold: str | None,
    target: str | None,
    verbose: bool,  # noqa: FBT001 - click passes by name
) -> int:
    """Judge result files without measuring: pytest-benchmark, pyperf or perfgate's own."""
    from perfgate.commands.compare import compare as run_compare

    config = _with(shared.config(), threshold, None)
    report = run_compare(current, against, config, os.environ)
    if target:
        _write(target, _encoded(report))
    _print_report(report, shared, verbose=verbose)
    return report.exit_status


def _encoded(report: "Report") -> bytes:
    from perfgate.report.document import encode_report

    return encode_report(report)


@cli.command("update-baselines")
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--only", metavar="ID", multiple=True, help="Approve this benchmark alone.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take results from a file instead of measuring.",
)
@click.option("--prune", is_flag=True, help="Remove the lines of benchmarks that are gone.")
@click.option("--reason", metavar="TEXT", required=True, help="Why the new numbers are right.")
@_shared
def update_baselines(
    shared: _Shared,
    suites: tuple[str, ...],
    only: tuple[str, ...],
    source: Path | None,
    prune: bool,  # noqa: FBT001 - click passes by name
    reason: str,
) -> int:
    """Approve the numbers as they are now; lines within the noise keep every byte."""
    from perfgate.commands.run import measure
    from perfgate.commands.update_baselines import describe, update_baselines
    from perfgate.readers.files import read_results

    config = shared.config()
    if source is not None:
        results = read_results(source)
    else:
        with shared.machine("measuring") as machine:
            results = measure(config, suites, machine, processes=config.processes)
    update = update_baselines(
        results,
        folder=config.root / "baselines",
        suites=suites or None,
        only=frozenset(only),
        prune=prune,
        reason=reason,
    )
    for line in describe(update, config.root):
        click.echo(line)
    return 0


@cli.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="REPORT")
@click.option("--markdown", metavar="FILE", help='Write Markdown; "-" is standard output.')
@click.option("--junit", metavar="FILE", help="Write JUnit XML.")
@click.option("--json", "json_target", metavar="FILE", help="Write the report again, normalised.")
@click.option("-v", "--verbose", is_flag=True, help="Show the benchmarks that passed, too.")
@_shared
def report(
    shared: _Shared,
    source: Path,
    markdown: str | None,
    junit: str | None,
    json_target: str | None,
    verbose: bool,  # noqa: FBT001 - click passes by name
) -> int:
    """Render a report again; its exit status is that of rendering, not of the verdict."""
    from perfgate.report.document import decode_report
    from perfgate.report.junit import render_junit
    from perfgate.report.markdown import render_markdown

    found = decode_report(_read(source), str(source))
    if markdown:
        _write(markdown, render_markdown(found).encode())
    if junit:
        _write(junit, render_junit(found))
    if json_target:
        _write(json_target, _encoded(found))
    if not (markdown or junit or json_target):
        _print_report(found, shared, verbose=verbose)
    return 0


def _read(path: Path) -> bytes:
    from perfgate.errors import InputFileError

    try:
        return path.read_bytes()
    except OSError as error:
        raise InputFileError(path, "", error.strerror or "cannot be read") from error


@cli.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", metavar="FILE", required=True, help='"-" is standard output.')
@click.option("--expect", type=click.IntRange(1), help="How many legs there must be.")
@_shared
def merge(shared: _Shared, sources: tuple[Path, ...], output: str, expect: int | None) -> int:
    """Combine the reports of shards and matrix legs; a missing leg is an error."""
    from perfgate.commands.merge import merge_reports
    from perfgate.report.document import decode_report

    legs = [(str(path), decode_report(_read(path), str(path))) for path in sources]
    merged = merge_reports(legs, expected=expect)
    _write(output, _encoded(merged))
    if output != "-":
        _print_report(merged, shared)
    return merged.exit_status


@cli.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option(
    "--pairs",
    type=click.IntRange(12, 1000),
    default=24,
    help="Pairs of processes to record.",
)
@click.option(
    "--trials", type=click.IntRange(100), default=1000, help="Runs of the gate to draw from them."
)
@click.option("--write", is_flag=True, help="Put the advice into pyproject.toml.")
@_shared
def calibrate(
    shared: _Shared,
    suites: tuple[str, ...],
    pairs: int,
    trials: int,
    write: bool,  # noqa: FBT001 - click passes by name
) -> int:
    """Measure identical code on this machine: false alarms, what can be found, advice."""
    from perfgate.commands.calibrate import calibrate as run_calibrate
    from perfgate.commands.calibration_text import describe
    from perfgate.config import write_settings

    config = shared.config()
    with shared.machine("measuring") as machine:
        found = run_calibrate(config, suites, machine, pairs=pairs, trials=trials)
    for line in describe(found, config):
        click.echo(line)
    if write:
        advice = found.advice
        click.echo(f"written: {write_settings(config, advice.settings(), advice.overrides)}")
    return 0


@cli.command()
@_shared
def init(shared: _Shared) -> int:
    """Write settings, a first suite and a workflow; whatever exists stays as it is."""
    from perfgate.commands.init import initialise

    for line in initialise(shared.directory.resolve()):
        click.echo(line)
    return 0
