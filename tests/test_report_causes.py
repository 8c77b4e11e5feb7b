"""The functions that a benchmark became slower in, wherever a report is shown."""

import re

import pytest

from perfgate.model import Verdict
from perfgate.report.comment import CommentContext, render_comment
from perfgate.report.markdown import render_markdown
from perfgate.report.page import render_html
from perfgate.report.terminal import render_terminal
from tests import report_cases
from tests.page_contents import contents_of
from tests.report_cases import HOSTILE

LINES = (
    "`price (src/price.py:4)` 7.00 µs → 10.0 µs, called 1 → 2 times",
    "`check (src/price.py:4)` nothing → 10.0 µs",
)


@pytest.mark.parametrize("place", ["summary", "comment"])
def test_functions_are_the_first_lines_of_the_regression(place: str) -> None:
    report = report_cases.explained()
    context = CommentContext(is_self_reported=True)
    text = render_markdown(report) if place == "summary" else render_comment(report, context)
    (row,) = (line for line in text.splitlines() if "called 1 → 2 times" in line)
    name, head, *lines = row.split("<br>")
    assert name.endswith("test_create_customer[card]`")
    assert head == "Slower since `4f1d0c9be2`, in one call under a profiler:"
    assert tuple(lines[:2]) == LINES
    assert "Slower than the merge base" in lines[2]


def test_a_terminal_shows_them_below_the_reason() -> None:
    lines = render_terminal(report_cases.explained(), width=100, color=False).splitlines()
    place = lines.index("    Slower since 4f1d0c9be2, in one call under a profiler:")
    assert lines[place + 1 : place + 3] == [f"      {line.replace('`', '')}" for line in LINES]


def test_a_page_shows_them_first_in_the_opened_row() -> None:
    rows = contents_of(render_html(report_cases.explained()))["rows"]
    facts = [row["facts"] for row in rows if any(name == "Slower" for name, _ in row["facts"])]
    ((first, second, third, *_),) = facts
    assert (first[0], second[0]) == ("Slower", "Slower")
    assert "price (src/price.py:4)" in str(first[1])
    assert third[0] != "Slower"


def test_only_what_regressed_has_them() -> None:
    report = report_cases.explained()
    assert [one.verdict for one in report.judgements].count(Verdict.REGRESSED) == 1
    assert len([one for one in report.evidence if one.explanation is not None]) > 1
    assert render_markdown(report).count("under a profiler") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_names_from_the_code_are_no_markup(text: str) -> None:
    report = report_cases.explained(text)
    (row,) = (line for line in render_markdown(report).splitlines() if "called 1 → 2" in line)
    ours = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", row)
    assert "@octocat" not in ours
    assert "http" not in ours
    assert "\x1b" not in render_terminal(report, width=80, color=False)
    assert len(row) < 2_000
