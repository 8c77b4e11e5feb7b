import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfgate.report.markdown import MARKER, render_markdown
from tests import report_cases
from tests.golden_files import assert_golden
from tests.markdown_page import page
from tests.report_cases import HOSTILE, harmless

CASES = ("all_passed", "regression", "undecided", "mixture", "empty")


def skeleton(text: str) -> list[str]:
    return page(render_markdown(report_cases.with_text(text))).parts


@pytest.mark.parametrize("name", CASES)
def test_the_whole_comment_is_as_agreed(name: str) -> None:
    assert_golden(f"{name}.md", render_markdown(getattr(report_cases, name)()))


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    report = report_cases.with_text("\x1b[2J[red]\u202ex\n|`<b>@octocat #1")
    assert_golden("hostile.md", render_markdown(report))


def test_a_report_over_the_budget_says_what_it_left_out() -> None:
    text = render_markdown(report_cases.many(), budget=20_000)
    assert len(text) <= 20_000
    assert_golden("over-budget.md", text)


def test_the_marker_is_the_first_line_and_the_verdict_the_second() -> None:
    lines = render_markdown(report_cases.regression()).splitlines()
    assert lines[:2] == [MARKER, "## ❌ perfgate: 1 of 5 benchmarks regressed"]


# --- outside text ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()])
def test_no_hostile_text_leaves_its_code_span(text: str) -> None:
    assert skeleton(text) == skeleton(harmless(text))


@settings(max_examples=120, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=30).filter(str.strip))
@example("`" * 9 + "a")
@example("\\" * 7 + "|" + "\\")
def test_what_stands_outside_code_does_not_depend_on_any_text(text: str) -> None:
    assert skeleton(text) == skeleton("plain")


@settings(max_examples=120, deadline=None)
@given(st.text(alphabet="`|\\<>@#[]()*_~&!-=\n :/", min_size=1, max_size=40).filter(str.strip))
def test_what_stands_outside_code_does_not_depend_on_markup(text: str) -> None:
    assert skeleton(text) == skeleton("plain")


@pytest.mark.parametrize(
    "text",
    ["a|b", "a\\|b", "a\\\\|", "a`b", "`", "x\\", "<b>", "@octocat", "a``b`", "a\\b", "&lt;"],
)
def test_a_name_reads_in_its_code_span_as_it_is(text: str) -> None:
    spans = page(render_markdown(report_cases.with_text(text))).code
    assert text in spans


def test_a_name_of_any_length_takes_a_bounded_place() -> None:
    text = render_markdown(report_cases.with_text("x" * 100_000))
    assert len(text) < 20_000
    assert "too long" in text


# --- the budget --------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [0, 10, 18, 40, 200, 1_000, 3_000, 9_999, 60_000, 262_144])
def test_a_report_never_exceeds_its_budget(budget: int) -> None:
    text = render_markdown(report_cases.many(300), budget=budget)
    assert len(text) <= budget
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0


def test_rows_are_dropped_whole_and_every_one_is_counted() -> None:
    text = render_markdown(report_cases.many(), budget=30_000)
    shown = len(re.findall(r"^\| `bench.* \|$", text, flags=re.MULTILINE))
    left_out = sum(map(int, re.findall(r"^(\d+) more left out", text, flags=re.MULTILINE)))
    assert shown + left_out == 2_000
    assert 0 < shown < 2_000
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert {row.count(" | ") for row in rows} == {2}


def test_the_least_important_rows_go_first() -> None:
    text = render_markdown(report_cases.many(200), budget=9_000)
    regressions = text.partition("### Improved")[0]
    assert regressions.count("| `benchmarks/") == 20
    assert "Passed (160)" in text
    assert "160 more left out" in text


def test_no_number_of_regressions_hides_what_was_accepted() -> None:
    accepted = report_cases.mixture().judgements[9]
    regressions = [one for one in report_cases.many().judgements if one.comparisons[0].low]
    text = render_markdown(report_cases.report(*regressions, accepted, exit_status=1), budget=9_000)
    assert "checksums are verified now" in text


def test_more_rows_than_a_glance_takes_are_folded() -> None:
    text = render_markdown(report_cases.many(200), budget=60_000)
    regressions, _, improvements = text.partition("### Improved")
    assert "<details><summary>5 more</summary>" in regressions
    assert "<details><summary>15 more</summary>" in improvements


def test_what_all_rows_of_a_section_share_is_said_once_above_them() -> None:
    text = render_markdown(report_cases.many(100))
    assert text.count("the threshold is 5 %") == 1
    assert text.index("the threshold is 5 %") < text.index("| Benchmark")


def test_columns_that_would_be_empty_are_left_out() -> None:
    failed = report_cases.mixture().judgements[4]
    text = render_markdown(report_cases.report(failed, exit_status=1))
    assert "| Benchmark |\n| :-- |\n" in text


def test_one_command_accepts_all_regressions_that_are_shown() -> None:
    text = render_markdown(report_cases.many(100))
    commands = re.findall(r"^perfgate update-baselines .*$", text, flags=re.MULTILINE)
    assert [command.count("--only ") for command in commands] == [10, 10]
    assert all(command.endswith(' --reason "..."') for command in commands)


def test_a_command_too_long_to_read_says_how_many_it_holds() -> None:
    text = render_markdown(report_cases.many(), budget=1_000_000)
    ((held, count),) = re.findall(r"accept it \(the first (\d+) of (\d+)\)", text)
    command = re.findall(r"^perfgate update-baselines .*$", text, flags=re.MULTILINE)[0]
    assert command.count("--only ") == int(held) < int(count) == 200
    assert len(command) <= 4_000


def test_a_piece_that_cannot_be_broken_leaves_room_for_the_numbers() -> None:
    text = render_markdown(report_cases.with_text("x" * 500))
    cells = [line for line in text.splitlines() if line.startswith("| `")]
    assert cells
    assert max(len(span) for line in cells for span in re.findall("`([^`]+)`", line)) <= 84


def test_right_to_left_text_does_not_turn_what_stands_around_it() -> None:
    name = "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}"
    text = render_markdown(report_cases.with_text(name))
    assert f'<span dir="ltr">`{name}`</span>' in text
    outside = re.sub('<span dir="ltr">`[^`]*`</span>|```[^`]*```', "", text)
    assert name not in outside


def test_a_larger_budget_never_shows_less() -> None:
    report = report_cases.many(300)
    lengths = [len(render_markdown(report, budget=b)) for b in range(0, 60_000, 6_000)]
    assert lengths == sorted(lengths)


def test_a_budget_too_small_for_a_table_keeps_the_verdict() -> None:
    text = render_markdown(report_cases.mixture(), budget=150)
    assert text.startswith(f"{MARKER}\n## ❌ perfgate: 3 of 15 benchmarks regressed")
