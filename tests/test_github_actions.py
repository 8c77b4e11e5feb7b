import pytest

from perfgate.github.actions import (
    SUMMARY_BUDGET_CHARS,
    Annotation,
    AnnotationLevel,
    annotations,
    job_summary,
)
from perfgate.report.markdown import render_markdown
from perfgate.report.text import plain
from perfgate.report.view import Level, build_view
from tests import report_cases
from tests.report_cases import HOSTILE

LIMIT_BYTES = 1_048_576


def _error(message: str = "slower", **fields: str) -> Annotation:
    return Annotation(
        level=AnnotationLevel.ERROR, title="test_x", message=message, line=12, **fields
    )


def test_an_annotation_points_at_its_line() -> None:
    written = annotations([_error("+12 %: slower, by far", file="a/test_x.py")])
    assert written == ("::error file=a/test_x.py,line=12,title=test_x::+12 %25: slower, by far",)


def test_an_annotation_without_a_file_has_no_line() -> None:
    assert annotations([_error()]) == ("::error title=test_x::slower",)


def test_properties_and_data_are_escaped_as_the_runner_unescapes_them() -> None:
    hostile = "%\r\n:,"
    written = annotations([_error(hostile, file=hostile)])[0]
    assert written == "::error file=%25%0D%0A%3A%2C,line=12,title=test_x::%25%0D%0A:,"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_starts_a_command_of_its_own(text: str) -> None:
    written = annotations([_error(text, file=text)])
    assert [line.startswith("::error ") for line in written[0].splitlines()][:1] == [True]
    assert "\n" not in written[0]
    assert "\r" not in written[0]


def test_more_than_ten_of_a_level_are_counted_in_a_last_line() -> None:
    notice = Annotation(level=AnnotationLevel.NOTICE, title="n", message="faster")
    written = annotations([*[_error(str(i)) for i in range(13)], *[notice] * 10])
    assert [line.startswith("::error") for line in written].count(True) == 10
    assert [line.startswith("::notice") for line in written].count(True) == 10
    assert written[0].endswith("::0")
    assert written[-1] == "::notice title=perfgate::4 more in the job summary."


def test_ten_of_each_level_need_no_last_line() -> None:
    items = [
        Annotation(level=level, title="t", message="m")
        for level in AnnotationLevel
        for _ in range(10)
    ]
    assert len(annotations(items)) == 30


def test_the_rows_of_a_report_carry_all_that_an_annotation_needs() -> None:
    rows = [row for section in build_view(report_cases.mixture()).sections for row in section.rows]
    items = [
        Annotation(
            level=AnnotationLevel(row.level.value),
            title=f"{row.word}: {row.benchmark.text}",
            message=plain(row.why),
            file=row.path,
            line=row.line,
        )
        for row in rows
        if row.level is not Level.NONE
    ]
    written = annotations(items)
    assert written[0].startswith(
        "::error file=benchmarks/test_stripe.py,line=12,title=regressed%3A"
    )


def test_a_summary_that_fits_stays_as_it_is() -> None:
    assert job_summary("text") == "text\n"


@pytest.mark.parametrize("character", ["a", "🙂"])
def test_a_report_rendered_for_the_summary_fits_it(character: str) -> None:
    report = report_cases.report(
        *(report_cases.passed(f"test_{character * 200}{i}") for i in range(1_500))
    )
    text = render_markdown(report, budget_chars=SUMMARY_BUDGET_CHARS)
    assert job_summary(text) == text
    assert len(text.encode()) <= LIMIT_BYTES


def test_a_summary_too_large_is_replaced_by_a_line_that_says_so() -> None:
    assert "too large" in job_summary("🙂" * 300_000)
    assert job_summary("text", used_bytes=LIMIT_BYTES - 4) == ""
