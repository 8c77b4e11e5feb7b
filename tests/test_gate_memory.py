"""Memory at the gate: more of it is red only where it lies clear of what processes differ by."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.config import BenchmarkOverride, Config
from perfgate.gate import judge
from perfgate.model import (
    Benchmark,
    Judgement,
    MemoryOutcome,
    PairedSamples,
    Reason,
    ReferenceKind,
    Verdict,
)
from perfgate.report.sentences import explain
from perfgate.report.text import plain
from tests.evidence import (
    APPROVED,
    BASE,
    NAME,
    baseline,
    config,
    edit,
    evidence,
    measured,
    pairs,
    results,
    run,
)

SETTINGS = config(memory_threshold=0.1)
BLOCKS = "blocks_per_op"
STEADY = (20.0,) * 4


def needing(*blocks: float, rss: Sequence[int] = (), name: str = NAME) -> Benchmark:
    """Return a benchmark whose processes keep so many blocks and grow by so many bytes."""
    runs = tuple(
        run(1e-3, metrics={BLOCKS: kept}, **({"rss_growth_bytes": rss[index]} if rss else {}))
        for index, kept in enumerate(blocks)
    )
    return Benchmark(id=name, suite="api", runs=runs)


def beside(
    blocks: Sequence[float], kind: ReferenceKind = BASE, *, rss: Sequence[float] = ()
) -> PairedSamples:
    memory: dict[str, tuple[float, ...]] = {BLOCKS: tuple(blocks)}
    memory |= {"memory_growth": tuple(rss)} if rss else {}
    return msgspec.structs.replace(pairs(kind, 0.0), reference_memory=memory)


def decided(
    paired: Sequence[PairedSamples], benchmark: Benchmark, settings: Config = SETTINGS, **more: Any
) -> Judgement:
    given_ = evidence(*paired)
    (judgement,) = judge([given_], results(benchmark), settings, **more)
    return judgement


def text_of(judgement: Judgement) -> str:
    found = results(measured())
    return " ".join(plain(part) for part in explain(judgement, None, found.environment))


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        pytest.param(STEADY, STEADY, Verdict.PASSED, id="equal"),
        pytest.param(STEADY, (19.0,) * 4, Verdict.PASSED, id="fewer"),
        pytest.param(STEADY, (21.0,) * 4, Verdict.PASSED, id="within the threshold"),
        pytest.param(STEADY, (23.0,) * 4, Verdict.REGRESSED, id="more"),
        pytest.param((0.0,) * 4, (1.0,) * 4, Verdict.REGRESSED, id="a first block"),
        pytest.param((0.0,) * 4, (0.4,) * 4, Verdict.PASSED, id="half a block"),
        pytest.param((10, 30, 20, 20), (15, 29, 40, 31), Verdict.PASSED, id="overlapping"),
        pytest.param(
            (20, 20, 20, 26), (28, 28, 29, 33), Verdict.UNDECIDED, id="clear by too little"
        ),
        pytest.param(
            (20, 20, 20, 21), (30, 30, 31, 31), Verdict.REGRESSED, id="clear of the spread"
        ),
    ],
)
def test_blocks_beside_the_merge_base(
    before: Sequence[float], after: Sequence[float], verdict: Verdict
) -> None:
    judgement = decided([beside(before)], needing(*after))
    assert judgement.verdict is verdict
    assert [one.metric for one in judgement.memory] == [BLOCKS]


def test_the_sentence_names_what_it_was_and_what_it_is() -> None:
    judgement = decided([beside(STEADY)], needing(*(23.0,) * 4))
    assert judgement.reason is Reason.MORE_MEMORY
    assert text_of(judgement) == (
        "Needs more memory; the threshold is 10 %. "
        "Blocks kept per operation: 20 → 23 (+15.0 %) against the merge base merge-base."
    )
    peak = decided(
        [beside(STEADY, rss=(40e6, 41e6, 40e6, 41e6))],
        needing(*STEADY, rss=(61_000_000, 60_000_000, 61_000_000, 60_000_000)),
    )
    assert "Growth of its peak memory: 40.5 MB → 60.5 MB (+49.4 %)" in text_of(peak)
    unclear = decided([beside((20, 20, 20, 26))], needing(28, 28, 29, 33))
    assert "its own processes differ as much. Blocks kept per operation: 20 → 28.5" in text_of(
        unclear
    )


def test_growth_of_the_peak_below_what_arenas_take_never_matters() -> None:
    small = decided(
        [beside(STEADY, rss=(1e5, 1e5, 1e5, 1e5))], needing(*STEADY, rss=(1_500_000,) * 4)
    )
    assert small.verdict is Verdict.PASSED


def test_without_a_threshold_memory_is_not_judged() -> None:
    judgement = decided([beside(STEADY)], needing(*(99.0,) * 4), config())
    assert (judgement.verdict, judgement.memory) == (Verdict.PASSED, ())


def test_a_benchmark_may_have_a_threshold_of_its_own() -> None:
    override = BenchmarkOverride(
        match=NAME, threshold=None, floor_s=None, limits=(), memory_threshold=0.5
    )
    settings = config(memory_threshold=0.1, overrides=(override,))
    assert decided([beside(STEADY)], needing(*(29.0,) * 4), settings).verdict is Verdict.PASSED
    assert decided([beside(STEADY)], needing(*(31.0,) * 4), settings).verdict is Verdict.REGRESSED
    assert config(overrides=(override,)).measures_memory
    assert not config().measures_memory


@pytest.mark.parametrize(
    ("base", "is_default_branch", "verdict"),
    [
        pytest.param(23.0, False, Verdict.DRIFTED, id="not through this change"),
        pytest.param(22.0, False, Verdict.REGRESSED, id="this change adds to it"),
        pytest.param(23.0, True, Verdict.DRIFTED, id="on the default branch"),
    ],
)
def test_what_only_the_approved_code_did_with_less(
    base: float, verdict: Verdict, *, is_default_branch: bool
) -> None:
    paired = [beside((base,) * 4), beside(STEADY, APPROVED)]
    judgement = decided(paired, needing(*(23.0,) * 4), is_default_branch=is_default_branch)
    assert (judgement.verdict, judgement.reason) == (verdict, Reason.MORE_MEMORY)


def test_an_approved_line_takes_its_memory_with_it() -> None:
    accepted = evidence(beside(STEADY), edit=edit(1e-3, 1e-3))
    (judgement,) = judge([accepted], results(needing(*(99.0,) * 4)), SETTINGS)
    assert judgement.verdict is Verdict.ACCEPTED


def test_what_could_not_be_confirmed_stays_undecided() -> None:
    given_ = evidence(beside(STEADY), is_out_of_budget=True)
    (judgement,) = judge([given_], results(needing(*(99.0,) * 4)), SETTINGS)
    assert (judgement.verdict, judgement.reason) == (Verdict.UNDECIDED, Reason.OUT_OF_BUDGET)
    assert [one.outcome for one in judgement.memory] == [MemoryOutcome.MORE]


def test_a_slowdown_that_needs_more_memory_too_says_both() -> None:
    slow = msgspec.structs.replace(pairs(BASE, 20.0, 20.0), reference_memory={BLOCKS: STEADY})
    judgement = decided([slow], needing(*(30.0,) * 4))
    assert judgement.reason is Reason.SLOWER
    assert "Slower than" in text_of(judgement)
    assert "20 → 30 (+50.0 %)" in text_of(judgement)


@pytest.mark.parametrize(
    ("metrics", "after", "verdict"),
    [
        pytest.param({BLOCKS: 20.0}, STEADY, Verdict.PASSED, id="as approved"),
        pytest.param({BLOCKS: 20.0}, (30.0,) * 4, Verdict.REGRESSED, id="more"),
        pytest.param({}, (30.0,) * 4, Verdict.PASSED, id="a line from before memory was judged"),
        pytest.param({BLOCKS: 20.0}, (33, 31, 34, 31), Verdict.REGRESSED, id="clear of both"),
        pytest.param({BLOCKS: 20.0}, (30, 27, 31, 27), Verdict.UNDECIDED, id="it may vary too"),
        pytest.param({BLOCKS: 20.0}, (30.0,), Verdict.UNDECIDED, id="one process"),
    ],
)
def test_committed_numbers_hold_memory_where_the_line_has_it(
    metrics: Mapping[str, float], after: Sequence[float], verdict: Verdict
) -> None:
    given_ = evidence(baseline=baseline(metrics=dict(metrics)))
    (judgement,) = judge([given_], results(needing(*after)), SETTINGS)
    assert judgement.verdict is verdict


def test_another_file_is_a_reference_too() -> None:
    given_ = evidence(other=needing(*STEADY))
    (judgement,) = judge([given_], results(needing(*(30.0,) * 4)), SETTINGS)
    assert judgement.verdict is Verdict.REGRESSED
    assert judgement.memory[0].reference is ReferenceKind.FILE


@given(
    values=st.lists(st.integers(0, 10**6), min_size=8, max_size=8),
    order=st.permutations(range(8)),
)
def test_no_side_is_red_in_both_directions(values: list[int], order: list[int]) -> None:
    one = [float(values[place]) for place in order[:4]]
    two = [float(values[place]) for place in order[4:]]
    outcomes = [
        decided([beside(before)], needing(*after)).memory[0].outcome
        for before, after in ((one, two), (two, one))
    ]
    assert outcomes.count(MemoryOutcome.MORE) <= 1
