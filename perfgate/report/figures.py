"""The charts of one benchmark: its pairs against the threshold, and how long its rounds took."""

import math
from collections.abc import Sequence

from perfgate.model import (
    Benchmark,
    Comparison,
    Evidence,
    Judgement,
    PairedSamples,
    ProcessRun,
    ReferenceKind,
)
from perfgate.report.charts import (
    Axis,
    Chart,
    Lane,
    Mark,
    clipped_effect,
    effect_axis,
    rounded,
    seconds_axis,
)
from perfgate.report.sentences import interval, name_reference
from perfgate.report.text import plain
from perfgate.units import format_percent, format_ratio, format_seconds

__all__ = ["draw_estimates", "draw_times"]


# --- the pairs ---------------------------------------------------------------------------------


def draw_estimates(judgement: Judgement, evidence: Evidence | None) -> Chart | None:
    """Draw each comparison: its interval, and its pairs against threshold and floor."""
    compared = judgement.comparisons
    if not compared:
        return None
    pairs = {one.reference: one for one in (evidence.pairs if evidence else ())}
    lanes = tuple(_compared_lane(one, pairs.get(one.reference)) for one in compared)
    threshold = math.log1p(max(0.0, judgement.threshold))
    anchors = [end for lane in lanes for end in (lane.middle, *(lane.bar or ())) if end is not None]
    axis = effect_axis(
        anchors,
        (value for lane in lanes for value in (*lane.hollow, *lane.solid)),
        threshold,
        "Change (slower to the right)",
    )
    drawn = any(lane.hollow or lane.solid for lane in lanes)
    return Chart(
        title="Paired estimates" if drawn else "Estimates",
        summary="; ".join(_in_words(one) for one in compared)
        + f"; the threshold is {format_percent(judgement.threshold)}.",
        key="Diamond: the estimate; bar: its interval"
        + ("; dots: confirming pairs; rings: exploring pairs." if drawn else "."),
        axis=axis,
        marks=_lines(judgement, axis, threshold),
        lanes=lanes,
        columns=("Against", "Estimate", "Interval", "Exploring pairs", "Confirming pairs"),
    )


def _in_words(comparison: Comparison) -> str:
    between = interval(comparison)
    size = format_ratio(comparison.log_ratio) + (f" ({between})" if between else "")
    return f"{size} against {plain(name_reference(comparison))}"


def _compared_lane(comparison: Comparison, pairs: PairedSamples | None) -> Lane:
    explore = pairs.explore if pairs is not None else ()
    confirm = pairs.confirm if pairs is not None else ()
    low, high = comparison.low, comparison.high
    is_bounded = low is not None and high is not None
    return Lane(
        label=plain(name_reference(comparison)),
        bar=(clipped_effect(low), clipped_effect(high))
        if low is not None and high is not None
        else None,
        middle=clipped_effect(comparison.log_ratio),
        hollow=tuple(map(clipped_effect, explore)),
        solid=tuple(map(clipped_effect, confirm)),
        cells=(
            plain(name_reference(comparison)),
            format_ratio(comparison.log_ratio),
            interval(comparison) or ("" if is_bounded else "not bounded"),
            ", ".join(map(format_ratio, explore)),
            ", ".join(map(format_ratio, confirm)),
        ),
    )


def _lines(judgement: Judgement, axis: Axis, threshold_log: float) -> tuple[Mark, ...]:
    marks = [
        Mark(at=0.0, label="no change", kind="zero"),
        Mark(
            at=rounded(threshold_log),
            label=f"threshold {format_percent(judgement.threshold)}",
            kind="threshold",
        ),
    ]
    reference_s = judgement.comparisons[0].reference_s
    if judgement.floor_s > 0 and reference_s is not None and reference_s > 0:
        at = clipped_effect(math.log1p(min(judgement.floor_s / reference_s, 1e18)))
        label = f"floor {format_seconds(judgement.floor_s)}"
        marks.append(Mark(at=at, label=label, kind="floor"))
    return tuple(mark for mark in marks if axis.low <= mark.at <= axis.high)


# --- the rounds --------------------------------------------------------------------------------


def draw_times(
    judgement: Judgement,
    benchmark: Benchmark | None,
    evidence: Evidence | None,
    *,
    most_processes: int,
) -> Chart | None:
    """Draw how long rounds took in each process, beside what they are compared with."""
    new = benchmark.runs if benchmark is not None else ()
    old = evidence.other.runs if evidence is not None and evidence.other is not None else ()
    lanes = [
        *_run_lanes("other file", old[:most_processes], len(old), is_reference=True),
        *_reference_lanes(judgement),
        *_run_lanes("this code", new[:most_processes], len(new), is_reference=False),
    ]
    values = [
        value
        for lane in lanes
        for value in (lane.middle, *(lane.bar or ()), *(lane.box or ()))
        if value is not None
    ]
    if not values or not new:
        return None
    return Chart(
        title="Times of the rounds",
        summary=_spread_in_words(judgement, new) + _left_out(new, old, most_processes),
        key="A lane for each process. Line: median; box: 10 % quantile to median, or to 90 % where "
        "there are rounds enough; bar: shortest to longest round. Dashed or grey: the other side.",
        axis=seconds_axis(values, "Time per call"),
        lanes=tuple(lanes),
        columns=("Process", "Shortest", "10 %", "Median", "90 %", "Longest", "Rounds"),
    )


def _spread_in_words(judgement: Judgement, runs: Sequence[ProcessRun]) -> str:
    medians = [run.median_s for run in runs]
    if len(medians) == 1:
        text = f"This code took {format_seconds(medians[0])} in its process (median)"
    else:
        between = f"{format_seconds(min(medians))} to {format_seconds(max(medians))}"
        text = f"This code took {between} in {len(medians)} processes (medians)"
    references = "; ".join(
        f"{plain(name_reference(one))} {format_seconds(one.reference_s)}"
        for one in judgement.comparisons
        if one.reference_s is not None
    )
    return f"{text}; {references}." if references else f"{text}."


def _left_out(new: Sequence[ProcessRun], old: Sequence[ProcessRun], most: int) -> str:
    longest = max(len(new), len(old))
    return f" Drawn are the first {most} of {longest} processes." if longest > most else ""


def _reference_lanes(judgement: Judgement) -> list[Lane]:
    lanes = [
        _single(plain(name_reference(one)), one.reference_s)
        for one in judgement.comparisons
        if one.reference_s is not None and one.reference_s > 0
    ]
    baseline = judgement.baseline
    is_there = any(one.reference is ReferenceKind.COMMITTED for one in judgement.comparisons)
    if baseline is not None and baseline.median_s > 0 and not is_there:
        lanes.append(_single("its baseline, as committed", baseline.median_s))
    return lanes


def _single(label: str, time_s: float) -> Lane:
    return Lane(
        label=label,
        is_reference=True,
        middle=rounded(time_s),
        cells=(label, "", "", format_seconds(time_s), "", "", ""),
    )


def _run_lanes(
    name: str, runs: Sequence[ProcessRun], count: int, *, is_reference: bool
) -> list[Lane]:
    return [
        _run_lane(f"{name}, process {number} of {count}", run, is_reference=is_reference)
        for number, run in enumerate(runs, start=1)
    ]


def _run_lane(label: str, run: ProcessRun, *, is_reference: bool) -> Lane:
    ends = (run.low_s, run.p90_s if run.p90_s is not None else run.median_s)
    times = (run.min_s, run.low_s, run.median_s, run.p90_s, run.max_s)
    return Lane(
        label=label,
        is_reference=is_reference,
        bar=(rounded(run.min_s), rounded(run.max_s if run.max_s is not None else run.median_s)),
        box=(rounded(ends[0]), rounded(ends[1])) if ends[0] is not None and ends[1] > 0 else None,
        middle=rounded(run.median_s),
        cells=(
            label,
            *("" if time_s is None else format_seconds(time_s) for time_s in times),
            f"{run.rounds:,}",
        ),
    )
