import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from perfgate.report.terminal import render_terminal
from tests import report_cases
from tests.golden_files import assert_golden
from tests.report_cases import HOSTILE

CASES = ("all_passed", "regression", "undecided", "mixture", "empty")


@pytest.mark.parametrize("name", CASES)
def test_the_whole_terminal_report_is_as_agreed(name: str) -> None:
    report = getattr(report_cases, name)()
    assert_golden(f"{name}.txt", render_terminal(report, width=80, color=False))


def test_a_wide_terminal_shows_the_interval() -> None:
    text = render_terminal(report_cases.mixture(), width=120, color=False)
    assert_golden("mixture-wide.txt", text)


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    report = report_cases.with_text("\x1b[2J[red]\u202ex\n|`<b>@octocat")
    assert_golden("hostile.txt", render_terminal(report, width=80, color=False))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_only_commands_are_wider_than_the_terminal(width: int) -> None:
    lines = render_terminal(report_cases.mixture(), width=width, color=False).splitlines()
    wide = [line for line in lines if cell_len(line) > width]
    assert all(line.startswith(("      perfgate ", "      python ")) for line in wide)


def test_the_verdict_is_the_last_line() -> None:
    text = render_terminal(report_cases.regression(), width=80, color=False)
    assert text.endswith("\n✗ perfgate: 1 of 5 benchmarks regressed\n")


def test_color_changes_nothing_but_color() -> None:
    colored = render_terminal(report_cases.mixture(), width=80, color=True)
    uncolored = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    shown = "\n".join(line.rstrip() for line in uncolored.split("\n"))
    assert "\x1b[31m" in colored
    assert shown == render_terminal(report_cases.mixture(), width=80, color=False)


def test_many_passed_benchmarks_are_counted_unless_asked_for() -> None:
    report = report_cases.report(*(report_cases.passed(f"test_{i}") for i in range(31)))
    brief = render_terminal(report, width=80, color=False)
    assert "31 passed, not listed." in brief
    assert "test_30" not in brief
    assert "test_30" in render_terminal(report, width=80, color=False, verbose=True)


def test_many_regressions_are_explained_for_the_worst_only() -> None:
    text = render_terminal(report_cases.many(200), width=80, color=False)
    assert text.count("If the slowdown is intended") == 10
    assert "… and 10 more." in text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_character_reaches_the_terminal(text: str) -> None:
    shown = render_terminal(report_cases.with_text(text), width=80, color=False)
    assert all(char.isprintable() or char == "\n" for char in shown)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), min_size=1))
def test_no_text_at_all_controls_the_terminal(text: str) -> None:
    shown = render_terminal(report_cases.with_text(text), width=80, color=False)
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_a_name_of_any_length_is_cut_in_its_middle() -> None:
    text = render_terminal(report_cases.with_text("a::" + "x" * 1_000_000), width=80, color=False)
    first = text.splitlines()[1]
    assert "…xxx" in first
    assert cell_len(first) <= 80
