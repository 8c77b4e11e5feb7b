"""Measurements of several services for people and for programs: a table, Markdown, JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from perfgate.report.markup import cell, markdown
from perfgate.report.text import Quoted, visible
from perfgate.testing.measurement import Measurement
from perfgate.testing.verdict import Check, LoadVerdict
from perfgate.units import format_bytes, format_number, format_percent, format_seconds

if TYPE_CHECKING:
    from perfgate.report.load_page import LoadShown

__all__ = ["LoadReport", "Reported"]

_COLUMNS: Final = ("Verdict", "Operation", "Mean", "p95", "Success", "Per second", "Memory")
_UNKNOWN: Final = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A measurement with the limits that it was held against."""

    service: str
    measurement: Measurement
    limits: tuple[str, ...]

    @property
    def check(self) -> Check:
        """The verdict, with its reasons."""
        return self.measurement.check(*self.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What was measured, in the order in which it was."""

    entries: tuple[Reported, ...]

    @property
    def verdict(self) -> LoadVerdict:
        """The worst of all; nothing measured is inconclusive."""
        verdicts = {entry.check.verdict for entry in self.entries}
        for verdict in (LoadVerdict.FAILED, LoadVerdict.INCONCLUSIVE, LoadVerdict.PASSED):
            if verdict in verdicts:
                return verdict
        return LoadVerdict.INCONCLUSIVE

    def as_text(self) -> str:
        """Return a table for a terminal, and below it why something did not pass."""
        rows = [_COLUMNS, *map(_row, self.entries)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *(f"{name}: {why}" for name, why in self._reasons())]) + "\n"

    def as_markdown(self) -> str:
        """Return a table in Markdown, and below it why something did not pass."""
        rows: list[tuple[str, ...]] = [_COLUMNS, ("---",) * len(_COLUMNS)]
        rows += [
            (verdict, cell((Quoted(title),)), *numbers)
            for verdict, title, *numbers in map(_row, self.entries)
        ]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        reasons = [
            markdown(("- ", Quoted(name), ": ", Quoted(why))) for name, why in self._reasons()
        ]
        return "\n".join([*lines, *(["", *reasons] if reasons else [])]) + "\n"

    def as_json(self) -> str:
        """Return all numbers, in seconds, bytes, ratios and per second; null for unknown ones."""
        return json.dumps(
            {
                "verdict": self.verdict.value,
                "quantile_method": "nearest-rank",
                "measurements": [_entry(entry) for entry in self.entries],
            },
            indent=2,
            allow_nan=False,
        )

    def as_html(self, title: str = "load") -> bytes:
        """Return a page that stands alone: percentiles, histogram and errors of each entry."""
        from perfgate.report.load_page import render_load_page

        return render_load_page(title, [_shown(entry) for entry in self.entries])

    def _reasons(self) -> Sequence[tuple[str, str]]:
        return [
            (_title(entry), visible(entry.check.reason))
            for entry in self.entries
            if entry.check.verdict is not LoadVerdict.PASSED
        ]


def _title(entry: Reported) -> str:
    return visible(f"{entry.service}: {entry.measurement.name}")


def _row(entry: Reported) -> tuple[str, ...]:
    load = entry.measurement.load
    growth = entry.measurement.memory_growth_bytes
    rate, per_s = load.success_rate, load.ops_per_s
    p95_s = load.times.supported_s(95)
    return (
        entry.check.verdict.value,
        _title(entry),
        _UNKNOWN if load.times.mean_s is None else format_seconds(load.times.mean_s),
        _UNKNOWN if p95_s is None else format_seconds(p95_s),
        _UNKNOWN if rate is None else format_percent(rate),
        _UNKNOWN if per_s is None else format_number(per_s),
        _UNKNOWN if growth is None else _signed(growth),
    )


def _signed(growth: int) -> str:
    return f"{'-' if growth < 0 else '+'}{format_bytes(abs(growth))}"


def _shown(entry: Reported) -> "LoadShown":
    from perfgate.report.load_charts import bins_of, quantiles_of
    from perfgate.report.load_page import LoadShown

    load = entry.measurement.load
    times_s = load.times.all_s()
    check = entry.check
    growth = entry.measurement.memory_growth_bytes
    facts = {
        "Operations": f"{load.ok:,} succeeded, {load.failed:,} failed",
        "Mean": "" if load.times.mean_s is None else format_seconds(load.times.mean_s),
        "Under way": f"{load.concurrency:.3g} on average",
        "Memory": "" if growth is None else _signed(growth),
    }
    return LoadShown(
        name=f"{entry.service}: {entry.measurement.name}",
        outcome=check.verdict.value,
        reasons=(*check.failures, *check.doubts),
        limits=entry.limits,
        p95_s=load.times.supported_s(95),
        success_rate=load.success_rate,
        ops_per_s=load.ops_per_s,
        facts=tuple((name, (text,)) for name, text in facts.items() if text),
        quantiles=quantiles_of(times_s),
        histogram=bins_of(times_s),
        errors=tuple(
            (f"{outcome.value}: {detail}" if detail else outcome.value, count)
            for outcome, group in load.failures.items()
            for detail, count in (group.details or {"": group.count}).items()
        ),
    )


def _entry(entry: Reported) -> dict[str, Any]:
    check = entry.check
    metrics = {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in entry.measurement.metrics().items()
    }
    return {
        "service": entry.service,
        "name": entry.measurement.name,
        "verdict": check.verdict.value,
        "limits": list(entry.limits),
        "failures": list(check.failures),
        "doubts": list(check.doubts),
        "errors": entry.measurement.errors,
        "metrics": metrics,
    }
