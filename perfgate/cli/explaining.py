"""The command that says what became slower: explain."""

import click

from perfgate.cli.options import Shared, shared_options
from perfgate.cli.printing import write

__all__ = ["explain"]


@click.command()
@click.argument("benchmark", metavar="ID")
@click.option("--base", metavar="REV", help="Commit or branch that the change starts from.")
@click.option(
    "--folder",
    metavar="DIR",
    default=".perfgate/explain",
    help="Where the profiles for speedscope and KCachegrind go.",
)
@click.option(
    "--json", "target", metavar="FILE", help='Write it there as JSON; "-" is standard output.'
)
@shared_options
def explain(
    shared: Shared, /, benchmark: str, base: str | None, folder: str, target: str | None
) -> int:
    """Say which functions of a benchmark grew since the merge base, in Python and in C."""
    from perfgate.commands.explain import encode_explanation
    from perfgate.commands.explain import explain as run_explain
    from perfgate.commands.explanation_text import describe

    config = shared.config()
    with shared.machine("profiling") as machine:
        found = run_explain(config, benchmark, machine, base=base, folder=config.root / folder)
    if target is not None:
        write(target, encode_explanation(found))
    if target != "-":
        for line in describe(found):
            print(line)
    return 0
