import datetime as dt
import itertools
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from perfgate.baselines.store import baseline_from
from perfgate.config import (
    BenchmarkOverride,
    Config,
    DriftPolicy,
    NewPolicy,
    Suite,
    Waiver,
    parse_limit,
)
from perfgate.gate import exit_status, fails_on, judge, metric_of, shift_note
from perfgate.model import (
    Benchmark,
    Evidence,
    FailureKind,
    Judgement,
    NoteKind,
    Reason,
    ReferenceKind,
    Verdict,
)
from perfgate.report.sentences import explain
from tests.evidence import (
    APPROVED,
    BASE,
    CPU,
    NAME,
    baseline,
    config,
    edit,
    evidence,
    failed,
    judged,
    measured,
    pairs,
    results,
    run,
    slower,
    unmeasured,
)

ACCEPTED: dict[str, Any] = {"edit": edit(1e-3, 2e-3), "baseline": baseline()}


# --- pairs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "verdict", "reason"),
    [
        pytest.param(
            evidence(pairs(BASE, 0.1)), Verdict.PASSED, Reason.WITHIN_THRESHOLD, id="settled"
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 0.2)),
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="exploring was wrong",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9)), Verdict.REGRESSED, Reason.SLOWER, id="slower than base"
        ),
        pytest.param(
            evidence(pairs(BASE, 5, 4.9)),
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="right at the threshold",
        ),
        pytest.param(
            evidence(pairs(BASE, 4, 3.5)),
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="surely below the threshold",
        ),
        pytest.param(
            evidence(pairs(BASE, 2, 2), pairs(APPROVED, 9, 9)),
            Verdict.REGRESSED,
            Reason.SLOWER_IN_SUM,
            id="adds its share to what was approved",
        ),
        pytest.param(
            evidence(pairs(BASE, 0.0, 0.0), pairs(APPROVED, 9, 9)),
            Verdict.DRIFTED,
            Reason.DRIFTED_BEFORE,
            id="adds nothing to what drifted",
        ),
        pytest.param(
            evidence(pairs(BASE, 0.5, 0.5), pairs(APPROVED, 9, 9)),
            Verdict.DRIFTED,
            Reason.DRIFTED_BEFORE,
            id="code that moved in memory adds nothing",
        ),
        pytest.param(
            evidence(pairs(BASE, -3, -3), pairs(APPROVED, 9, 9)),
            Verdict.DRIFTED,
            Reason.DRIFTED_BEFORE,
            id="takes from what drifted",
        ),
        pytest.param(
            evidence(pairs(BASE, 130, 130), pairs(APPROVED, -36, -36)),
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="a stale baseline hides nothing",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9), pairs(APPROVED, 20, 20)),
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="slower than both",
        ),
        pytest.param(
            evidence(pairs(APPROVED, 9, 9)),
            Verdict.UNDECIDED,
            Reason.NO_REFERENCE,
            id="without a merge base nobody knows whose slowdown it is",
        ),
        pytest.param(
            evidence(pairs(APPROVED, -9, -9)),
            Verdict.IMPROVED,
            Reason.FASTER,
            id="faster than approved",
        ),
        pytest.param(
            evidence(pairs(BASE, -9, -9)),
            Verdict.IMPROVED,
            Reason.FASTER,
            id="faster than base where no approved code runs",
        ),
        pytest.param(
            evidence(pairs(BASE, -9, -9), pairs(APPROVED, 0.0, 0.0)),
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="faster than base but as approved",
        ),
        pytest.param(
            evidence(pairs(BASE, -9)),
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="exploring alone shows no improvement",
        ),
        pytest.param(
            evidence(pairs(BASE, -9, -1)),
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="an improvement that fresh pairs do not confirm",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9, spread=60)),
            Verdict.UNDECIDED,
            Reason.TOO_NOISY,
            id="too noisy",
        ),
        pytest.param(
            evidence(pairs(BASE, 9), is_out_of_budget=True),
            Verdict.UNDECIDED,
            Reason.OUT_OF_BUDGET,
            id="left, and the budget was gone",
        ),
        pytest.param(
            evidence(pairs(BASE, 0.1), is_out_of_budget=True),
            Verdict.UNDECIDED,
            Reason.OUT_OF_BUDGET,
            id="not explored to the end",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9), is_out_of_budget=True),
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="the budget does not hide what was confirmed",
        ),
        pytest.param(
            evidence(is_out_of_budget=True),
            Verdict.UNDECIDED,
            Reason.OUT_OF_BUDGET,
            id="no pair at all in the budget",
        ),
        pytest.param(
            evidence(pairs(BASE, 9)),
            Verdict.UNDECIDED,
            Reason.NO_REFERENCE,
            id="left, and its reference did not run again",
        ),
        pytest.param(
            evidence(pairs(BASE, 0.1), baseline=baseline(1e-6)),
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="pairs outweigh the committed number",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9), **ACCEPTED),
            Verdict.ACCEPTED,
            Reason.BASELINE_EDITED,
            id="its baseline is edited by this change",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9), edit=edit(1e-3, None), baseline=baseline()),
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="removing the baseline accepts nothing",
        ),
    ],
)
def test_pairs_lead_to_one_verdict(given: Evidence, verdict: Verdict, reason: Reason) -> None:
    judgement = judged(given)
    assert (judgement.verdict, judgement.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("given", "deciding", "size"),
    [
        pytest.param(
            evidence(pairs(BASE, 2, 2), pairs(APPROVED, 9, 9)), APPROVED, 0.0862, id="in sum"
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9), pairs(APPROVED, 20, 20)), BASE, 0.0862, id="by itself"
        ),
        pytest.param(
            evidence(pairs(BASE, 0, 0), pairs(APPROVED, 9, 9)), APPROVED, 0.0862, id="drifted"
        ),
        pytest.param(
            evidence(pairs(BASE, 0, 0), pairs(APPROVED, -9, -9)), APPROVED, -0.0943, id="improved"
        ),
    ],
)
def test_the_deciding_comparison_comes_first(
    given: Evidence, deciding: ReferenceKind, size: float
) -> None:
    judgement = judged(given)
    assert judgement.comparisons[0].reference is deciding
    assert judgement.comparisons[0].commit == deciding.value
    assert math.isclose(judgement.comparisons[0].log_ratio, size, abs_tol=1e-3)
    assert len(judgement.comparisons) == len(given.pairs)


@pytest.mark.parametrize(
    ("explored", "confirmed", "verdict"),
    [
        pytest.param(9, 9, Verdict.DRIFTED, id="slower"),
        pytest.param(0, None, Verdict.PASSED, id="as approved"),
        pytest.param(-9, -9, Verdict.IMPROVED, id="faster"),
    ],
)
def test_the_default_branch_is_held_against_the_approved_code(
    explored: float, confirmed: float | None, verdict: Verdict
) -> None:
    given = evidence(pairs(APPROVED, explored, confirmed))
    assert judged(given, is_default_branch=True).verdict is verdict


def test_one_odd_pair_does_not_make_a_large_slowdown_somebody_elses() -> None:
    base = pairs(BASE, 100, 100, count=8)
    odd = msgspec.structs.replace(base, confirm=(*base.confirm[:-1], -0.46))
    judgement = judged(evidence(odd, pairs(APPROVED, 100, 100, count=8), baseline=baseline()))
    assert (judgement.verdict, judgement.reason) == (Verdict.UNDECIDED, Reason.TOO_NOISY)
    assert judgement.comparisons[0].reference is BASE


def test_one_benchmark_that_drifted_never_turns_an_innocent_change_red_among_many() -> None:
    # 2 of 14 pairs point the other way: p = 0.0065, which one test in a hundred may show by chance
    shares = (0.02,) * 12 + (-0.02, -0.02)
    given = [
        evidence(
            msgspec.structs.replace(
                pairs(BASE, 2, 2), confirm=shares if index == 0 else (0.0,) * 14
            ),
            pairs(APPROVED, 9, 9, count=20),
            name=f"test_{index}",
        )
        for index in range(50)
    ]
    found = results(*(measured(name=one.benchmark) for one in given))
    assert {one.verdict for one in judge(given, found, config())} == {Verdict.DRIFTED}
    assert judge(given[:1], results(found.benchmarks[0]), config())[0].verdict is Verdict.REGRESSED


# --- process runs ------------------------------------------------------------------------------

COMMITTED = evidence(baseline=baseline())


@pytest.mark.parametrize(
    ("taken", "given", "verdict", "reason"),
    [
        pytest.param(slower(0), COMMITTED, Verdict.PASSED, Reason.WITHIN_THRESHOLD, id="unchanged"),
        pytest.param(slower(20), COMMITTED, Verdict.REGRESSED, Reason.SLOWER, id="slower"),
        pytest.param(slower(-30), COMMITTED, Verdict.IMPROVED, Reason.FASTER, id="faster"),
        pytest.param(
            measured(0.8e-3, 0.9e-3, 1.1e-3, 1.3e-3, 1.6e-3),
            COMMITTED,
            Verdict.UNDECIDED,
            Reason.TOO_NOISY,
            id="slower but noisy",
        ),
        pytest.param(
            measured(0.5e-3, 0.7e-3, 0.9e-3, 1.1e-3, 1.3e-3),
            COMMITTED,
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="faster but noisy",
        ),
        pytest.param(
            slower(6, processes=1), COMMITTED, Verdict.REGRESSED, Reason.SLOWER, id="one process"
        ),
        pytest.param(
            slower(4, processes=1),
            COMMITTED,
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="one process within the threshold",
        ),
        pytest.param(
            slower(-9, processes=1),
            COMMITTED,
            Verdict.IMPROVED,
            Reason.FASTER,
            id="one process, faster",
        ),
        pytest.param(
            slower(20),
            evidence(baseline=baseline(spread=None, processes=1)),
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="baseline of one process",
        ),
        pytest.param(
            slower(20),
            evidence(baseline=baseline(spread=0.0, processes=5)),
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="baseline without any spread",
        ),
        pytest.param(
            slower(20),
            evidence(baseline=baseline(spread=1e-200, processes=1)),
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="baseline with the spread of one process",
        ),
        pytest.param(
            slower(20), evidence(other=slower(0)), Verdict.REGRESSED, Reason.SLOWER, id="file"
        ),
        pytest.param(
            slower(-30),
            evidence(other=slower(0)),
            Verdict.IMPROVED,
            Reason.FASTER,
            id="file faster",
        ),
        pytest.param(
            slower(20),
            evidence(other=slower(0), other_cpu="Xeon"),
            Verdict.UNDECIDED,
            Reason.OTHER_HARDWARE,
            id="file of another machine",
        ),
        pytest.param(
            slower(0),
            evidence(other=slower(0), other_cpu="Xeon"),
            Verdict.UNDECIDED,
            Reason.OTHER_HARDWARE,
            id="the same time on another machine says nothing either",
        ),
        pytest.param(
            slower(0),
            evidence(other=failed(FailureKind.RAISED)),
            Verdict.NEW,
            Reason.NO_BASELINE,
            id="without a number in the other file",
        ),
        pytest.param(
            slower(99),
            evidence(baseline=baseline(cpu="Xeon")),
            Verdict.UNDECIDED,
            Reason.OTHER_HARDWARE,
            id="another CPU",
        ),
        pytest.param(
            slower(0),
            evidence(baseline=baseline(cpu="")),
            Verdict.UNDECIDED,
            Reason.OTHER_HARDWARE,
            id="an unknown CPU",
        ),
        pytest.param(
            slower(99),
            evidence(baseline=baseline(), baseline_environment="darwin-arm64-cpython-3.13"),
            Verdict.UNDECIDED,
            Reason.OTHER_ENVIRONMENT,
            id="another environment",
        ),
        pytest.param(slower(0), evidence(), Verdict.NEW, Reason.NO_BASELINE, id="new"),
        pytest.param(
            slower(0),
            evidence(pairs(BASE, 0.0), baseline=None),
            Verdict.NEW,
            Reason.NO_BASELINE,
            id="new for code that is not",
        ),
        pytest.param(
            slower(9),
            evidence(pairs(BASE, 9, 9), baseline=None),
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="new for code that became slower",
        ),
        pytest.param(
            slower(9),
            evidence(pairs(BASE, -9, -9), baseline=None),
            Verdict.NEW,
            Reason.NO_BASELINE,
            id="new for code that became faster",
        ),
        pytest.param(
            slower(99),
            evidence(**ACCEPTED),
            Verdict.ACCEPTED,
            Reason.BASELINE_EDITED,
            id="accepted",
        ),
        pytest.param(
            slower(0),
            evidence(edit=edit(None, 1e-3)),
            Verdict.ACCEPTED,
            Reason.BASELINE_EDITED,
            id="first number",
        ),
    ],
)
def test_process_runs_lead_to_one_verdict(
    taken: Benchmark, given: Evidence, verdict: Verdict, reason: Reason
) -> None:
    judgement = judged(given, taken)
    assert (judgement.verdict, judgement.reason) == (verdict, reason)


def test_a_single_process_is_judged_by_its_low_quantile_and_has_no_interval() -> None:
    benchmark = measured(1e-3, low_s=1.2e-3, min_s=0.5e-3)
    comparison = judged(COMMITTED, benchmark).comparisons[0]
    assert math.isclose(comparison.log_ratio, math.log(1.2))
    assert (comparison.low, comparison.high, comparison.p_value) == (None, None, None)
    assert comparison.smallest_findable is None


def test_where_one_side_kept_no_rounds_minima_are_compared_on_both() -> None:
    benchmark = measured(1e-3, low_s=2e-3, min_s=0.5e-3)
    other = measured(1e-3, low_s=None, min_s=0.5e-3)
    assert judged(evidence(other=other), benchmark).comparisons[0].log_ratio == 0


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(evidence(baseline=baseline(cpu="Xeon")), id="baseline"),
        pytest.param(evidence(other=slower(0), other_cpu="Xeon"), id="file"),
    ],
)
def test_other_hardware_names_both_cpus(given: Evidence) -> None:
    environment = results().environment
    text = "".join(str(part) for part in explain(judged(given), None, environment))
    assert "Xeon" in text
    assert CPU in text


def test_a_run_never_differs_from_the_baseline_that_was_taken_of_it() -> None:
    # two of five processes off by 18 %: their mean lies 7 % above their median
    taken = measured(1e-3, 1.001e-3, 0.999e-3, 1.18e-3, 1.18e-3)
    line = baseline_from(taken, CPU, "agreed")
    judgement = judged(evidence(baseline=line), taken)
    assert judgement.verdict is Verdict.PASSED
    assert abs(judgement.comparisons[0].log_ratio) < 1e-3


# --- not measured ------------------------------------------------------------------------------

KNOWN = {"baseline": baseline()}


@pytest.mark.parametrize(
    ("kind", "fields", "verdict", "reason"),
    [
        pytest.param(FailureKind.RAISED, {}, Verdict.ERRORED, Reason.RAISED, id="raised"),
        pytest.param(FailureKind.RAISED, KNOWN, Verdict.ERRORED, Reason.RAISED, id="known raised"),
        pytest.param(FailureKind.TIMED_OUT, {}, Verdict.ERRORED, Reason.RAISED, id="timed out"),
        pytest.param(FailureKind.CRASHED, {}, Verdict.ERRORED, Reason.RAISED, id="crashed"),
        pytest.param(FailureKind.UNSTABLE, {}, Verdict.ERRORED, Reason.RAISED, id="unstable"),
        pytest.param(FailureKind.UNFIT, {}, Verdict.ERRORED, Reason.UNFIT, id="unfit"),
        pytest.param(
            FailureKind.RAISED, ACCEPTED, Verdict.ERRORED, Reason.RAISED, id="edited and raised"
        ),
        pytest.param(
            FailureKind.SKIPPED, KNOWN, Verdict.MISSING, Reason.NOT_MEASURED, id="skipped"
        ),
        pytest.param(
            FailureKind.SKIPPED,
            {"other": slower(0)},
            Verdict.MISSING,
            Reason.NOT_MEASURED,
            id="skipped, not in the other file",
        ),
        pytest.param(
            FailureKind.SKIPPED,
            {"edit": edit(1e-3, None), "baseline": baseline()},
            Verdict.ACCEPTED,
            Reason.BASELINE_EDITED,
            id="skipped and its baseline removed",
        ),
    ],
)
def test_a_failure_leads_to_one_verdict(
    kind: FailureKind, fields: dict[str, Any], verdict: Verdict, reason: Reason
) -> None:
    judgement = judged(evidence(**fields), failed(kind))
    assert (judgement.verdict, judgement.reason, judgement.message) == (
        verdict,
        reason,
        "" if verdict is Verdict.ACCEPTED else "why",
    )


@pytest.mark.parametrize(
    ("given", "verdicts"),
    [
        pytest.param(evidence(baseline=baseline()), [Verdict.MISSING], id="baseline"),
        pytest.param(evidence(other=slower(0)), [Verdict.MISSING], id="in the other file"),
        pytest.param(evidence(other=failed(FailureKind.SKIPPED)), [], id="never had a number"),
        pytest.param(
            evidence(edit=edit(1e-3, None), baseline=baseline()),
            [Verdict.ACCEPTED],
            id="baseline removed",
        ),
        pytest.param(
            evidence(edit=edit(None, 1e-3)), [Verdict.MISSING], id="baseline of nothing added"
        ),
        pytest.param(evidence(**ACCEPTED), [Verdict.MISSING], id="baseline of nothing edited"),
        pytest.param(evidence(), [], id="nobody asked"),
    ],
)
def test_what_was_not_measured_is_missing_if_it_was_promised(
    given: Evidence, verdicts: list[Verdict]
) -> None:
    assert [one.verdict for one in unmeasured(given)] == verdicts


def test_a_skipped_benchmark_that_nobody_promised_is_left_out() -> None:
    assert judge([evidence()], results(failed(FailureKind.SKIPPED)), config()) == ()


def test_a_measured_benchmark_without_evidence_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="nobody would judge it: benchmarks"):
        judge([], results(measured()), config())
    with pytest.raises(ValueError, match="evidence twice"):
        judge([evidence(), evidence()], results(measured()), config())


# --- thresholds, floors ------------------------------------------------------------------------


def _override(**fields: Any) -> BenchmarkOverride:
    known: dict[str, Any] = {"match": NAME, "threshold": None, "floor_s": None, "limits": ()}
    return BenchmarkOverride(**{**known, **fields})


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        pytest.param(config(), Verdict.REGRESSED, id="the project's 5 %"),
        pytest.param(config(threshold=0.2), Verdict.PASSED, id="the project's 20 %"),
        pytest.param(
            config(overrides=(_override(threshold=0.2),)), Verdict.PASSED, id="its own 20 %"
        ),
        pytest.param(
            config(overrides=(_override(match="*::test_other", threshold=0.2),)),
            Verdict.REGRESSED,
            id="20 % of another one",
        ),
        pytest.param(
            config(threshold=0.2, overrides=(_override(threshold=0.05),)),
            Verdict.REGRESSED,
            id="stricter than the project",
        ),
    ],
)
def test_each_benchmark_has_a_threshold(settings: Config, verdict: Verdict) -> None:
    judgement = judged(evidence(pairs(BASE, 9, 9)), settings=settings)
    assert judgement.verdict is verdict
    assert judgement.threshold == settings.rule_for(NAME, "api").threshold


@pytest.mark.parametrize(
    ("given", "floor_s", "verdict", "reason"),
    [
        # of 1 ms, 9 % are 90 us
        pytest.param(
            evidence(pairs(BASE, 9, 9)), 1e-4, Verdict.PASSED, Reason.WITHIN_FLOOR, id="below"
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9)), 8e-5, Verdict.REGRESSED, Reason.SLOWER, id="above"
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9, reference_s=None)),
            1e-4,
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="a reference of unknown time",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9), pairs(APPROVED, 9, 9, reference_s=1e-4)),
            8e-5,
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="one small difference does not excuse the other",
        ),
        pytest.param(
            evidence(pairs(BASE, 2, 2), pairs(APPROVED, 9, 9)),
            1e-4,
            Verdict.PASSED,
            Reason.WITHIN_FLOOR,
            id="in sum",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9, spread=60)),
            1e-3,
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="noise below the floor is no doubt",
        ),
        pytest.param(
            evidence(pairs(BASE, -9, -9)),
            1e-4,
            Verdict.PASSED,
            Reason.WITHIN_THRESHOLD,
            id="an improvement below the floor",
        ),
        pytest.param(
            evidence(baseline=baseline(0.8e-3)),
            3e-4,
            Verdict.PASSED,
            Reason.WITHIN_FLOOR,
            id="committed, below",
        ),
        pytest.param(
            evidence(baseline=baseline(0.8e-3)),
            1e-4,
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="committed, above",
        ),
        pytest.param(
            evidence(baseline=baseline(1.4e-3)),
            5e-4,
            Verdict.PASSED,
            Reason.WITHIN_FLOOR,
            id="committed, faster below the floor",
        ),
    ],
)
def test_a_difference_below_the_floor_never_matters(
    given: Evidence, floor_s: float, verdict: Verdict, reason: Reason
) -> None:
    judgement = judged(given, settings=config(floor_s=floor_s))
    assert (judgement.verdict, judgement.reason) == (verdict, reason)


# --- limits ------------------------------------------------------------------------------------


def _limits(*expressions: str, **fields: Any) -> Config:
    limits = tuple(parse_limit(expression) for expression in expressions)
    return config(suites=(Suite(name="api", paths=(), limits=limits),), **fields)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        pytest.param("p50 < 2ms", 1e-3, id="p50"),
        pytest.param("median < 2ms", 1e-3, id="median"),
        pytest.param("mean < 2ms", 1.1e-3, id="mean"),
        pytest.param("min < 2ms", 0.9e-3, id="min"),
        pytest.param("max < 2ms", 1.9e-3, id="max"),
        pytest.param("p90 < 2ms", 1.5e-3, id="p90"),
        pytest.param("p95 < 2ms", 1.6e-3, id="p95"),
        pytest.param("p99 < 2ms", 1.7e-3, id="p99"),
        pytest.param("ops_per_s > 500", 1000.0, id="ops"),
        pytest.param("memory_growth < 50MB", 4e6, id="memory"),
        pytest.param("success_rate > 95%", 0.99, id="reported"),
        pytest.param("retries <= 3", 3.0, id="reported count"),
    ],
)
def test_a_kept_limit_leaves_the_verdict(expression: str, value: float) -> None:
    fields: dict[str, Any] = {
        "mean_s": 1.1e-3,
        "max_s": 1.9e-3,
        "p90_s": 1.5e-3,
        "p95_s": 1.6e-3,
        "p99_s": 1.7e-3,
    }
    metrics = {"success_rate": 0.99, "retries": 3.0}
    benchmark = measured(1e-3, 1e-3, **fields, rss_growth_bytes=4_000_000, metrics=metrics)
    judgement = judged(COMMITTED, benchmark, _limits(expression))
    assert metric_of(benchmark.runs[0], expression.split(maxsplit=1)[0]) == pytest.approx(value)
    assert (judgement.verdict, judgement.breaches) == (Verdict.PASSED, ())


@pytest.mark.parametrize(
    ("expression", "measured_value"),
    [
        pytest.param("median < 500us", 1e-3, id="above"),
        pytest.param("median > 2ms", 1e-3, id="below a lower bound"),
        pytest.param("median < 1ms", 1e-3, id="equal to an exclusive bound"),
        pytest.param("ops_per_s > 2000", 1000.0, id="too few operations"),
        pytest.param("memory_growth < 1MB", 4e6, id="memory"),
        pytest.param("success_rate > 99.5%", 0.99, id="reported"),
    ],
)
def test_an_exceeded_limit_outranks_every_comparison(
    expression: str, measured_value: float
) -> None:
    fields: dict[str, Any] = {"rss_growth_bytes": 4_000_000, "metrics": {"success_rate": 0.99}}
    for given in (
        evidence(pairs(BASE, 0.1)),
        evidence(pairs(BASE, 9, 9)),
        evidence(pairs(BASE, -9, -9)),
        evidence(),
        evidence(**ACCEPTED),
        evidence(baseline=baseline(cpu="Xeon")),
    ):
        judgement = judged(given, measured(1e-3, **fields), _limits(expression))
        assert (judgement.verdict, judgement.reason) == (Verdict.LIMIT_EXCEEDED, Reason.LIMIT)
        assert [one.measured for one in judgement.breaches] == [pytest.approx(measured_value)]
        assert judgement.breaches[0].expression == expression


@pytest.mark.parametrize(
    ("given", "settings", "verdict"),
    [
        pytest.param(evidence(pairs(BASE, 0.1)), {}, Verdict.UNDECIDED, id="passed"),
        pytest.param(evidence(), {}, Verdict.UNDECIDED, id="new"),
        pytest.param(evidence(), {"new": NewPolicy.FAIL}, Verdict.NEW, id="new that fails"),
        pytest.param(evidence(**ACCEPTED), {}, Verdict.UNDECIDED, id="accepted"),
        pytest.param(evidence(pairs(BASE, 9, 9)), {}, Verdict.REGRESSED, id="regressed"),
        pytest.param(
            evidence(pairs(BASE, 0, 0), pairs(APPROVED, 9, 9)),
            {},
            Verdict.UNDECIDED,
            id="a drift that only warns",
        ),
        pytest.param(
            evidence(pairs(BASE, 0, 0), pairs(APPROVED, 9, 9)),
            {"drift": DriftPolicy.FAIL},
            Verdict.DRIFTED,
            id="a drift that fails",
        ),
    ],
)
def test_a_limit_that_could_not_be_measured_lets_nothing_pass(
    given: Evidence, settings: dict[str, Any], verdict: Verdict
) -> None:
    judgement = judged(given, settings=_limits("p99 < 1s", **settings))
    assert judgement.verdict is verdict
    assert (judgement.reason is Reason.LIMIT_UNMEASURED) == (verdict is Verdict.UNDECIDED)
    assert judgement.breaches[0].measured is None


def test_a_limit_is_held_against_the_median_of_the_processes() -> None:
    settings = _limits("median < 1.5ms")
    assert judged(evidence(), measured(1e-3, 1e-3, 9e-3), settings).verdict is Verdict.NEW
    exceeded = judged(evidence(), measured(1e-3, 9e-3, 9e-3), settings)
    assert exceeded.verdict is Verdict.LIMIT_EXCEEDED


def test_what_a_benchmark_says_of_itself_wins() -> None:
    assert metric_of(run(1e-3, metrics={"p95": 7.0}), "p95") == 7.0
    assert metric_of(run(1e-3), "p95") is None
    assert metric_of(run(1e-3), "success_rate") is None


# --- waivers -----------------------------------------------------------------------------------


def _waiver(max_slowdown: float, benchmark: str = NAME) -> Waiver:
    return Waiver(
        benchmark=benchmark,
        max_slowdown=max_slowdown,
        reason="upstream",
        expires=dt.date(2026, 12, 31),
    )


def test_what_the_budget_left_unmeasured_is_undecided_and_not_missing() -> None:
    for known in (baseline(), None):
        (judgement,) = unmeasured(evidence(baseline=known, is_out_of_budget=True))
        assert (judgement.verdict, judgement.reason) == (Verdict.UNDECIDED, Reason.OUT_OF_BUDGET)


@pytest.mark.parametrize(
    ("given", "max_slowdown", "verdict", "reason"),
    [
        pytest.param(
            evidence(pairs(BASE, 9, 9)), 0.2, Verdict.PASSED, Reason.WAIVED, id="within it"
        ),
        pytest.param(
            evidence(pairs(BASE, 30, 30)), 0.2, Verdict.REGRESSED, Reason.SLOWER, id="beyond it"
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9), pairs(APPROVED, 60, 60)),
            0.2,
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="beyond it in sum",
        ),
        pytest.param(
            evidence(pairs(BASE, 0, 0), pairs(APPROVED, 9, 9)),
            0.2,
            Verdict.PASSED,
            Reason.WAIVED,
            id="drifted",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9), baseline=baseline(1e-4)),
            0.2,
            Verdict.PASSED,
            Reason.WAIVED,
            id="a committed number beside pairs is only shown",
        ),
        pytest.param(
            evidence(baseline=baseline(0.8e-3)), 0.3, Verdict.PASSED, Reason.WAIVED, id="committed"
        ),
        pytest.param(
            evidence(baseline=baseline(0.8e-3)),
            0.2,
            Verdict.REGRESSED,
            Reason.SLOWER,
            id="committed, beyond it",
        ),
        pytest.param(
            evidence(pairs(BASE, 9, 9, spread=60)),
            0.2,
            Verdict.UNDECIDED,
            Reason.TOO_NOISY,
            id="a waiver decides nothing",
        ),
        pytest.param(
            evidence(pairs(BASE, -9, -9)), 0.2, Verdict.IMPROVED, Reason.FASTER, id="improved"
        ),
    ],
)
def test_a_waiver_tolerates_a_slowdown_up_to_its_size(
    given: Evidence, max_slowdown: float, verdict: Verdict, reason: Reason
) -> None:
    judgement = judged(given, settings=config(waivers=(_waiver(max_slowdown),)))
    assert (judgement.verdict, judgement.reason) == (verdict, reason)
    if reason is Reason.WAIVED:
        assert (judgement.message, judgement.waiver_expires) == ("upstream", "2026-12-31")


def test_a_waiver_is_for_one_benchmark_and_for_no_limit() -> None:
    given = evidence(pairs(BASE, 9, 9))
    other = config(waivers=(_waiver(0.2, "benchmarks/test_api.py::test_other"),))
    assert judged(given, settings=other).verdict is Verdict.REGRESSED
    limited = _limits("median < 1us", waivers=(_waiver(0.2),))
    assert judged(given, settings=limited).verdict is Verdict.LIMIT_EXCEEDED


@pytest.mark.parametrize("kind", [FailureKind.RAISED, FailureKind.SKIPPED])
def test_a_waiver_is_no_excuse_for_what_was_not_measured(kind: FailureKind) -> None:
    settings = config(waivers=(_waiver(9.0),))
    judgement = judged(evidence(baseline=baseline()), failed(kind), settings)
    assert judgement.verdict in {Verdict.ERRORED, Verdict.MISSING}


# --- renames -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "is_renamed"),
    [
        pytest.param("a.py::test_pay", "b.py::test_pay", True, id="moved to another file"),
        pytest.param("a.py::test_refund", "a.py::test_refunds", True, id="nearly the same name"),
        pytest.param("a.py::test_refund", "a.py::test_list", False, id="another name"),
    ],
)
def test_a_renamed_benchmark_names_its_counterpart(old: str, new: str, *, is_renamed: bool) -> None:
    given = [evidence(name=old, baseline=baseline()), evidence(name=new)]
    missing, found = judge(given, results(measured(name=new)), config())
    assert (missing.verdict, found.verdict) == (Verdict.MISSING, Verdict.NEW)
    assert (missing.similar, found.similar) == ((new, old) if is_renamed else ("", ""))


def test_names_that_would_take_minutes_to_compare_are_not_compared() -> None:
    long = "x" * 1_000
    given = [evidence(name=f"{long}0", baseline=baseline()), evidence(name=f"{long}1")]
    missing, _ = judge(given, results(measured(name=f"{long}1")), config())
    assert missing.similar == f"{long}1"
    names = [f"{long}{index}" for index in range(11)]
    missing, *_ = judge(
        [evidence(name=f"{long}old", baseline=baseline()), *(evidence(name=one) for one in names)],
        results(*(measured(name=one) for one in names)),
        config(),
    )
    assert missing.similar == ""


# --- the run -----------------------------------------------------------------------------------

ALWAYS_RED = {Verdict.REGRESSED, Verdict.LIMIT_EXCEEDED, Verdict.MISSING, Verdict.ERRORED}


@pytest.mark.parametrize("is_default_branch", [True, False])
@pytest.mark.parametrize("new", NewPolicy)
@pytest.mark.parametrize("drift", DriftPolicy)
def test_what_fails_follows_from_the_policies(
    drift: DriftPolicy, new: NewPolicy, *, is_default_branch: bool
) -> None:
    failing = set(fails_on(config(drift=drift, new=new), is_default_branch=is_default_branch))
    drift_fails = drift is DriftPolicy.FAIL or (drift is DriftPolicy.AUTO and is_default_branch)
    assert (Verdict.DRIFTED in failing) == drift_fails
    assert (Verdict.NEW in failing) == (new is NewPolicy.FAIL)
    assert failing - {Verdict.DRIFTED, Verdict.NEW} == ALWAYS_RED


def _verdicts(*verdicts: Verdict) -> list[Judgement]:
    plain = judged(evidence())
    return [msgspec.structs.replace(plain, verdict=verdict) for verdict in verdicts]


def _expected(verdicts: set[Verdict], failing: Sequence[Verdict], *, undecided_fails: bool) -> int:
    if verdicts & set(failing):
        return 1
    if not verdicts - {Verdict.NEW} or (undecided_fails and Verdict.UNDECIDED in verdicts):
        return 3
    return 0


@pytest.mark.parametrize("undecided_fails", [True, False])
@pytest.mark.parametrize("is_default_branch", [True, False])
@pytest.mark.parametrize("new", NewPolicy)
@pytest.mark.parametrize("drift", DriftPolicy)
def test_every_combination_of_verdicts_has_an_exit_status(
    drift: DriftPolicy, new: NewPolicy, *, is_default_branch: bool, undecided_fails: bool
) -> None:
    failing = fails_on(config(drift=drift, new=new), is_default_branch=is_default_branch)
    for count in (0, 1, 2, 3):
        for chosen in itertools.combinations(Verdict, count):
            status = exit_status(_verdicts(*chosen), failing, undecided_fails=undecided_fails)
            expected = _expected(set(chosen), failing, undecided_fails=undecided_fails)
            assert status == expected, chosen


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        pytest.param([], 3, id="nothing was judged"),
        pytest.param([Verdict.NEW, Verdict.NEW], 3, id="no baseline at all"),
        pytest.param([Verdict.NEW, Verdict.PASSED], 0, id="one new"),
        pytest.param([Verdict.PASSED], 0, id="passed"),
        pytest.param([Verdict.IMPROVED], 0, id="improved"),
        pytest.param([Verdict.ACCEPTED], 0, id="accepted"),
        pytest.param([Verdict.DRIFTED], 0, id="drifted before"),
        pytest.param([Verdict.UNDECIDED, Verdict.PASSED], 3, id="undecided"),
        pytest.param([Verdict.UNDECIDED, Verdict.REGRESSED], 1, id="red outranks undecided"),
        pytest.param([Verdict.MISSING], 1, id="missing"),
        pytest.param([Verdict.ERRORED, Verdict.NEW], 1, id="errored"),
        pytest.param([Verdict.LIMIT_EXCEEDED], 1, id="limit"),
    ],
)
def test_success_takes_at_least_one_benchmark_that_was_judged(
    verdicts: list[Verdict], status: int
) -> None:
    failing = fails_on(config(), is_default_branch=False)
    assert exit_status(_verdicts(*verdicts), failing, undecided_fails=True) == status


def test_an_empty_run_has_no_verdicts() -> None:
    assert judge([], results(), config()) == ()


@pytest.mark.parametrize(
    ("effects", "facts"),
    [
        pytest.param([30.0] * 10, ("10 of 10 slower", "by +30.0 % in the middle"), id="all slower"),
        pytest.param([-30.0] * 10, ("10 of 10 faster", "by -30.0 % in the middle"), id="faster"),
        pytest.param(
            [30.0] * 9 + [-1.0], ("9 of 10 slower", "by +30.0 % in the middle"), id="nearly all"
        ),
        pytest.param([30.0] * 8 + [-1.0] * 2, None, id="too many others"),
        pytest.param([1.0] * 10, None, id="by too little to matter"),
        pytest.param([30.0] * 4, None, id="too few to speak of"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_a_run_in_which_all_moved_alike_says_so(
    effects: list[float], facts: tuple[str, ...] | None
) -> None:
    given = [
        evidence(pairs(BASE, effect, effect, spread=0.1, count=20), name=f"test_{index}")
        for index, effect in enumerate(effects)
    ]
    found = results(*(measured(name=one.benchmark) for one in given))
    judgements = judge(given, found, config())
    note = shift_note(judgements)
    assert (note.facts if note else None) == facts
    assert note is None or note.kind is NoteKind.SHIFTED
    by_effect = {9: Verdict.REGRESSED, 0: Verdict.PASSED, -9: Verdict.IMPROVED}
    for judgement, effect in zip(judgements, effects, strict=True):
        side = 9 if effect > 5 else -9 if effect < -5 else 0
        assert judgement.verdict is by_effect[side]
