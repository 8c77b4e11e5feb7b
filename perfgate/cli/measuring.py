"""Commands that measure: check, run, update-baselines, calibrate."""

from typing import Any

import click

from perfgate.cli.options import (
    Shared,
    check_here,
    here_option,
    shared_options,
    sources_option,
    threshold_option,
    verbose_option,
    with_options,
)
from perfgate.cli.printing import REPORT, failure_status, print_report, save, write
from perfgate.errors import UsageError

__all__ = ["calibrate", "check", "run", "update_baselines"]


@click.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--base", metavar="REV", help="Commit or branch that the change starts from.")
@click.option(
    "--paired",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Run old code beside the new: auto where there is git, always or fail, or never.",
)
@threshold_option
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
    default=REPORT,
    help='Where to write it; "-" is standard output.',
)
@verbose_option
@shared_options
def check(shared: Shared, /, suites: tuple[str, ...], **options: Any) -> int:
    """Measure, compare with the approved and the former code, and judge."""
    from perfgate.commands.check import CheckOptions, Paired
    from perfgate.commands.check import check as run_check

    config = with_options(shared.config(), options["threshold"], options["budget"])
    wanted = CheckOptions(suites=suites, base=options["base"], paired=Paired(options["paired"]))
    with shared.machine("measuring") as machine:
        report = run_check(config, wanted, machine)
    save(report, options["target"], config.root)
    print_report(
        report, color=shared.has_color, target=options["target"], verbose=options["verbose"]
    )
    return report.exit_status


@click.command()
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option(
    "--processes",
    type=click.IntRange(1, 1000),
    show_default="the setting, else 5",
    help="Fresh processes per suite.",
)
@click.option(
    "--counters",
    is_flag=True,
    show_default="the setting",
    help="Count the instructions of every call as well, under valgrind's callgrind"
    " or with what the settings name.",
)
@click.option("--shard", metavar="I/N", help="Measure only this share of the benchmarks.")
@sources_option
@here_option
@click.option(
    "--output",
    metavar="FILE",
    default="-",
    help='Where to write the results; "-" is standard output.',
)
@shared_options
def run(shared: Shared, /, suites: tuple[str, ...], output: str, **options: Any) -> int:
    """Measure only; write results that the other commands read."""
    from perfgate.commands.run import measure, take
    from perfgate.commands.selection import parse_shard
    from perfgate.readers.perfgate import encode_results

    check_here(options["here"], options["sources"])
    config = with_options(shared.config(), None, counters=options["counters"])
    if options["sources"]:
        for name in ("processes", "shard"):
            if options[name] is not None:
                raise UsageError(f"--{name} says how to measure, and --from does not measure")
        results = take(options["sources"], config, suites, is_here=options["here"])
    else:
        part = parse_shard(options["shard"]) if options["shard"] else None
        processes = options["processes"] or config.processes
        with shared.machine("measuring") as machine:
            results = measure(config, suites, machine, processes=processes, shard=part)
    write(output, encode_results(results))
    return failure_status(results)


@click.command("update-baselines")
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--only", metavar="ID", multiple=True, help="Approve this benchmark alone.")
@sources_option
@here_option
@click.option("--prune", is_flag=True, help="Remove the lines of benchmarks that are gone.")
@click.option("--reason", metavar="TEXT", required=True, help="Why the new numbers are right.")
@shared_options
def update_baselines(shared: Shared, /, suites: tuple[str, ...], **options: Any) -> int:
    """Approve the numbers as they are now; lines within the noise keep every byte."""
    from perfgate.commands.run import measure, take
    from perfgate.commands.update_baselines import check_folder, check_reason, describe
    from perfgate.commands.update_baselines import update_baselines as update

    config = shared.config()
    reason = check_reason(options["reason"])
    check_here(options["here"], options["sources"])
    if options["sources"]:
        results = take(options["sources"], config, suites, is_here=options["here"])
    else:
        check_folder(config.root / "baselines")
        with shared.machine("measuring") as machine:
            results = measure(config, suites, machine, processes=config.processes)
    done = update(
        results,
        config=config,
        suites=suites or None,
        only=frozenset(options["only"]),
        prune=options["prune"],
        reason=reason,
    )
    for line in describe(done, config.root):
        print(line)
    return 0 if options["only"] else failure_status(results)


@click.command()
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
@shared_options
def calibrate(
    shared: Shared,
    /,
    suites: tuple[str, ...],
    pairs: int,
    trials: int,
    write: bool,  # noqa: FBT001 - click passes by name
) -> int:
    """Measure identical code on this machine: false alarms, what can be found, advice."""
    from perfgate.commands.calibrate import calibrate as run_calibrate
    from perfgate.commands.calibrate import write_advice
    from perfgate.commands.calibration_text import describe

    config = shared.config()
    with shared.machine("measuring") as machine:
        found = run_calibrate(config, suites, machine, pairs=pairs, trials=trials)
    for line in describe(found, config):
        print(line)
    if write:
        print(f"written: {write_advice(found.advice, config)}")
    return 0
