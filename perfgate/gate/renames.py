"""Renamed benchmarks: the probable counterpart of what is missing and what is new."""

import difflib
from collections.abc import Sequence
from typing import Final

import msgspec

from perfgate.model import Judgement, Verdict

__all__ = ["with_similar"]

_ALIKE: Final = 0.75
_MOST_COMPARED: Final = 10_000_000
"""Pairs of characters: two seconds at worst, also with names that somebody made to be slow."""


def with_similar(judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Name the probable counterpart of what is missing and what is new: a rename is both."""
    new = [one.benchmark for one in judgements if one.verdict is Verdict.NEW]
    missing = [one.benchmark for one in judgements if one.verdict is Verdict.MISSING]
    if not new or not missing or len("".join(new)) * len("".join(missing)) > _MOST_COMPARED:
        return tuple(judgements)  # not one by one
    partner = {name: _most_similar(name, new) for name in missing}
    partner |= {other: name for name, other in partner.items() if other}
    return tuple(
        msgspec.structs.replace(one, similar=partner[one.benchmark])
        if partner.get(one.benchmark)
        else one
        for one in judgements
    )


def _most_similar(name: str, others: Sequence[str]) -> str:
    own = name.rpartition("::")[2]
    moved = [other for other in others if other.rpartition("::")[2] == own]
    return next(iter(moved or difflib.get_close_matches(name, others, 1, _ALIKE)), "")
