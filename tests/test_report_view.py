import subprocess
import sys

import msgspec
import pytest

from perfgate.model import (
    BaselineEdit,
    LimitBreach,
    Reason,
    ReferenceKind,
    Report,
    Revision,
    Verdict,
)
from perfgate.report.text import plain
from perfgate.report.view import Level, build_view
from tests import report_cases
from tests.report_cases import baseline, judged, paired, passed, report

CPU = report_cases.mixture().results.environment.cpu_model


def _headline(given: Report) -> str:
    return plain(build_view(given).headline)


def _why(given: Report, name: str) -> str:
    rows = [row for section in build_view(given).sections for row in section.rows]
    return next(plain(row.why) for row in rows if row.benchmark.text.endswith(name))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            report(passed("a"), passed("b")), "none of 2 benchmarks regressed", id="passed"
        ),
        pytest.param(report(passed("a")), "the benchmark passed", id="one-passed"),
        pytest.param(
            report(
                passed("a"),
                judged("b", Verdict.DRIFTED, Reason.DRIFTED_BEFORE),
                judged("c", Verdict.UNDECIDED, Reason.OUT_OF_BUDGET),
                undecided_fails=False,
            ),
            "none of 3 benchmarks regressed, 1 drifted, 1 is undecided",
            id="passed-with-doubts",
        ),
        pytest.param(report_cases.regression(), "1 of 5 benchmarks regressed", id="regressed"),
        pytest.param(
            report(
                judged("a", Verdict.DRIFTED, Reason.DRIFTED_BEFORE),
                fails_on=(Verdict.DRIFTED,),
                exit_status=1,
            ),
            "1 of 1 benchmark drifted",
            id="drift-that-fails",
        ),
        pytest.param(
            report_cases.undecided(), "could not decide 9 of 9 benchmarks", id="undecided"
        ),
        pytest.param(
            report(judged("a", Verdict.NEW, Reason.NO_BASELINE), exit_status=3),
            "nothing to compare with, 1 of 1 benchmark has no baseline",
            id="all-new",
        ),
        pytest.param(report_cases.empty(), "no benchmark was measured", id="empty"),
    ],
)
def test_the_headline_says_the_verdict_first(given: Report, expected: str) -> None:
    assert _headline(given) == f"perfgate: {expected}"


def test_sections_stand_by_importance_and_rows_worst_first() -> None:
    sections = build_view(report_cases.mixture()).sections
    assert [section.heading for section in sections] == [
        "Regressions",
        "Over a limit",
        "Failed to run",
        "Missing",
        "Drifted before this change",
        "Undecided",
        "Improved",
        "Accepted in this change",
        "New",
        "Passed",
    ]
    assert [row.effect for row in sections[0].rows] == [
        "2.3x slower",
        "+12.4 %",
        "+8.3 %",
    ]


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        pytest.param("test_noisy", "+8.3 % or more", id="smallest-findable"),
        pytest.param("test_one_process", "1 process", id="processes"),
        pytest.param("test_other_cpu", "AMD EPYC 7763 64-Core Processor", id="cpu"),
        pytest.param("test_elsewhere", "linux-x86_64-cpython-3.12", id="environment"),
        pytest.param("test_late", "after 7 pairs", id="pairs"),
        pytest.param("test_later", "after 0 pairs", id="no-pairs"),
        pytest.param("test_alone", "5 processes", id="baseline-alone"),
        pytest.param("test_few_rounds", "needs 72 rounds in a process; there were 20", id="rounds"),
        pytest.param("test_async", "its target is async", id="unfit"),
    ],
)
def test_undecided_says_what_was_missing(name: str, missing: str) -> None:
    assert missing in _why(report_cases.undecided(), name)


@pytest.mark.parametrize(
    ("expression", "measured", "expected"),
    [
        pytest.param("p95 < 500ms", 0.612, "612 ms", id="time"),
        pytest.param("success_rate > 95%", 0.92, "92 %", id="percent"),
        pytest.param("memory_growth < 50MB", 6.1e7, "61.0 MB", id="bytes"),
        pytest.param("ops_per_s > 5", 4.25, "measured 4.25.", id="plain"),
        pytest.param("p95 < 1min", 75.0, "75.0 s", id="minutes"),
    ],
)
def test_a_broken_limit_shows_what_was_measured_in_its_unit(
    expression: str, measured: float, expected: str
) -> None:
    breach = LimitBreach(expression=expression, measured=measured)
    given = report(judged("a", Verdict.LIMIT_EXCEEDED, Reason.LIMIT, breaches=(breach,)))
    assert expected in _why(given, "a")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_sentence_even_without_any_number(reason: Reason) -> None:
    sentence = _why(report(judged("a", Verdict.UNDECIDED, reason)), "a")
    assert sentence.endswith(".")
    assert sentence[0].isupper()


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_can_be_shown_without_any_number(verdict: Verdict) -> None:
    view = build_view(report(judged("a", verdict, Reason.NOT_MEASURED)))
    assert [row.verdict for section in view.sections for row in section.rows] == [verdict]


def test_a_waiver_in_use_is_listed_with_its_end() -> None:
    reason = "waiting for the upstream fix"
    waivers = [plain(waiver) for waiver in build_view(report_cases.mixture()).waivers]
    assert waivers == [
        f"{report_cases.STRIPE}::test_refund (+11.0 %) is waived until 2026-12-31: {reason}."
    ]


def test_an_accepted_row_shows_the_old_and_the_new_baseline() -> None:
    sections = build_view(report_cases.mixture()).sections
    row = next(s.rows[0] for s in sections if s.heading == "Accepted in this change")
    assert (row.times, row.effect) == ("3.12 ms → 3.90 ms", "+25.0 %")
    assert "checksums are verified now" in plain(row.why)


@pytest.mark.parametrize(
    ("cpu", "measured_s", "told"),
    [
        pytest.param(CPU, 9.36e-3, "9.36 ms: 2.4x slower against what the change sets", id="far"),
        pytest.param(CPU, 5e-3, "", id="as-times-differ"),
        pytest.param("another", 9.36e-3, "", id="other-hardware"),
    ],
)
def test_code_that_grew_slower_after_its_baseline_was_edited_is_told(
    cpu: str, measured_s: float, told: str
) -> None:
    row = judged(
        "a",
        Verdict.ACCEPTED,
        Reason.BASELINE_EDITED,
        candidate_s=measured_s,
        edit=BaselineEdit(
            old=baseline(3e-3), new=msgspec.structs.replace(baseline(3.9e-3), cpu=cpu)
        ),
    )
    why = _why(report(row), "a")
    assert told in why
    assert ("This run measured" in why) == bool(told)


def test_the_smallest_findable_slowdown_is_given_over_the_run() -> None:
    given = report(
        *(
            judged(f"t{i}", Verdict.PASSED, Reason.WITHIN_THRESHOLD, comparisons=(c,))
            for i, c in enumerate([paired(0, spread=0.01), paired(0, spread=0.02)])
        ),
        judged("u", Verdict.UNDECIDED, Reason.TOO_NOISY, comparisons=(report_cases.unbounded(),)),
    )
    # ends of 0.02 and 0.04 as logarithms: 2.0 % and 4.1 %, with 3.0 % in the middle
    assert plain(build_view(given).notes[-1]) == (
        "The smallest slowdown that this run could have found: +3.0 % (median), +4.1 % (worst). "
        "For 1 benchmark it is unknown."
    )


def test_the_measured_and_the_base_commit_are_named() -> None:
    given = report(passed("a"), base=Revision(commit="b" * 40))
    assert plain(build_view(given).commits) == (
        "Measured c0ffee1234 on faster-refunds against the merge base bbbbbbbbbb."
    )


def test_every_approved_commit_that_was_measured_is_named() -> None:
    one = paired(3, reference=ReferenceKind.APPROVED)
    other = msgspec.structs.replace(one, commit="d" * 40)
    judgements = [
        judged(name, Verdict.PASSED, Reason.WITHIN_THRESHOLD, comparisons=(comparison,))
        for name, comparison in (("a", one), ("b", other), ("c", one))
    ]
    assert plain(build_view(report(judgements[0], base=None)).commits).endswith(
        " against the approved code a90b7c3344."
    )
    assert plain(build_view(report(*judgements, base=None)).commits).endswith(
        " against the approved code of 2 commits (a90b7c3344, dddddddddd)."
    )


@pytest.mark.parametrize(
    ("undecided_fails", "level"), [(True, Level.ERROR), (False, Level.WARNING)]
)
def test_an_undecided_row_is_as_loud_as_the_policy(undecided_fails: bool, level: Level) -> None:  # noqa: FBT001 - a parameter of the table above
    given = report(
        judged("a", Verdict.UNDECIDED, Reason.OUT_OF_BUDGET), undecided_fails=undecided_fails
    )
    assert build_view(given).sections[0].rows[0].level is level


def test_importing_the_renderers_loads_neither_jinja_nor_rich() -> None:
    script = (
        "import sys, perfgate.report.markdown, perfgate.report.terminal, perfgate.report.junit\n"
        "print(sorted({'jinja2', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"
