"""What to do about a verdict, with the exact command where one helps."""

import dataclasses
from typing import Final

from perfgate.model import Judgement, Reason, Verdict
from perfgate.report.text import quote_shell

__all__ = ["Advice", "advise"]

_COMMAND_LIMIT: Final = 600
"""Characters of a command beyond which showing it helps nobody."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A line and the command that it introduces; either may be empty."""

    text: str = ""
    command: str = ""


_UPDATE: Final = 'perfgate update-baselines --only {id} --reason "..."'
_PAIRED: Final = Advice(
    text="Compare the code instead of the numbers:", command="perfgate check --paired always"
)
_BY_VERDICT: Final = {
    Verdict.REGRESSED: Advice(text="If the slowdown is intended, accept it:", command=_UPDATE),
    Verdict.LIMIT_EXCEEDED: Advice(text="Make it faster, or change the limit."),
    Verdict.ERRORED: Advice(text="See it fail:", command="python -m pytest {id}"),
    Verdict.MISSING: Advice(
        text="If it was removed on purpose, drop its baseline:",
        command='perfgate update-baselines --prune --only {id} --reason "..."',
    ),
    Verdict.DRIFTED: Advice(
        text="Find the change that did it, or accept the new time:", command=_UPDATE
    ),
    Verdict.IMPROVED: Advice(text="Take the new time as baseline:", command=_UPDATE),
    Verdict.NEW: Advice(
        text="Record what is new; lines within the noise stay as they are:",
        command='perfgate update-baselines --reason "..."',
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


def advise(judgement: Judgement) -> Advice:
    """Say what to do about a verdict; empty where nobody has to do anything."""
    if judgement.verdict is Verdict.UNDECIDED:
        return _BY_REASON.get(judgement.reason, Advice())
    advice = _BY_VERDICT.get(judgement.verdict, Advice())
    command = advice.command.replace("{id}", quote_shell(judgement.benchmark))
    if len(command) > _COMMAND_LIMIT:
        text = advice.text.removesuffix(":")
        return Advice(text=f"{text} (its id is too long to show the command).")
    return Advice(text=advice.text, command=command)
