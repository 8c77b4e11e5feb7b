"""Laws that verdicts keep whatever the numbers are."""

import math
import random
from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from perfgate.gate import exit_status, fails_on, is_left, judge
from perfgate.model import (
    Benchmark,
    Evidence,
    Judgement,
    PairedSamples,
    ProcessRun,
    ReferenceKind,
    Verdict,
)
from tests.evidence import APPROVED, BASE, baseline, config, results

LAW = settings(max_examples=50, deadline=None)
SLOW = settings(max_examples=15, deadline=None)
RED = {Verdict.REGRESSED, Verdict.DRIFTED}
FACTORS = st.sampled_from([1e-3, 0.25, 7.0, 1000.0])
EFFECTS = st.floats(-0.3, 0.3)
TIMES = st.floats(1e-5, 1e-3)


@st.composite
def _pairs(draw: st.DrawFn, kind: ReferenceKind) -> PairedSamples:
    effect, spread = draw(EFFECTS), draw(st.sampled_from([0.0, 0.005, 0.02, 0.1]))
    noise = st.floats(-1, 1).map(lambda value: effect + spread * value)
    explore = draw(st.lists(noise, min_size=4, max_size=4))
    confirm = draw(st.just([]) | st.lists(noise, min_size=12, max_size=14))
    return PairedSamples(
        reference=kind,
        commit=kind.value,
        explore=tuple(explore),
        confirm=tuple(confirm),
        reference_s=draw(TIMES),
    )


@st.composite
def _benchmark(draw: st.DrawFn, name: str) -> tuple[Evidence, Benchmark]:
    times = draw(st.lists(TIMES, min_size=1, max_size=5))
    spread = draw(st.none() | st.floats(0, 0.1)) if len(times) > 1 else None
    kinds = draw(st.sampled_from([(), (BASE,), (APPROVED,), (BASE, APPROVED)]))
    known = baseline(draw(TIMES), spread=spread, processes=5 if spread is not None else 1)
    evidence = Evidence(
        benchmark=name,
        suite="api",
        baseline=draw(st.sampled_from([None, known])),
        pairs=tuple(draw(_pairs(kind)) for kind in kinds),
        is_out_of_budget=draw(st.sampled_from([False, False, False, True])),
    )
    runs = tuple(
        ProcessRun(rounds=9, iterations=1, min_s=time, low_s=time, median_s=time) for time in times
    )
    return evidence, Benchmark(id=name, suite="api", runs=runs)


@st.composite
def _suites(draw: st.DrawFn) -> list[tuple[Evidence, Benchmark]]:
    count = draw(st.integers(1, 6))
    return [draw(_benchmark(f"test_{index}")) for index in range(count)]


def _judged(
    suite: Sequence[tuple[Evidence, Benchmark]], threshold: float = 0.05
) -> dict[str, Judgement]:
    found = results(*(benchmark for _, benchmark in suite))
    given = [evidence for evidence, _ in suite]
    return {one.benchmark: one for one in judge(given, found, config(threshold=threshold))}


def _verdicts(
    suite: Sequence[tuple[Evidence, Benchmark]], threshold: float = 0.05
) -> dict[str, Verdict]:
    return {name: one.verdict for name, one in _judged(suite, threshold).items()}


def _in_unit(benchmark: Benchmark, factor: float) -> Benchmark:
    runs = tuple(
        msgspec.structs.replace(
            run, min_s=run.min_s * factor, low_s=run.min_s * factor, median_s=run.median_s * factor
        )
        for run in benchmark.runs
    )
    return msgspec.structs.replace(benchmark, runs=runs)


@LAW
@given(_suites(), FACTORS)
def test_verdicts_know_no_unit(suite: list[tuple[Evidence, Benchmark]], factor: float) -> None:
    scaled = []
    for evidence, benchmark in suite:
        known = evidence.baseline
        line = known and msgspec.structs.replace(
            known, low_s=known.low_s * factor, median_s=known.median_s * factor
        )
        pairs = tuple(
            msgspec.structs.replace(one, reference_s=(one.reference_s or 1) * factor)
            for one in evidence.pairs
        )
        changed = msgspec.structs.replace(evidence, baseline=line, pairs=pairs)
        scaled.append((changed, _in_unit(benchmark, factor)))
    before, after = _judged(suite), _judged(scaled)
    for name, judgement in before.items():
        sizes = [abs(abs(one.log_ratio) - math.log1p(0.05)) for one in judgement.comparisons]
        if min(sizes, default=1.0) > 1e-9:  # right at the threshold, rounding may decide
            assert after[name].verdict is judgement.verdict


@LAW
@given(_suites(), st.integers(0, 2**32))
def test_verdicts_know_no_order(suite: list[tuple[Evidence, Benchmark]], seed: int) -> None:
    draw = random.Random(seed)

    def mixed(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(draw.sample(values, len(values)))

    shuffled = []
    for evidence, benchmark in suite:
        pairs = tuple(
            msgspec.structs.replace(one, explore=mixed(one.explore), confirm=mixed(one.confirm))
            for one in evidence.pairs
        )
        changed = msgspec.structs.replace(evidence, pairs=pairs[::-1])
        runs = tuple(reversed(benchmark.runs))
        shuffled.append((changed, msgspec.structs.replace(benchmark, runs=runs)))
    assert _verdicts(shuffled[::-1]) == _verdicts(suite)


@LAW
@given(_suites())
def test_judging_leaves_the_order_of_the_evidence_and_gives_each_one_verdict(
    suite: list[tuple[Evidence, Benchmark]],
) -> None:
    assert list(_judged(suite)) == [evidence.benchmark for evidence, _ in suite]


@LAW
@given(_suites())
def test_every_comparison_holds_its_own_estimate(suite: list[tuple[Evidence, Benchmark]]) -> None:
    for judgement in _judged(suite).values():
        for one in judgement.comparisons:
            assert one.low is None or one.low <= one.log_ratio
            assert one.high is None or one.high >= one.log_ratio
            assert one.p_value is None or 0 <= one.p_value <= 1
            assert one.smallest_findable is None or one.smallest_findable > 0


@LAW
@given(st.lists(TIMES, min_size=1, max_size=8), st.lists(st.sampled_from([12, 24]), max_size=6))
def test_equal_samples_never_differ(times: list[float], counts: list[int]) -> None:
    runs = tuple(
        ProcessRun(rounds=9, iterations=1, min_s=time, low_s=time, median_s=time) for time in times
    )
    names = [f"test_{index}" for index in range(len(counts) + 1)]
    taken = [Benchmark(id=name, suite="api", runs=runs) for name in names]
    given = [Evidence(benchmark=names[0], suite="api", other=taken[0])] + [
        Evidence(
            benchmark=name,
            suite="api",
            baseline=baseline(),
            pairs=tuple(
                PairedSamples(reference=kind, commit="", explore=(0.0,) * 4, confirm=(0.0,) * count)
                for kind in (BASE, APPROVED)
            ),
        )
        for name, count in zip(names[1:], counts, strict=True)
    ]
    judgements = judge(given, results(*taken), config())
    assert {one.verdict for one in judgements} == {Verdict.PASSED}


@LAW
@given(_suites(), st.sampled_from([0.01, 0.05, 0.1]), st.sampled_from([0.15, 0.3, 1.0]))
def test_a_looser_threshold_never_turns_passed_into_red(
    suite: list[tuple[Evidence, Benchmark]], strict: float, loose: float
) -> None:
    # each by itself: what others must show depends on what exploring left
    for one in suite:
        before = next(iter(_verdicts([one], strict).values()))
        after = next(iter(_verdicts([one], loose).values()))
        if before in {Verdict.PASSED, Verdict.IMPROVED} and one[0].pairs:
            left = any(is_left(pairs.explore, strict) for pairs in one[0].pairs)
            assert after not in RED or left
        elif before in {Verdict.PASSED, Verdict.IMPROVED}:
            assert after not in RED


@LAW
@given(_suites(), st.floats(0.001, 0.3))
def test_a_slower_candidate_never_looks_better(
    suite: list[tuple[Evidence, Benchmark]], more: float
) -> None:
    for evidence, benchmark in suite:
        pairs = tuple(
            msgspec.structs.replace(
                one,
                explore=tuple(value + more for value in one.explore),
                confirm=tuple(value + more for value in one.confirm),
            )
            for one in evidence.pairs
        )
        slower = (
            msgspec.structs.replace(evidence, pairs=pairs),
            _in_unit(benchmark, math.exp(more)),
        )
        before = _verdicts([(evidence, benchmark)])
        after = _verdicts([slower])
        if before == {evidence.benchmark: Verdict.REGRESSED}:
            assert after == before
        if before == {evidence.benchmark: Verdict.PASSED}:
            assert after != {evidence.benchmark: Verdict.IMPROVED}


@LAW
@given(_suites(), st.integers(0, 5))
def test_another_benchmark_never_makes_this_one_red(
    suite: list[tuple[Evidence, Benchmark]], dropped: int
) -> None:
    fewer = [one for index, one in enumerate(suite) if index != dropped % len(suite)]
    alone, together = _verdicts(fewer), _verdicts(suite)
    for name, verdict in alone.items():
        assert verdict is Verdict.REGRESSED or together[name] is not Verdict.REGRESSED
        if verdict is Verdict.REGRESSED:
            assert together[name] is not Verdict.IMPROVED


@LAW
@given(_suites())
def test_red_always_shows_a_slowdown_that_matters(
    suite: list[tuple[Evidence, Benchmark]],
) -> None:
    for judgement in _judged(suite).values():
        if judgement.verdict in RED:
            deciding = judgement.comparisons[0]
            assert deciding.log_ratio >= 0.5 * math.log1p(0.05)
            assert deciding.high is None or deciding.high >= math.log1p(0.05)
        if judgement.verdict is Verdict.IMPROVED:
            assert judgement.comparisons[0].log_ratio <= -math.log1p(0.05)


@LAW
@given(_suites())
def test_what_exploring_left_and_nothing_confirmed_never_passes(
    suite: list[tuple[Evidence, Benchmark]],
) -> None:
    for evidence, benchmark in suite:
        unconfirmed = any(is_left(one.explore, 0.05) for one in evidence.pairs) and not any(
            one.confirm for one in evidence.pairs
        )
        if unconfirmed:
            judgement = _judged([(evidence, benchmark)])[evidence.benchmark]
            assert judgement.verdict is Verdict.UNDECIDED


@given(st.integers(1, 60), st.sampled_from([0.002, 0.02]), st.integers(0, 2**32))
@SLOW
def test_a_suite_that_became_slower_as_a_whole_is_red_for_each_benchmark(
    count: int, spread: float, seed: int
) -> None:
    draw = random.Random(seed)

    def estimates(number: int) -> tuple[float, ...]:
        return tuple(math.log(1.3) + spread * draw.gauss(0, 1) for _ in range(number))

    def both(name: str) -> tuple[Evidence, Benchmark]:
        pairs = PairedSamples(
            reference=BASE, commit="", explore=estimates(4), confirm=estimates(20), reference_s=1e-3
        )
        run = ProcessRun(rounds=9, iterations=1, min_s=1.3e-3, median_s=1.3e-3)
        return (
            Evidence(benchmark=name, suite="api", pairs=(pairs,)),
            Benchmark(id=name, suite="api", runs=(run,)),
        )

    judgements = _judged([both(f"test_{index}") for index in range(count)])
    assert {one.verdict for one in judgements.values()} == {Verdict.REGRESSED}
    failing = fails_on(config(), is_default_branch=False)
    assert exit_status(judgements.values(), failing, undecided_fails=True) == 1
