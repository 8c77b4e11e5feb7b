import dataclasses
import re
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from perfgate.commands.actions import annotation_lines, append_summary
from perfgate.github.actions import (
    Annotation,
    AnnotationLevel,
    annotations,
    without_commands,
)
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
def test_threat_16_no_text_starts_a_command_of_its_own(text: str) -> None:
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


def test_a_title_of_any_length_is_cut() -> None:
    written = annotations([dataclasses.replace(_error("y" * 9_000), title="x" * 9_000)])
    assert re.fullmatch("::error title=x{254}…::y{3999}…", written[0])


def test_characters_that_annotations_cannot_hold_are_written_as_escapes() -> None:
    assert annotations([_error("🙂 µ")]) == (r"::error title=test_x::\U0001f642 µ",)


def test_commands_in_guarded_text_are_not_looked_for() -> None:
    assert without_commands("  ::error::x", "t0ken") == (
        "::stop-commands::t0ken\n  ::error::x\n::t0ken::\n"
    )


# --- of a report -------------------------------------------------------------------------------


def test_an_annotation_stands_at_the_line_of_the_benchmark_seen_from_the_top() -> None:
    written = annotation_lines(report_cases.mixture(), folder=PurePosixPath("services/pay"))
    assert written[0] == (
        "::error file=services/pay/benchmarks/test_stripe.py,line=12,"
        "title=regressed%3A benchmarks/test_stripe.py%3A%3Atest_retry::"
        "2.3x slower (2.29x to 2.33x slower). "
        "Slower than the merge base 4f1d0c9be2; the threshold is 5 %25."
    )


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()])
def test_a_report_annotates_in_one_line_each_whatever_its_texts(text: str) -> None:
    written = annotation_lines(report_cases.with_text(text), folder=PurePosixPath())
    assert all(re.match("::(error|warning|notice) ", line) for line in written)
    assert all(line.isprintable() for line in written)
    assert len(written) <= 30


def test_2000_regressions_are_ten_annotations_and_a_count() -> None:
    written = annotation_lines(report_cases.many(), folder=PurePosixPath())
    kinds = Counter(line.split(" ")[0] for line in written)
    assert kinds == {"::error": 10, "::notice": 10}
    assert written[-1].endswith("::381 more in the job summary.")


def test_the_summary_holds_2000_benchmarks_whole(tmp_path: Path) -> None:
    append_summary(report_cases.many(), tmp_path / "summary.md")
    text = (tmp_path / "summary.md").read_text("utf-8")
    assert text.count("\n| `benchmarks/") == 2_000
    assert "left out" not in text


@pytest.mark.parametrize("character", ["a", "🙂"])
@pytest.mark.parametrize("used_bytes", [0, 900_000, LIMIT_BYTES - 300, LIMIT_BYTES])
def test_a_summary_drops_rows_until_it_fits_behind_what_is_there(
    character: str, used_bytes: int, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_bytes(b"x" * used_bytes)
    report = report_cases.report(
        *(report_cases.passed(f"test {character * 60} {character * 60}{i}") for i in range(8_000))
    )
    append_summary(report, summary)
    written = summary.read_bytes()
    assert len(written) <= LIMIT_BYTES
    assert (b"none of 8000 benchmarks regressed" in written) == (LIMIT_BYTES - used_bytes > 200)
