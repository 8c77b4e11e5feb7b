"""The command line: arguments, environment, printing, exit status; the only place for any of them.

Commands import what they need when they run: ``--help`` and errors in arguments come at once.
"""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

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
_BROKEN_PIPE = 141
_COLLECT_AFTER = 1_000_000
_REPORT = ".perfgate/report.json"
_MARKDOWN = ".perfgate/report.md"


def main() -> None:
    """Run the command line and exit with its status."""
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that knows no arrow must not end a verdict
            stream.reconfigure(errors="replace")
    # The values in here form no cycles, and there may be millions: looking for some costs a tenth.
    gc.set_threshold(_COLLECT_AFTER)
    try:
        status = cli.main(prog_name="perfgate", standalone_mode=False)
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        _say("perfgate: interrupted: nothing was judged")
        status = _INTERRUPTED
    except click.ClickException as error:
        _say(_usage_line(error))
        status = error.exit_code
    except PerfgateError as error:
        _say_error(error)
        status = error.exit_status
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _BROKEN_PIPE
    sys.exit(status or 0)


def _terminated(number: int, frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that processes and trees are cleaned up."""
    del number, frame
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _say_error(error: PerfgateError) -> None:
    """Say what is wrong in one line; what a suite itself printed follows, marked as such."""
    from perfgate.report.text import visible

    first, *details = str(error).splitlines() or [""]
    _say(f"perfgate: {visible(first)}")
    for line in details:
        _say(f"  | {visible(line)}")


def _usage_line(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "perfgate"
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{command}: {message[:1].lower()}{message[1:]}; see {command} --help"


# --- what commands share -----------------------------------------------------------------------


class _Shared:
    """What every command may be told, and what it gets from outside."""

    color = "auto"

    def config(self) -> "Config":
        import datetime as dt

        from perfgate.config import find_root, load_config

        return load_config(find_root(Path.cwd()), today=dt.datetime.now(tz=dt.UTC).date())

    @contextlib.contextmanager
    def machine(self, title: str) -> Iterator["Machine"]:
        """Yield what measuring needs, with a progress bar on a terminal."""
        import random

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


_Command = TypeVar("_Command", bound=Callable[..., Any])
_pass_shared = click.make_pass_decorator(_Shared, ensure=True)


def _enter(context: click.Context, parameter: click.Parameter, folder: Path | None) -> None:
    del context, parameter
    if folder is not None:
        try:
            os.chdir(folder)
        except OSError as error:
            raise UsageError(f"-C {folder}: {error.strerror}") from error


def _choose_color(context: click.Context, parameter: click.Parameter, color: str | None) -> None:
    del parameter
    shared = context.ensure_object(_Shared)
    if color is not None:
        shared.color = color


def _everywhere(command: _Command) -> _Command:
    """Add the options that may stand before and after the name of a command."""
    color = click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        callback=_choose_color,
        expose_value=False,
        show_default="auto",
        help="Colour the report; auto: on a terminal, and without NO_COLOR.",
    )
    directory = click.option(
        "-C",
        "directory",
        metavar="DIR",
        type=click.Path(path_type=Path),
        callback=_enter,
        is_eager=True,
        expose_value=False,
        show_default="the current folder",
        help="Run as if started in this folder.",
    )
    return directory(color(command))


def _shared(command: Callable[..., Any]) -> Callable[..., Any]:
    return _everywhere(_pass_shared(command))


def _progress(title: str) -> "AbstractContextManager[Progress]":
    """Show how far measuring is, on a terminal only."""
    from perfgate.measure.process import Progress

    if not sys.stderr.isatty():
        return contextlib.nullcontext(Progress())
    from perfgate.commands.progress import progress_bar

    return progress_bar(title, sys.stderr)


def _write(target: str, data: bytes) -> None:
    """Write a file as a whole, or to standard output for "-".

    Raises:
        UsageError: it cannot be written.
    """
    from perfgate.commands.output import write_file

    if target == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    else:
        write_file(Path(target), data)


def _print_report(
    report: "Report", shared: _Shared, *, target: str | None = None, verbose: bool = False
) -> None:
    """Print a report, unless it went to standard output as a document already."""
    if target != "-":
        _print_table(report, shared, verbose=verbose)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _show_in_actions(report, is_stdout_taken=target == "-")


def _print_table(report: "Report", shared: _Shared, *, verbose: bool) -> None:
    import shutil

    from perfgate.report.terminal import render_terminal

    width = shutil.get_terminal_size((100, 24)).columns
    print(render_terminal(report, width=width, color=shared.has_color, verbose=verbose), end="")


def _show_in_actions(report: "Report", *, is_stdout_taken: bool) -> None:
    """Write annotations (the runner reads both streams) and the job summary."""
    from perfgate.commands.actions import annotation_lines, append_summary

    for line in annotation_lines(report):
        print(line, file=sys.stderr if is_stdout_taken else sys.stdout)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            append_summary(report, Path(summary))
        except OSError as error:  # the verdict stands without it
            _say(f"perfgate: {summary}: the job summary cannot be written: {error.strerror}")


def _encoded(report: "Report") -> bytes:
    from perfgate.report.document import encode_report

    return encode_report(report)


def _save(report: "Report", target: str, root: Path) -> None:
    from perfgate.report.markdown import render_markdown

    if target != _REPORT:
        _write(target, _encoded(report))
        return
    _write(str(root / _REPORT), _encoded(report))
    _write(str(root / _MARKDOWN), render_markdown(report).encode())


def _read_report(path: Path) -> "Report":
    from perfgate.readers.document import read_document
    from perfgate.report.document import decode_report

    return decode_report(read_document(path), str(path))


def _with(config: "Config", threshold: str | None, budget: str | None = None) -> "Config":
    from dataclasses import replace

    from perfgate.config import parse_budget, parse_threshold

    if threshold is not None:
        config = replace(config, threshold=_parsed("--threshold", threshold, parse_threshold))
    if budget is not None:
        config = replace(config, budget_s=_parsed("--budget", budget, parse_budget))
    return config


def _parsed(option: str, text: str, parse: Callable[[str], float]) -> float:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


# --- commands ----------------------------------------------------------------------------------


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    no_args_is_help=False,
)
@click.version_option(__version__, "-V", "--version", message="perfgate %(version)s")
@_everywhere
def cli() -> None:
    """Fail a pull request when something really became slower, and on nothing else.

    Exit status: 0 passed; 1 regressed, over a limit, missing or errored; 2 wrong usage,
    configuration or input file; 3 could not decide.
    """


_threshold = click.option(
    "--threshold",
    metavar="RATIO",
    show_default="the setting, else 5%",
    help='Smallest slowdown that must be caught, e.g. "5%".',
)
_verbose = click.option(
    "-v", "--verbose", is_flag=True, help="List and explain everything, what passed too."
)
_sources = click.option(
    "--from",
    "sources",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take results from a file instead of measuring; several are processes of one run.",
)


@cli.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--base", metavar="REV", help="Commit or branch that the change starts from.")
@click.option(
    "--paired",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Run old code beside the new: auto where there is git, always or fail, or never.",
)
@_threshold
@click.option(
    "--budget",
    metavar="TIME",
    show_default="the setting, else 10m",
    help='Time that measuring may take, e.g. "5m".',
)
@click.option(
    "--report",
    "target",
    metavar="FILE",
    default=_REPORT,
    help='Where to write it; "-" is standard output.',
)
@_verbose
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
    _print_report(report, shared, target=options["target"], verbose=options["verbose"])
    return report.exit_status


@cli.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option(
    "--processes",
    type=click.IntRange(1, 1000),
    show_default="the setting, else 5",
    help="Fresh processes per suite.",
)
@click.option("--shard", metavar="I/N", help="Measure only this share of the benchmarks.")
@_sources
@click.option(
    "--output",
    metavar="FILE",
    default="-",
    help='Where to write the results; "-" is standard output.',
)
@_shared
def run(shared: _Shared, /, suites: tuple[str, ...], output: str, **options: Any) -> int:
    """Measure only; write results that the other commands read."""
    from perfgate.commands.run import measure, take
    from perfgate.commands.selection import parse_shard
    from perfgate.readers.perfgate import encode_results

    config = shared.config()
    if options["sources"]:
        for name in ("processes", "shard"):
            if options[name] is not None:
                raise UsageError(f"--{name} says how to measure, and --from does not measure")
        results = take(options["sources"], config, suites)
    else:
        part = parse_shard(options["shard"]) if options["shard"] else None
        processes = options["processes"] or config.processes
        with shared.machine("measuring") as machine:
            results = measure(config, suites, machine, processes=processes, shard=part)
    _write(output, encode_results(results))
    return _failures(results)


def _failures(results: "Results") -> int:
    from perfgate.model import FailureKind
    from perfgate.report.text import visible

    kinds = []
    for benchmark in results.benchmarks:
        if benchmark.failure is not None:
            kinds.append(benchmark.failure.kind)
            first, *details = benchmark.failure.message.splitlines() or [""]
            place = f"{benchmark.failure.kind.value}: {visible(benchmark.id)}"
            _say(f"{place}: {visible(first)}" if first else place)
            for line in details:
                _say(f"  | {visible(line)}")
    if any(kind is not FailureKind.SKIPPED for kind in kinds):
        return 1
    if len(kinds) == len(results.benchmarks):
        _say("perfgate: nothing was measured: every benchmark was skipped")
        return 3
    return 0


@cli.command()
@click.argument("current", type=click.Path(path_type=Path))
@click.option(
    "--against",
    metavar="FILE|REV|DIR",
    show_default="baselines/",
    help="What to compare with.",
)
@_threshold
@click.option("--report", "target", metavar="FILE", help='Write it there; "-" is standard output.')
@_verbose
@_shared
def compare(shared: _Shared, /, current: Path, **options: Any) -> int:
    """Judge result files without measuring: pytest-benchmark, pyperf or perfgate's own."""
    from perfgate.commands.compare import compare as run_compare

    config = _with(shared.config(), options["threshold"])
    report = run_compare(current, options["against"], config, os.environ)
    if options["target"]:
        _write(options["target"], _encoded(report))
    _print_report(report, shared, target=options["target"], verbose=options["verbose"])
    return report.exit_status


@cli.command("update-baselines")
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--only", metavar="ID", multiple=True, help="Approve this benchmark alone.")
@_sources
@click.option("--prune", is_flag=True, help="Remove the lines of benchmarks that are gone.")
@click.option("--reason", metavar="TEXT", required=True, help="Why the new numbers are right.")
@_shared
def update_baselines(shared: _Shared, /, suites: tuple[str, ...], **options: Any) -> int:
    """Approve the numbers as they are now; lines within the noise keep every byte."""
    from perfgate.commands.run import measure, take
    from perfgate.commands.update_baselines import check_folder, check_reason, describe
    from perfgate.commands.update_baselines import update_baselines as update

    config = shared.config()
    reason = check_reason(options["reason"])
    folder = config.root / "baselines"
    if options["sources"]:
        results = take(options["sources"], config, suites)
    else:
        check_folder(folder)
        with shared.machine("measuring") as machine:
            results = measure(config, suites, machine, processes=config.processes)
    done = update(
        results,
        folder=folder,
        suites=suites or None,
        only=frozenset(options["only"]),
        prune=options["prune"],
        reason=reason,
    )
    for line in describe(done, config.root):
        print(line)
    return 0 if options["only"] else _failures(results)


def _print_schema(context: click.Context, _option: click.Parameter, is_wanted: object) -> None:
    import json

    from perfgate.report.document import report_schema

    if is_wanted:
        click.echo(json.dumps(report_schema(), indent=2))
        context.exit()


@cli.command()
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
@click.option("--junit", metavar="FILE", help="Write JUnit XML.")
@click.option("--json", "json_target", metavar="FILE", help="Write the report again, normalised.")
@_verbose
@_shared
def report(shared: _Shared, /, source: Path, **options: Any) -> int:
    """Render a report again; "-" is standard output, and without a FILE it gets the table.

    The exit status is that of rendering, not of the verdict.
    """
    from perfgate.report.junit import render_junit
    from perfgate.report.markdown import render_markdown

    found = _read_report(source)
    renderers: dict[str, Callable[[Report], bytes]] = {
        "markdown": lambda shown: render_markdown(shown).encode(),
        "junit": render_junit,
        "json_target": _encoded,
    }
    targets = {name: options[name] for name in renderers if options[name]}
    if list(targets.values()).count("-") > 1:
        raise UsageError('only one of --markdown, --junit and --json can be "-"')
    written = {target: renderers[name](found) for name, target in targets.items()}
    for target, data in written.items():
        _write(target, data)
    if not targets:
        _print_table(found, shared, verbose=options["verbose"])
    return 0


@cli.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--output", metavar="FILE", required=True, help='Where to write it; "-" is standard output.'
)
@click.option("--expect", type=click.IntRange(1), help="How many legs there must be.")
@_shared
def merge(shared: _Shared, /, sources: tuple[Path, ...], output: str, expect: int | None) -> int:
    """Combine shards and matrix legs; a missing one is an error.

    Reports (of `check` and `compare`) make one report with the worst verdict. Results of
    `run --shard` make one file of results for `compare` and `update-baselines`.
    """
    from perfgate.commands.merge import merge_files
    from perfgate.model import Results
    from perfgate.readers.perfgate import encode_results

    merged = merge_files(sources, expected=expect)
    if isinstance(merged, Results):
        _write(output, encode_results(merged))
        return _failures(merged)
    _write(output, _encoded(merged))
    _print_report(merged, shared, target=output)
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
    /,
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
        print(line)
    if write:
        advice = found.advice
        print(f"written: {write_settings(config, advice.settings(), advice.overrides)}")
    return 0


@cli.command()
@_everywhere
def init() -> int:
    """Write settings, a first suite and a workflow; whatever exists stays as it is."""
    from perfgate.commands.init import initialise

    for line in initialise(Path.cwd()):
        print(line)
    return 0
