"""The command line: arguments, environment, printing, exit status; the only place for any of them.

Commands import what they need when they run: ``--help`` and errors in arguments come at once.
"""

import gc
import os
import signal
import sys
from types import FrameType

import click

from perfgate import __version__
from perfgate.cli import commenting, explaining, judging, loading, looking, measuring, recording
from perfgate.cli.options import everywhere
from perfgate.cli.printing import say, say_error
from perfgate.errors import PerfgateError

__all__ = ["cli", "main"]

_INTERRUPTED = 130
_BROKEN_PIPE = 141
_COLLECT_AFTER = 1_000_000


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
        say("perfgate: interrupted: nothing was judged")
        status = _INTERRUPTED
    except click.ClickException as error:
        say(_usage_line(error))
        status = error.exit_code
    except PerfgateError as error:
        say_error(error)
        status = error.exit_status
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _BROKEN_PIPE
    sys.exit(status or 0)


def _terminated(number: int, frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that processes and trees are cleaned up."""
    del number, frame
    raise KeyboardInterrupt


def _usage_line(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "perfgate"
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{command}: {message[:1].lower()}{message[1:]}; see {command} --help"


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    no_args_is_help=False,
)
@click.version_option(__version__, "-V", "--version", message="perfgate %(version)s")
@everywhere
def cli() -> None:
    """Fail a pull request when something really became slower, and on nothing else.

    Exit status: 0 passed; 1 regressed, over a limit, missing or errored; 2 wrong usage,
    configuration or input file; 3 could not decide.
    """


for _command in (
    measuring.check,
    measuring.run,
    measuring.update_baselines,
    measuring.calibrate,
    loading.load,
    explaining.explain,
    judging.compare,
    judging.report,
    judging.merge,
    judging.init,
    commenting.comment,
    commenting.accept_comment,
    recording.record,
    looking.history,
):
    cli.add_command(_command)
