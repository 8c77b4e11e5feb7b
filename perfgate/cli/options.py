"""What commands may be told, and what they get from outside."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from perfgate.errors import UsageError

if TYPE_CHECKING:
    from perfgate.commands.run import Machine
    from perfgate.config import Config
    from perfgate.measure.process import Progress

__all__ = [
    "Shared",
    "branch_option",
    "check_here",
    "everywhere",
    "here_option",
    "progress_on",
    "remote_option",
    "shared_options",
    "sources_option",
    "threshold_option",
    "verbose_option",
    "with_options",
]


class Shared:
    """What every command may be told, and what it gets from outside."""

    color = "auto"

    def config(self) -> "Config":
        """Read the settings of the project around the current folder."""
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
        with progress_on(title) as progress, kept_bytecode(dict(os.environ), cache_dir) as environ:
            yield Machine(
                environ=environ,
                python=Path(sys.executable),
                cache_dir=cache_dir,
                seed=random.SystemRandom().randrange(2**31),
                progress=progress,
            )

    @property
    def has_color(self) -> bool:
        """Whether what goes to standard output may be coloured."""
        if self.color != "auto":
            return self.color == "always"
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


_Command = TypeVar("_Command", bound=Callable[..., Any])
_pass_shared = click.make_pass_decorator(Shared, ensure=True)


def _enter(context: click.Context, parameter: click.Parameter, folder: Path | None) -> None:
    del context, parameter
    if folder is not None:
        try:
            os.chdir(folder)
        except OSError as error:
            raise UsageError(f"-C {folder}: {error.strerror}") from error


def _choose_color(context: click.Context, parameter: click.Parameter, color: str | None) -> None:
    del parameter
    shared = context.ensure_object(Shared)
    if color is not None:
        shared.color = color


def everywhere(command: _Command) -> _Command:
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


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what all have in common, as its first argument."""
    return everywhere(_pass_shared(command))


def progress_on(title: str) -> "AbstractContextManager[Progress]":
    """Show how far something is, on a terminal only."""
    from perfgate.measure.process import Progress

    if not sys.stderr.isatty():
        return contextlib.nullcontext(Progress())
    from perfgate.commands.progress import progress_bar

    return progress_bar(title, sys.stderr)


def with_options(
    config: "Config",
    threshold: str | None,
    budget: str | None = None,
    *,
    counters: bool = False,
) -> "Config":
    """Let options win over settings.

    Raises:
        UsageError: one cannot be read.
    """
    from dataclasses import replace

    from perfgate.config import Counters, parse_budget, parse_threshold

    if threshold is not None:
        config = replace(config, threshold=_parsed("--threshold", threshold, parse_threshold))
    if budget is not None:
        config = replace(config, budget_s=_parsed("--budget", budget, parse_budget))
    if counters and config.counters is not Counters.PERF:
        config = replace(config, counters=Counters.CALLGRIND)
    return config


def check_here(is_here: bool, sources: Sequence[Path]) -> None:  # noqa: FBT001 - two options as click has them
    """Refuse to be told where results that are yet to be measured come from.

    Raises:
        UsageError: there are no files that it could be about.
    """
    if is_here and not sources:
        raise UsageError("--here is about the files of --from, and there are none")


def _parsed(option: str, text: str, parse: Callable[[str], float]) -> float:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


threshold_option = click.option(
    "--threshold",
    metavar="RATIO",
    show_default="the setting, else 5%",
    help='Smallest slowdown that must be caught, e.g. "5%".',
)
verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="List and explain everything, what passed too."
)
branch_option = click.option(
    "--branch", metavar="NAME", default="perfgate-data", help="Branch that collects runs."
)
remote_option = click.option(
    "--remote",
    metavar="URL",
    show_default="the workflow's repository, else the clone's remote",
    help="Repository that holds the branch.",
)
sources_option = click.option(
    "--from",
    "sources",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take results from a file instead of measuring; several are processes of one run.",
)
here_option = click.option(
    "--here",
    is_flag=True,
    help="The files were measured on this machine, where they do not name another CPU.",
)
