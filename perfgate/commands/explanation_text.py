"""An explanation in lines for a terminal."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from perfgate.commands.explain import Explanation, Growth
from perfgate.report.text import visible
from perfgate.units import format_instructions, format_number, format_seconds

__all__ = ["describe"]

_SHOWN: Final = 8


def describe(explanation: Explanation) -> Iterator[str]:
    """Yield what grew: functions with file and line, their share before and after."""
    before, after = explanation.seconds_before, explanation.seconds_after
    yield visible(explanation.benchmark)
    took = _change(before, after, format_seconds)
    yield f"against {explanation.base[:10]}, under a profiler: {took}"
    yield from _table(explanation.python, format_seconds, "no Python function takes longer")
    if explanation.instructions_before is None or explanation.instructions_after is None:
        yield f"functions in C: {explanation.why_no_counts}"
    else:
        counts = explanation.instructions_before, explanation.instructions_after
        yield f"instructions of a call: {_change(*counts, format_instructions)}"
        yield from _table(explanation.native, format_instructions, "no function in C takes more")
    yield from (f"written: {visible(file)}" for file in explanation.files)


def _table(grown: Sequence[Growth], write: Callable[[float], str], nothing: str) -> Iterator[str]:
    if not grown:
        yield f"  {nothing}"
    for one in grown[:_SHOWN]:
        amounts = f"{write(one.before) if one.before else 'nothing'} → {write(one.after)}"
        shares = f"{one.share_before:.1%} → {one.share_after:.1%} of the call"
        yield f"  +{write(one.after - one.before)}  {_place(one)}: {amounts}, {shares}{_more(one)}"
    if len(grown) > _SHOWN:
        yield f"  and {len(grown) - _SHOWN} more"


def _place(one: Growth) -> str:
    where = f"{one.file}:{one.line}" if one.line else one.file
    return f"{visible(one.name)} ({visible(where)})" if where else visible(one.name)


def _more(one: Growth) -> str:
    within = f", most of it in {visible(one.within)}" if one.within else ""
    if one.calls_before is None or one.calls_after is None:
        return within
    before, after = format_number(one.calls_before), format_number(one.calls_after)
    return within if before == after else f"{within}, called {before} → {after} times"


def _change(before: float, after: float, write: Callable[[float], str]) -> str:
    percent = f" ({after / before - 1:+.1%})" if before > 0 else ""
    return f"{write(before)} → {write(after)}{percent}"
