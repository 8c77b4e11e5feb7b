import json
import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from perfgate.errors import InputFileError
from perfgate.gate import exit_status, fails_on, judge
from perfgate.model import (
    Baseline,
    BaselineEdit,
    Benchmark,
    Comparison,
    Environment,
    Evidence,
    Failure,
    FailureKind,
    Judgement,
    LimitBreach,
    Note,
    NoteKind,
    PairedSamples,
    ProcessRun,
    Reason,
    ReferenceKind,
    Report,
    Results,
    Revision,
    Verdict,
    suite_name,
)
from perfgate.report.document import decode_report, encode_report, report_schema
from tests import report_cases
from tests.evidence import (
    APPROVED,
    BASE,
    baseline,
    config,
    edit,
    evidence,
    measured,
    pairs,
    results,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.floats(min_value=1e-12, max_value=1e9)
MAYBE = st.none() | NUMBERS


def _tuples(items: st.SearchStrategy[Any], **sizes: Any) -> st.SearchStrategy[Any]:
    return st.lists(items, **{"max_size": 3, **sizes}).map(tuple)


RUNS = st.builds(
    ProcessRun,
    rounds=st.integers(1, 10**6),
    iterations=st.integers(1, 10**6),
    min_s=SECONDS,
    median_s=SECONDS,
    low_s=st.none() | SECONDS,
    p90_s=st.none() | SECONDS,
    rss_growth_bytes=st.none() | st.integers(0, 2**40),
    hash_seed=st.none() | st.integers(0, 2**32 - 1),
    metrics=st.dictionaries(TEXTS, NUMBERS, max_size=2),
)
FAILURES = st.builds(Failure, kind=st.sampled_from(FailureKind), message=TEXTS)
BENCHMARKS = st.builds(
    Benchmark, id=TEXTS.filter(bool), suite=TEXTS, runs=_tuples(RUNS, min_size=1), path=TEXTS
) | st.builds(Benchmark, id=TEXTS.filter(bool), suite=TEXTS, failure=FAILURES)
BASELINES = st.builds(
    Baseline,
    low_s=SECONDS,
    median_s=SECONDS,
    spread=MAYBE,
    processes=st.integers(1, 50),
    cpu=TEXTS,
    reason=TEXTS,
)
EDITS = st.builds(BaselineEdit, old=st.none() | BASELINES, new=st.none() | BASELINES)
PAIRS = st.builds(
    PairedSamples,
    reference=st.sampled_from(ReferenceKind),
    commit=TEXTS,
    explore=_tuples(NUMBERS, min_size=1),
    confirm=_tuples(NUMBERS),
    reference_s=MAYBE,
)
EVIDENCE = st.builds(
    Evidence,
    benchmark=TEXTS,
    suite=TEXTS,
    baseline=st.none() | BASELINES,
    edit=st.none() | EDITS,
    pairs=_tuples(PAIRS, max_size=2),
    other=st.none() | BENCHMARKS,
    other_cpu=TEXTS,
    is_out_of_budget=st.booleans(),
)
COMPARISONS = st.builds(
    Comparison,
    reference=st.sampled_from(ReferenceKind),
    commit=TEXTS,
    log_ratio=NUMBERS,
    low=MAYBE,
    high=MAYBE,
    p_value=MAYBE,
    smallest_findable=MAYBE,
    samples=st.integers(0, 99),
    reference_s=MAYBE,
    candidate_s=MAYBE,
)
JUDGEMENTS = st.builds(
    Judgement,
    benchmark=TEXTS,
    suite=TEXTS,
    verdict=st.sampled_from(Verdict),
    reason=st.sampled_from(Reason),
    threshold=NUMBERS,
    floor_s=NUMBERS,
    candidate_s=MAYBE,
    comparisons=_tuples(COMPARISONS),
    baseline=st.none() | BASELINES,
    edit=st.none() | EDITS,
    breaches=_tuples(st.builds(LimitBreach, expression=TEXTS, measured=MAYBE), max_size=2),
    message=TEXTS,
    similar=TEXTS,
    line=st.none() | st.integers(1, 10**5),
)
REVISIONS = st.builds(Revision, commit=TEXTS, is_dirty=st.booleans(), branch=TEXTS)
REPORTS = st.builds(
    Report,
    evidence=_tuples(EVIDENCE, max_size=2),
    title=TEXTS,
    results=st.builds(
        Results,
        environment=st.builds(
            Environment,
            system=TEXTS,
            machine=TEXTS,
            implementation=TEXTS,
            python=TEXTS,
            load_1min=MAYBE,
        ),
        revision=REVISIONS,
        benchmarks=_tuples(BENCHMARKS, unique_by=lambda each: (each.suite, each.id)),
    ),
    judgements=_tuples(JUDGEMENTS, unique_by=lambda each: (each.suite, each.benchmark)),
    base=st.none() | REVISIONS,
    is_default_branch=st.booleans(),
    fails_on=_tuples(st.sampled_from(Verdict)),
    undecided_fails=st.booleans(),
    notes=_tuples(st.builds(Note, kind=st.sampled_from(NoteKind), facts=_tuples(TEXTS))),
    exit_status=st.sampled_from([0, 1, 3]),
    duration_s=MAYBE,
)
SCHEMA = Draft202012Validator(report_schema())


def _real_report() -> Report:
    """Return what the gate makes of one benchmark of each kind."""
    given = (
        evidence(pairs(BASE, 0.1), name="settled"),
        evidence(pairs(BASE, 9, 9), pairs(APPROVED, 9, 9), name="slower"),
        evidence(baseline=baseline(), name="committed"),
        evidence(baseline=baseline(), edit=edit(1e-3, 2e-3), name="accepted"),
        evidence(baseline=baseline(spread=None, processes=1), name="one process"),
        evidence(baseline=baseline(), name="missing"),
        evidence(name="new"),
    )
    found = results(*(measured(name=one.benchmark) for one in given if one.benchmark != "missing"))
    judgements = judge(given, found, config())
    failing = fails_on(config(), is_default_branch=False)
    return Report(
        evidence=given,
        results=found,
        judgements=judgements,
        is_default_branch=False,
        fails_on=failing,
        undecided_fails=True,
        exit_status=exit_status(judgements, failing, undecided_fails=True),
    )


@given(REPORTS)
@settings(max_examples=60, deadline=None)
def test_every_report_comes_back_equal_and_fits_the_schema(report: Report) -> None:
    data = encode_report(report)
    assert decode_report(data, "report.json") == report
    SCHEMA.validate(json.loads(data))


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(_real_report, id="judged"),
        pytest.param(report_cases.all_passed, id="all passed"),
        pytest.param(report_cases.regression, id="regression"),
        pytest.param(report_cases.undecided, id="undecided"),
        pytest.param(report_cases.mixture, id="mixture"),
    ],
)
def test_the_schema_accepts_real_reports(build: Callable[[], Report]) -> None:
    data = encode_report(build())
    SCHEMA.validate(json.loads(data))
    assert decode_report(data, "report.json") == build()


def test_judging_the_evidence_of_a_report_again_gives_the_same_verdicts() -> None:
    report = decode_report(encode_report(_real_report()), "report.json")
    assert judge(report.evidence, report.results, config()) == report.judgements


def _changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    document: dict[str, Any] = json.loads(encode_report(_real_report()))
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda document: document.update(version=2), id="newer version"),
        pytest.param(lambda document: document.pop("version"), id="no version"),
        pytest.param(lambda document: document.update(surprise=1), id="unknown field"),
        pytest.param(
            lambda document: document["judgements"][0].update(surprise=1), id="unknown field inside"
        ),
        pytest.param(
            lambda document: document["judgements"][0].update(verdict="fine"), id="unknown verdict"
        ),
        pytest.param(
            lambda document: document["judgements"][0].pop("threshold"), id="missing field"
        ),
        pytest.param(lambda document: document.update(exit_status=2), id="exit status"),
        pytest.param(lambda document: document.update(duration_s="1"), id="text for a number"),
        pytest.param(
            lambda document: document["evidence"][0]["pairs"][0].update(explore=[None]),
            id="null for an estimate",
        ),
    ],
)
def test_reading_and_the_schema_refuse_the_same(
    change: Callable[[dict[str, Any]], object],
) -> None:
    data = _changed(change)
    assert not SCHEMA.is_valid(json.loads(data))
    with pytest.raises(InputFileError, match=r"report\.json"):
        decode_report(data, "report.json")


NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("number", NOT_FINITE)
@pytest.mark.parametrize(
    ("build", "field"),
    [
        pytest.param(lambda **fields: measured(1e-3, **fields), "p95_s", id="p95"),
        pytest.param(lambda **fields: measured(1e-3, **fields), "iqr_s", id="iqr"),
        pytest.param(lambda **fields: measured(1e-3, **fields), "median_s", id="median"),
        pytest.param(baseline, "low_s", id="baseline"),
        pytest.param(baseline, "spread", id="spread"),
        pytest.param(
            lambda **fields: PairedSamples(reference=BASE, commit="", explore=(0.0,), **fields),
            "reference_s",
            id="reference of pairs",
        ),
        pytest.param(
            lambda **fields: LimitBreach(expression="p95 < 1s", **fields), "measured", id="breach"
        ),
        pytest.param(
            lambda **fields: msgspec.structs.replace(_real_report(), **fields),
            "duration_s",
            id="duration",
        ),
        pytest.param(
            lambda **fields: msgspec.structs.replace(_real_report().judgements[0], **fields),
            "candidate_s",
            id="candidate",
        ),
        pytest.param(
            lambda **fields: msgspec.structs.replace(
                _real_report().judgements[0].comparisons[0], **fields
            ),
            "p_value",
            id="p-value",
        ),
        pytest.param(
            lambda **fields: msgspec.structs.replace(results().environment, **fields),
            "load_1min",
            id="load",
        ),
    ],
)
def test_a_number_that_json_does_not_know_cannot_exist(
    build: Callable[..., object], field: str, number: float
) -> None:
    with pytest.raises(ValueError, match=field):
        build(**{field: number})


@pytest.mark.parametrize("number", NOT_FINITE)
@pytest.mark.parametrize("field", ["explore", "confirm"])
def test_an_estimate_that_is_not_finite_cannot_exist(field: str, number: float) -> None:
    fields: dict[str, Any] = {"explore": (0.0,), field: (0.0, number)}
    with pytest.raises(ValueError, match="finite"):
        PairedSamples(reference=BASE, commit="", **fields)


def test_pairs_without_an_estimate_and_benchmarks_without_an_outcome_cannot_exist() -> None:
    with pytest.raises(ValueError, match="without an estimate"):
        PairedSamples(reference=BASE, commit="", explore=())
    with pytest.raises(ValueError, match="neither a run nor a failure"):
        Benchmark(id="a", suite="api")
    with pytest.raises(ValueError, match="both runs and a failure"):
        msgspec.structs.replace(measured(), failure=Failure(kind=FailureKind.RAISED, message="why"))
    with pytest.raises(ValueError, match="needs an id"):
        measured(name="")


@pytest.mark.parametrize(
    ("path", "suite"),
    [
        ("benchmarks/test_stripe.py", "stripe"),
        ("bench_io.py", "io"),
        ("benchmarks/other.py", "other"),
        ("test_.py", "test_"),
        ("", ""),
    ],
)
def test_a_suite_is_named_by_its_file(path: str, suite: str) -> None:
    assert suite_name(path) == suite
