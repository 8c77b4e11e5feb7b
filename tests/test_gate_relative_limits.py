"""Limits relative to the baseline: which way they bind, and what happens without a number."""

from typing import Any

import pytest

from perfgate.baselines.store import BaselineFile, baseline_from, encode_baselines, parse_baselines
from perfgate.baselines.update import ChangeKind, UpdatePlan, plan_update
from perfgate.config import Config, NewPolicy, Suite, parse_limit
from perfgate.model import (
    Baseline,
    BaselineEdit,
    Benchmark,
    Evidence,
    LackingApproval,
    Reason,
    Report,
    Verdict,
)
from perfgate.report.document import decode_report, encode_report
from perfgate.report.sentences import explain
from tests.evidence import (
    BASE,
    CPU,
    NAME,
    baseline,
    config,
    evidence,
    judged,
    measured,
    pairs,
    results,
    slower,
)

THEN = {"p95": 0.2, "success_rate": 1.0, "ops_per_s": 50.0, "pay.p95": 0.1, "retries": 4.0}
SHARE = "p95 < 120% of baseline"


def _config(*expressions: str, **fields: Any) -> Config:
    limits = tuple(map(parse_limit, expressions))
    return config(suites=(Suite(name="api", paths=(), limits=limits),), **fields)


def _given(**fields: Any) -> Evidence:
    return evidence(**{"baseline": baseline(metrics=THEN), **fields})


@pytest.mark.parametrize(
    ("expression", "now", "verdict"),
    [
        pytest.param(SHARE, {"p95": 0.23}, Verdict.PASSED, id="a-bit-slower"),
        pytest.param(SHARE, {"p95": 0.25}, Verdict.LIMIT_EXCEEDED, id="slower"),
        pytest.param(SHARE, {"p95": 0.1}, Verdict.PASSED, id="faster"),
        pytest.param(
            "ops_per_s > 90% of baseline", {"ops_per_s": 46}, Verdict.PASSED, id="a-bit-less"
        ),
        pytest.param(
            "ops_per_s > 90% of baseline", {"ops_per_s": 44}, Verdict.LIMIT_EXCEEDED, id="less"
        ),
        pytest.param(
            "ops_per_s > 90% of baseline", {"ops_per_s": 99}, Verdict.PASSED, id="more-of-it"
        ),
        pytest.param(
            "success_rate >= 99% of baseline",
            {"success_rate": 0.98},
            Verdict.LIMIT_EXCEEDED,
            id="fails-more-often",
        ),
        pytest.param(
            "pay.p95 < 120% of baseline", {"pay.p95": 0.2}, Verdict.LIMIT_EXCEEDED, id="part"
        ),
        pytest.param("retries <= 100% of baseline", {"retries": 4}, Verdict.PASSED, id="equal"),
        pytest.param(
            "retries <= 100% of baseline", {"retries": 5}, Verdict.LIMIT_EXCEEDED, id="one-more"
        ),
    ],
)
def test_the_operator_tells_the_direction(
    expression: str, now: dict[str, float], verdict: Verdict
) -> None:
    assert judged(_given(), measured(metrics=now), _config(expression)).verdict is verdict


def test_what_is_measured_of_every_benchmark_can_be_relative_too() -> None:
    given = evidence(baseline=baseline(metrics={"median": 1e-3}))
    settings = _config("median < 102% of baseline")
    assert judged(given, slower(1), settings).verdict is Verdict.PASSED
    assert judged(given, slower(3), settings).verdict is Verdict.LIMIT_EXCEEDED


def _reason_of(given: Evidence, benchmark: Benchmark, settings: Config) -> str:
    judgement = judged(given, benchmark, settings)
    return "".join(map(str, explain(judgement, benchmark, results().environment)))


def test_the_breach_is_told_as_a_share() -> None:
    judgement = judged(_given(), measured(metrics={"p95": 0.25}), _config(SHARE))
    (breach,) = judgement.breaches
    assert (breach.expression, breach.measured) == (SHARE, 1.25)
    assert "125 %" in _reason_of(_given(), measured(metrics={"p95": 0.25}), _config(SHARE))


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        pytest.param(
            _given(baseline=baseline(metrics=THEN, cpu="MOS 6502")),
            LackingApproval.OTHER_HARDWARE,
            id="other-cpu",
        ),
        pytest.param(
            _given(baseline_environment="linux-arm64-cpython-3.12"),
            LackingApproval.OTHER_HARDWARE,
            id="elsewhere",
        ),
        pytest.param(_given(baseline=baseline()), LackingApproval.ABSENT, id="not-approved"),
        pytest.param(evidence(pairs(BASE, 0.1)), LackingApproval.ABSENT, id="pairs-alone"),
        pytest.param(
            _given(baseline=baseline(metrics={"p95": 0.0})), LackingApproval.NOT_POSITIVE, id="zero"
        ),
        pytest.param(
            _given(baseline=baseline(metrics={"p95": -1.0})),
            LackingApproval.NOT_POSITIVE,
            id="below-zero",
        ),
        pytest.param(
            evidence(other=measured(metrics=THEN), other_cpu="Xeon"),
            LackingApproval.OTHER_HARDWARE,
            id="file-from-other-cpu",
        ),
        pytest.param(evidence(other=measured()), LackingApproval.ABSENT, id="not-in-the-file"),
        pytest.param(
            evidence(edit=BaselineEdit(old=baseline(metrics=THEN), new=baseline())),
            LackingApproval.ABSENT,
            id="edited-away",
        ),
    ],
)
def test_without_a_number_to_compare_with_nothing_passes(
    given: Evidence, lacking: LackingApproval
) -> None:
    now = measured(metrics={"p95": 0.2})
    judgement = judged(given, now, _config(SHARE))
    assert judgement.verdict is Verdict.UNDECIDED
    assert [(one.measured, one.lacking) for one in judgement.breaches] == [(None, lacking)]
    assert SHARE in _reason_of(given, now, _config(SHARE))
    assert "could not be measured" not in _reason_of(given, now, _config(SHARE))


def test_a_metric_that_nobody_reports_passes_nothing() -> None:
    judgement = judged(_given(), measured(), _config("p59 < 120% of baseline"))
    assert (judgement.verdict, judgement.reason) == (Verdict.UNDECIDED, Reason.LIMIT_UNMEASURED)
    said = _reason_of(_given(), measured(), _config("p59 < 120% of baseline"))
    assert "did not report" in said


def test_success_is_the_same_on_other_hardware() -> None:
    given = _given(baseline=baseline(metrics=THEN, cpu="MOS 6502"))
    now = measured(metrics={"success_rate": 0.9})
    judgement = judged(given, now, _config("success_rate > 99% of baseline"))
    assert judgement.verdict is Verdict.LIMIT_EXCEEDED


@pytest.mark.parametrize("policy", NewPolicy)
@pytest.mark.parametrize(
    "given",
    [
        pytest.param(evidence(), id="alone"),
        pytest.param(evidence(pairs(BASE, 0.1), baseline=None), id="in-pairs"),
    ],
)
def test_a_new_benchmark_has_nothing_to_be_held_against(given: Evidence, policy: NewPolicy) -> None:
    judgement = judged(given, measured(metrics={"p95": 9.0}), _config(SHARE, new=policy))
    assert (judgement.verdict, judgement.breaches) == (Verdict.NEW, ())


@pytest.mark.parametrize("old", [None, baseline(metrics={"p95": 0.1})], ids=["added", "edited"])
def test_the_line_that_this_change_writes_is_what_counts(old: Baseline | None) -> None:
    new = baseline(metrics={"p95": 0.2}, reason="agreed")
    given = evidence(baseline=old, edit=BaselineEdit(old=old, new=new))
    assert judged(given, measured(metrics={"p95": 0.2}), _config(SHARE)).verdict is Verdict.ACCEPTED
    slow = judged(given, measured(metrics={"p95": 0.3}), _config(SHARE))
    assert slow.verdict is Verdict.LIMIT_EXCEEDED


def test_another_file_is_a_reference_too() -> None:
    given = evidence(other=measured(metrics={"p95": 0.1}))
    settings = _config(SHARE)
    assert judged(given, measured(metrics={"p95": 0.2}), settings).verdict is Verdict.LIMIT_EXCEEDED
    assert judged(given, measured(metrics={"p95": 0.1}), settings).verdict is Verdict.PASSED


def test_an_absolute_limit_still_decides_where_the_share_cannot_be_told() -> None:
    settings = _config("p95 < 100ms", SHARE)
    judgement = judged(_given(baseline=baseline()), measured(metrics={"p95": 0.2}), settings)
    assert judgement.verdict is Verdict.LIMIT_EXCEEDED
    assert [one.measured for one in judgement.breaches] == [0.2, None]


def test_what_was_lacking_survives_the_report() -> None:
    given = _given(baseline=baseline(metrics={"p95": 0.0}))
    found = results(measured(metrics={"p95": 0.2}))
    report = Report(
        evidence=(given,),
        results=found,
        judgements=(judged(given, found.benchmarks[0], _config(SHARE)),),
        is_default_branch=False,
        fails_on=(),
        undecided_fails=True,
        exit_status=3,
    )
    assert decode_report(encode_report(report), "report") == report


@pytest.mark.parametrize(
    "text",
    ["p95 < 5ms of baseline", "p95 < 1.2 of baseline", "p95 < of baseline", "p95 < 5 % of"],
)
def test_a_share_is_written_in_per_cent(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|has the unknown unit|has no unit"):
        parse_limit(text)


def test_a_share_stands_beside_an_absolute_bound_on_the_same_metric() -> None:
    subjects = {
        parse_limit(text).subject for text in ("p95 < 500ms", SHARE, "p95 < 2% of baseline")
    }
    assert len(subjects) == 2


# --- approving ---------------------------------------------------------------------------------


def _file(**lines: Baseline) -> BaselineFile:
    return BaselineFile(environment=results().environment.key, suite="api", baselines=lines)


def _plan(old: BaselineFile, benchmark: Benchmark, *expressions: str) -> UpdatePlan:
    return plan_update(
        old,
        results(benchmark),
        config=_config(*expressions),
        only=frozenset(),
        prune=False,
        reason="agreed",
    )


def test_approving_keeps_what_a_limit_is_relative_to_and_nothing_else() -> None:
    now = measured(metrics={"p95": 0.123456, "pay.ops_per_s": 5.0, "cpu_share": 0.5})
    texts = ("pay.ops_per_s > 90% of baseline", SHARE, "cpu_share < 90%", "gone < 9% of baseline")
    plan = _plan(_file(), now, *texts)
    assert plan.file.baselines[NAME].metrics == {"p95": 0.1235, "pay.ops_per_s": 5.0}
    assert parse_baselines(encode_baselines(plan.file), "file") == plan.file


def test_lines_without_such_numbers_are_written_as_ever() -> None:
    assert b"metrics" not in encode_baselines(
        _file(**{NAME: baseline_from(measured(), CPU, "first")})
    )


@pytest.mark.parametrize(
    ("approved", "now", "kinds"),
    [
        pytest.param({}, 0.2, [ChangeKind.BEYOND_LIMIT], id="none-yet"),
        pytest.param({"p95": 0.2}, 0.23, [], id="within"),
        pytest.param({"p95": 0.2}, 0.25, [ChangeKind.BEYOND_LIMIT], id="exceeded"),
        pytest.param({"p95": 0.0}, 0.2, [ChangeKind.BEYOND_LIMIT], id="was-zero"),
        pytest.param({"p95": 0.0}, 0.0, [], id="still-zero"),
        pytest.param({"p95": 0.2}, None, [], id="not-reported-now"),
    ],
)
def test_a_line_is_rewritten_where_the_gate_would_not_let_it_pass(
    approved: dict[str, float], now: float | None, kinds: list[ChangeKind]
) -> None:
    line = baseline_from(measured(metrics=approved), CPU, "first", metrics=approved)
    metrics = {} if now is None else {"p95": now}
    plan = _plan(_file(**{NAME: line}), measured(metrics=metrics), SHARE)
    assert [change.kind for change in plan.changes] == kinds


def test_what_was_approved_passes() -> None:
    now = measured(metrics={"p95": 0.25})
    plan = _plan(_file(**{NAME: baseline(metrics={"p95": 0.1})}), now, SHARE)
    given = evidence(baseline=plan.file.baselines[NAME])
    assert judged(given, now, _config(SHARE)).verdict is Verdict.PASSED
