"""A monitor's report for people: Markdown, and plain text for a terminal."""

from collections.abc import Sequence
from typing import Final

from perfgate.operations import Alert, AlertState, OperationsReport, OperationSummary
from perfgate.report.markup import cell
from perfgate.report.text import Quoted, Sentence, plain
from perfgate.units import format_duration, format_number, format_percent, format_seconds

__all__ = ["operations_markdown", "operations_text"]

_HEADINGS: Final = ("Operation", "Total", "Succeeded", "Average", "p50", "p95", "p99", "Max")
_NONE: Final = "-"
_RATIOS: Final = frozenset({"error_rate", "success_rate"})
_PLAIN: Final = frozenset({"burn_rate", "ops_per_s"})


def operations_markdown(report: OperationsReport) -> str:
    """Render a report in GitHub's Markdown; names of operations stand in code spans."""
    lines = [f"### {_headline(report)}", ""]
    if report.operations:
        lines += [
            f"| {' | '.join(_HEADINGS)} |",
            f"|:---|{'---:|' * (len(_HEADINGS) - 1)}",
            *(f"| {' | '.join((cell(_name(one)), *_numbers(one)))} |" for one in report.operations),
            "",
        ]
    lines += [f"- {cell(_alert(alert))}" for alert in report.alerts]
    if report.alerts:
        lines.append("")
    lines += [f"{note}\n" for note in _notes(report)]
    return "\n".join(lines).rstrip("\n") + "\n"


def operations_text(report: OperationsReport) -> str:
    """Render a report as text in columns; every character of a name is visible."""
    rows = [_HEADINGS, *((plain(_name(one)), *_numbers(one)) for one in report.operations)]
    lines = [_headline(report), ""]
    if report.operations:
        lines += [*_columns(rows), ""]
    lines += [plain(_alert(alert)) for alert in report.alerts]
    lines += _notes(report)
    return "\n".join(lines).rstrip("\n") + "\n"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if place else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _headline(report: OperationsReport) -> str:
    firing = sum(alert.state is AlertState.FIRING for alert in report.alerts)
    total = sum(one.total_operations for one in report.operations)
    state = "no alert fires" if not firing else f"{firing} alert{'s' * (firing != 1)} firing"
    until = f"{report.timestamp:%Y-%m-%d %H:%M:%S %Z}"
    return f"{total} operations in {format_duration(report.duration_s)} until {until}: {state}"


def _name(one: OperationSummary) -> Sentence:
    return (Quoted(f"{one.service}:{one.operation}"),)


def _numbers(one: OperationSummary) -> tuple[str, ...]:
    times = (one.average_s, one.p50_s, one.p95_s, one.p99_s, one.max_s)
    return (
        str(one.total_operations),
        _NONE if one.success_rate is None else format_percent(one.success_rate),
        *(_NONE if time is None else format_seconds(time) for time in times),
    )


def _alert(alert: Alert) -> Sentence:
    until = f" until {alert.resolved_at:%H:%M:%S}" if alert.resolved_at else ", still so"
    counted = f", found {alert.count} times" if alert.count > 1 else ""
    return (
        f"{alert.severity.value} ({alert.state.value}): ",
        Quoted(f"{alert.service}:{alert.operation}"),
        " did not keep ",
        Quoted(alert.rule),
        f": {_observed(alert)} from {alert.first_seen:%Y-%m-%d %H:%M:%S}{until}{counted}",
        *((" in ", Quoted(alert.trace_id)) if alert.trace_id else ()),
    )


def _observed(alert: Alert) -> str:
    if alert.metric in _RATIOS:
        return format_percent(alert.observed)
    return (
        format_number(alert.observed) if alert.metric in _PLAIN else format_seconds(alert.observed)
    )


def _notes(report: OperationsReport) -> list[str]:
    counts = {
        "Records beyond 64 operations or 8 outcomes, counted together": report.overflowed,
        "Durations that were no finite numbers": report.rejected,
        "Alerts too soon after their end, not reported": report.suppressed_alerts,
        "Calls of listeners that failed": report.listener_failures,
    }
    return [f"{what}: {count}." for what, count in counts.items() if count]
