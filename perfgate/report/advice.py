"""What to do about a verdict, with the exact command where one helps."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from perfgate.model import Judgement, Reason, Verdict
from perfgate.report.text import quote_shell

__all__ = ["Advice", "Command", "advise", "join_commands"]

_COMMAND_LIMIT: Final = 600
"""Characters of a command beyond which showing it helps nobody."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A line for a shell; its target holds a quoted id from outside, on one line and visible."""

    start: str
    target: str = ""
    end: str = ""

    @property
    def line(self) -> str:
        """Write the command to be copied."""
        return " ".join(part for part in (self.start, self.target, self.end) if part)


def join_commands(commands: Sequence[Command], *, limit_chars: int) -> tuple[str, int]:
    """Put commands that differ in their target into one line, and say how many it holds.

    The first always stands; further ones as long as the line keeps to its limit.
    """
    first = commands[0]
    targets: dict[str, None] = {}
    size = len(first.line)
    held = 0
    for command in commands:
        size += len(command.target) + 1 if targets and command.target not in targets else 0
        if size > limit_chars and targets:
            break
        targets[command.target] = None
        held += 1
    return Command(start=first.start, target=" ".join(targets), end=first.end).line, held


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A line and the command that it introduces; there may be neither."""

    text: str = ""
    command: Command | None = None


_REASON: Final = '--reason "..."'
_UPDATE: Final = Command(start="perfgate update-baselines", target="--only {id}", end=_REASON)
_PRUNE: Final = Command(
    start="perfgate update-baselines --prune", target="--only {id}", end=_REASON
)
_PAIRED: Final = Advice(
    text="Compare the code instead of the numbers:",
    command=Command(start="perfgate check --paired always"),
)
_MORE_MEMORY: Final = Advice(text="If it is intended, accept it:", command=_UPDATE)
_HERE: Final = Advice(text="If these files were measured on this machine, say so with --here.")
_BY_VERDICT: Final = {
    Verdict.REGRESSED: Advice(text="If the slowdown is intended, accept it:", command=_UPDATE),
    Verdict.LIMIT_EXCEEDED: Advice(text="Make it faster, or change the limit."),
    Verdict.ERRORED: Advice(
        text="See it fail:", command=Command(start="python -m pytest", target="{id}")
    ),
    Verdict.MISSING: Advice(
        text="If it was removed on purpose, drop its baseline:", command=_PRUNE
    ),
    Verdict.DRIFTED: Advice(
        text="Find the change that did it, or accept the new time:", command=_UPDATE
    ),
    Verdict.IMPROVED: Advice(text="Take the new time as baseline:", command=_UPDATE),
    Verdict.NEW: Advice(
        text="Record what is new; lines within the noise stay as they are:",
        command=Command(start="perfgate update-baselines", end=_REASON),
    ),
}
_BY_REASON: Final = {
    Reason.OTHER_HARDWARE: _PAIRED,
    Reason.OTHER_ENVIRONMENT: _PAIRED,
    Reason.NO_REFERENCE: _PAIRED,
    Reason.TOO_NOISY: Advice(text="Run it on a quieter machine, or with a larger budget."),
    Reason.OUT_OF_BUDGET: Advice(text="Give the run a larger budget."),
    Reason.LIMIT_UNMEASURED: Advice(text="Let it run more rounds, or change the limit."),
}


def advise(judgement: Judgement, benchmark: str) -> Advice:
    """Say what to do about a verdict on a benchmark; empty where nobody has to do anything.

    ``benchmark`` is the id that commands know it by.
    """
    baseline = judgement.baseline
    if judgement.reason is Reason.OTHER_HARDWARE and baseline is not None and not baseline.cpu:
        return _HERE
    if judgement.verdict is Verdict.UNDECIDED:
        return _BY_REASON.get(judgement.reason, Advice())
    advice = _BY_VERDICT.get(judgement.verdict, Advice())
    if judgement.reason is Reason.MORE_MEMORY:
        advice = _MORE_MEMORY
    if advice.command is None:
        return advice
    target = advice.command.target.replace("{id}", quote_shell(benchmark))
    command = dataclasses.replace(advice.command, target=target)
    if len(command.line) > _COMMAND_LIMIT:
        text = advice.text.removesuffix(":")
        return Advice(text=f"{text} (its id is too long to show the command).")
    return Advice(text=advice.text, command=command)
