"""Instructions as a metric of their own and as a second witness beside time."""

from typing import Any

import msgspec
import pytest

from perfgate.baselines.store import BaselineFile, baseline_from, encode_baselines, parse_baselines
from perfgate.baselines.update import plan_update
from perfgate.config import BenchmarkOverride
from perfgate.gate import INSTRUCTIONS, is_more
from perfgate.model import (
    Baseline,
    Benchmark,
    CountOutcome,
    Counts,
    Evidence,
    Judgement,
    Reason,
    Verdict,
)
from perfgate.report.sentences import explain
from perfgate.report.text import plain
from tests.evidence import (
    BASE,
    CPU,
    NAME,
    baseline,
    config,
    edit,
    evidence,
    judged,
    pairs,
    results,
    slower,
)
from tests.evidence import measured as timed

BUILD = "3.12.4 main GCC 12.2.0 glibc 2.36"


def counts(instructions: float | None, build: str = BUILD, why: str = "") -> Counts:
    return Counts(instructions=instructions, build=build, why=why)


def counted(instructions: float, benchmark: Benchmark | None = None, **fields: Any) -> Benchmark:
    given = timed() if benchmark is None else benchmark
    return msgspec.structs.replace(given, counts=counts(instructions, **fields))


def approved(instructions: float = 1e6, **fields: Any) -> Baseline:
    known = {"metrics": {INSTRUCTIONS: instructions}, "counted_with": BUILD}
    return baseline(**{**known, **fields})


def without_pairs(**fields: Any) -> Evidence:
    return evidence(**{"baseline": approved(), **fields})


def beside_pairs(explored: float = 0.0, confirmed: float | None = None, **fields: Any) -> Evidence:
    known = {"baseline": approved(cpu="MOS 6502")}
    return evidence(pairs(BASE, explored, confirmed), **{**known, **fields})


def outcome(judgement: Judgement) -> tuple[Verdict, Reason]:
    return judgement.verdict, judgement.reason


def text_of(judgement: Judgement) -> str:
    environment = results().environment
    return " ".join(plain(sentence) for sentence in explain(judgement, None, environment))


# --- a metric of its own -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instructions", "verdict"),
    [
        pytest.param(1_000_000, Verdict.PASSED, id="the-same"),
        pytest.param(1_005_000, Verdict.PASSED, id="half-a-percent-more"),
        pytest.param(1_010_000, Verdict.REGRESSED, id="exactly-the-threshold"),
        pytest.param(1_100_000, Verdict.REGRESSED, id="a-tenth-more"),
        pytest.param(995_000, Verdict.PASSED, id="half-a-percent-fewer"),
        pytest.param(900_000, Verdict.IMPROVED, id="a-tenth-fewer"),
    ],
)
def test_instructions_decide_where_time_sees_nothing(instructions: float, verdict: Verdict) -> None:
    assert judged(without_pairs(), counted(instructions)).verdict is verdict


def test_a_handful_of_instructions_is_no_change_however_short_the_call() -> None:
    given = without_pairs(baseline=approved(500))
    assert judged(given, counted(515)).verdict is Verdict.PASSED


def test_a_benchmark_may_have_a_threshold_of_its_own() -> None:
    override = BenchmarkOverride(
        match=NAME, threshold=None, floor_s=None, limits=(), counts_threshold=0.2
    )
    settings = config(overrides=(override,))
    assert judged(without_pairs(), counted(1.1e6), settings).verdict is Verdict.PASSED


def test_counts_of_another_build_are_not_compared() -> None:
    judgement = judged(without_pairs(), counted(2e6, build="3.12.5 elsewhere"))
    assert outcome(judgement) == (Verdict.PASSED, Reason.WITHIN_THRESHOLD)
    assert [one.outcome for one in judgement.counts] == [CountOutcome.OTHER_BUILD]
    assert "another build of Python: time decides" in text_of(judgement)


def test_without_a_count_nothing_is_compared() -> None:
    uncounted = msgspec.structs.replace(timed(), counts=counts(None, why="it waits"))
    judgement = judged(without_pairs(), uncounted)
    assert (judgement.verdict, judgement.counts) == (Verdict.PASSED, ())


def test_an_edited_line_accepts_more_instructions() -> None:
    given = without_pairs(edit=edit(1e-3, 1e-3))
    assert judged(given, counted(2e6)).verdict is Verdict.ACCEPTED


# --- whose instructions they are ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "is_default_branch", "verdict"),
    [
        pytest.param(1_000_000, False, Verdict.REGRESSED, id="through-this-change"),
        pytest.param(1_047_000, False, Verdict.REGRESSED, id="this-change-adds-to-it"),
        pytest.param(1_050_000, False, Verdict.DRIFTED, id="before-this-change"),
        pytest.param(None, False, Verdict.UNDECIDED, id="nobody-knows"),
        pytest.param(None, True, Verdict.DRIFTED, id="on-the-default-branch"),
    ],
)
def test_the_merge_base_tells_whose_instructions_they_are(
    *, base: float | None, is_default_branch: bool, verdict: Verdict
) -> None:
    given = beside_pairs(base_counts=None if base is None else counts(base), base_commit="abc")
    judgement = judged(given, counted(1_050_000), is_default_branch=is_default_branch)
    assert outcome(judgement) == (verdict, Reason.MORE_INSTRUCTIONS)


# --- alone -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        pytest.param(1e6, (Verdict.PASSED, Reason.SAME_INSTRUCTIONS), id="the-same"),
        pytest.param(1.1e6, (Verdict.REGRESSED, Reason.MORE_INSTRUCTIONS), id="more"),
        pytest.param(9e5, (Verdict.IMPROVED, Reason.FEWER_INSTRUCTIONS), id="fewer"),
    ],
)
def test_counts_gate_alone_where_the_times_are_of_other_hardware(
    instructions: float, expected: tuple[Verdict, Reason]
) -> None:
    given = without_pairs(baseline=approved(cpu="MOS 6502"))
    assert judged(given, timed()).verdict is Verdict.UNDECIDED
    assert outcome(judged(given, counted(instructions))) == expected


def test_the_same_count_does_not_overrule_pairs_that_could_not_tell() -> None:
    given = evidence(pairs(BASE, 20.0), baseline=approved(cpu="MOS 6502"))
    assert judged(given, counted(1e6)).verdict is Verdict.UNDECIDED


# --- a second witness --------------------------------------------------------------------------


def test_it_says_when_time_and_instructions_agree() -> None:
    text = text_of(judged(beside_pairs(10.0, 10.0), counted(1.1e6)))
    assert "Instructions agree. Instructions of a call: 1,000,000 → 1,100,000 (+10.0 %)" in text


def test_it_says_when_they_disagree_and_why_that_can_be() -> None:
    judgement = judged(beside_pairs(10.0, 10.0), counted(1e6))
    assert judgement.verdict is Verdict.REGRESSED
    text = text_of(judgement)
    assert "Instructions disagree." in text
    assert "not in a cache, on locks, on waiting" in text


def test_it_is_silent_where_nothing_changed() -> None:
    assert "nstructions" not in text_of(judged(beside_pairs(), counted(1e6)))


# --- the baseline line -------------------------------------------------------------------------


def test_a_line_keeps_the_count_and_the_build_it_is_of() -> None:
    line = baseline_from(counted(1_234_567.8), CPU, "why")
    assert (line.metrics, line.counted_with) == ({INSTRUCTIONS: 1_235_000.0}, BUILD)
    file = BaselineFile(
        environment="linux-x86_64-cpython-3.12", suite="api", baselines={NAME: line}
    )
    assert parse_baselines(encode_baselines(file), "api.json") == file


@pytest.mark.parametrize(
    ("old", "is_rewritten"),
    [
        pytest.param(approved(1e6), False, id="the-same"),
        pytest.param(approved(1.02e6), True, id="fewer"),
        pytest.param(approved(0.98e6), True, id="more"),
        pytest.param(approved(1e6, counted_with="another"), True, id="another-build"),
        pytest.param(baseline(), True, id="never-counted"),
    ],
)
def test_a_line_is_rewritten_when_its_count_is_another(
    *, old: Baseline, is_rewritten: bool
) -> None:
    plan = plan_update(
        BaselineFile(environment="e", suite="api", baselines={NAME: old}),
        results(counted(1e6)),
        config=config(),
        only=frozenset(),
        prune=False,
        reason="why",
    )
    assert [one.kind.value for one in plan.changes] == ["other-count"] * is_rewritten


# --- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("percent", [0.0, 0.5, 1.0, 5.0])
def test_a_slowdown_in_time_is_found_whatever_the_count(percent: float) -> None:
    given = beside_pairs(10.0, 10.0)
    judgement = judged(given, counted(1e6 * (1 + percent / 100), slower(10)))
    assert outcome(judgement) == (Verdict.REGRESSED, Reason.SLOWER)


def test_more_is_a_matter_of_the_ratio_not_of_the_size() -> None:
    assert all(is_more(size, size * 1.01, 0.01) for size in (1e4, 1e6, 1e9))
    assert not any(is_more(size, size * 1.007, 0.01) for size in (1e4, 1e6, 1e9))
