import re
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfgate.report.markdown import MARKER, render_markdown
from tests import report_cases
from tests.golden_files import assert_golden
from tests.report_cases import HOSTILE

CASES = ("all_passed", "regression", "undecided", "mixture", "empty")


class _Skeleton(HTMLParser):
    """What a page consists of apart from the content of its code: tags and text, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.code: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._depth:
            self.parts.append(f"<{tag} {attrs}>")
        if tag == "code":
            self.code.append("")
        self._depth += tag == "code" or bool(self._depth)

    def handle_endtag(self, tag: str) -> None:
        self._depth -= bool(self._depth)
        if not self._depth:
            self.parts.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.parts.append(f"<!--{data}-->")

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.code[-1] += data
        else:
            self.parts.append(data)


def page(markdown: str) -> _Skeleton:
    html = cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE)
    skeleton = _Skeleton()
    skeleton.feed(html)
    skeleton.close()
    return skeleton


def skeleton(text: str) -> list[str]:
    return page(render_markdown(report_cases.with_text(text))).parts


@pytest.mark.parametrize("name", CASES)
def test_the_whole_comment_is_as_agreed(name: str) -> None:
    assert_golden(f"{name}.md", render_markdown(getattr(report_cases, name)()))


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    report = report_cases.with_text("\x1b[2J[red]\u202ex\n|`<b>@octocat #1")
    assert_golden("hostile.md", render_markdown(report))


def test_a_report_over_the_budget_says_what_it_left_out() -> None:
    text = render_markdown(report_cases.many(), budget_chars=20_000)
    assert len(text) <= 20_000
    assert_golden("over-budget.md", text)


def test_the_marker_is_the_first_line_and_the_verdict_the_second() -> None:
    lines = render_markdown(report_cases.regression()).splitlines()
    assert lines[:2] == [MARKER, "## ❌ perfgate: 1 of 5 benchmarks regressed"]


# --- outside text ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()])
def test_no_hostile_text_leaves_its_code_span(text: str) -> None:
    assert skeleton(text) == skeleton("plain")


@settings(max_examples=120, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=60).filter(str.strip))
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
    text = render_markdown(report_cases.many(300), budget_chars=budget)
    assert len(text) <= budget
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0


def test_rows_are_dropped_whole_and_every_one_is_counted() -> None:
    text = render_markdown(report_cases.many(), budget_chars=30_000)
    shown = len(re.findall(r"^\| `bench.* \|$", text, flags=re.MULTILINE))
    left_out = sum(map(int, re.findall(r"^(\d+) more left out", text, flags=re.MULTILINE)))
    assert shown + left_out == 2_000
    assert 0 < shown < 2_000
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert {row.count(" | ") for row in rows} == {3}


def test_the_least_important_rows_go_first() -> None:
    text = render_markdown(report_cases.many(200), budget_chars=9_000)
    assert text.count("✗ regressed") == 20
    assert "Passed (160)" in text
    assert "160 more left out" in text


def test_a_larger_budget_never_shows_less() -> None:
    report = report_cases.many(300)
    lengths = [len(render_markdown(report, budget_chars=b)) for b in range(0, 60_000, 6_000)]
    assert lengths == sorted(lengths)


def test_a_budget_too_small_for_a_table_keeps_the_verdict() -> None:
    text = render_markdown(report_cases.mixture(), budget_chars=150)
    assert text.startswith(f"{MARKER}\n## ❌ perfgate: 3 of 15 benchmarks regressed")
