import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfgate.model import Note, NoteKind, Report
from perfgate.report.comment import (
    COMMENT_LIMIT_CHARS,
    ChangedPart,
    CommentContext,
    GateChange,
    render_comment,
)
from tests import report_cases
from tests.golden_files import assert_golden
from tests.markdown_page import page
from tests.report_cases import HOSTILE, STRIPE, harmless

MARKER = "<!-- perfgate id=main run=12 attempt=1 sha=c0ffee -->"
RUN = "https://github.example/owner/repo/actions/runs/12"
REGRESSED = f"{STRIPE}::test_create_customer[card]"


def _comment(report: Report, *, limit_chars: int = COMMENT_LIMIT_CHARS, **known: Any) -> str:
    context = CommentContext(**{"is_self_reported": False, "run_url": RUN, **known})
    return render_comment(report, context, marker=MARKER, limit_chars=limit_chars)


def _everything(text: str) -> str:
    """Render a comment in which every text that is not ours is the given one."""
    report = report_cases.with_text(text)
    return _comment(
        report,
        is_self_reported=True,
        head=text,
        changes=tuple(GateChange(part=part, path=text) for part in ChangedPart),
        history_s={judgement.benchmark: [1.0, 1.1] for judgement in report.judgements},
    )


def test_the_whole_comment_is_as_agreed() -> None:
    times = [1.2e-5, 1.19e-5, 1.21e-5, 1.2e-5, 1.22e-5]
    text = _comment(
        report_cases.regression(),
        head="feedbeef" * 5,
        is_self_reported=True,
        changes=(
            GateChange(part=ChangedPart.BASELINES, path="baselines/linux/stripe.json"),
            GateChange(part=ChangedPart.WORKFLOWS, path=".github/workflows/perfgate.yml"),
        ),
        history_s={REGRESSED: times},
    )
    assert_golden("comment.md", text)


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        pytest.param(report_cases.empty(), "❔ perfgate: no benchmark was measured", id="nothing"),
        pytest.param(
            report_cases.report(report_cases.passed("a")),
            "✅ perfgate: the benchmark passed",
            id="one",
        ),
        pytest.param(
            report_cases.regression(), "❌ perfgate: 1 of 5 benchmarks regressed", id="regression"
        ),
        pytest.param(
            report_cases.many(), "❌ perfgate: 200 of 2000 benchmarks regressed", id="many"
        ),
    ],
)
def test_the_marker_is_the_first_line_and_the_verdict_the_second(
    report: Report, verdict: str
) -> None:
    assert _comment(report).splitlines()[:2] == [MARKER, f"## {verdict}"]


def test_a_regression_shows_effect_interval_limit_and_how_to_accept_it() -> None:
    text = _comment(report_cases.regression())
    row = next(line for line in text.splitlines() if line.startswith(f"| `{REGRESSED}`"))
    shown = row.replace("\N{NO-BREAK SPACE}", " ")
    assert "12.0 µs → 13.5 µs | **+12.4 %**<br>+11.3 % to +13.5 %" in shown
    assert "the threshold is 5 %" in row
    command = f"perfgate update-baselines --only '{REGRESSED}' --reason \"...\""
    assert f"```sh\n{command}\n```\n" in text
    assert text.index(command) < text.index("<details>")


def test_old_new_and_reason_of_an_accepted_slowdown_are_shown() -> None:
    text = _comment(report_cases.mixture()).replace("\N{NO-BREAK SPACE}", " ")
    section = text.partition("### Accepted in this change (1)")[2].partition("###")[0]
    assert "checksums are verified now" in section
    assert "3.12 ms → 3.90 ms" in section


def test_waivers_findable_slowdown_environment_and_commits_are_named() -> None:
    text = _comment(report_cases.mixture(), head="feedbeef" * 5)
    for fact in (
        "is waived until `2026-12-31`: `waiting for the upstream fix`",
        "The smallest slowdown that this run could have found: +2.0 % (median), +8.3 % (worst).",
        "`linux-x86_64-cpython-3.12`",
        "The pull request stands at `feedbeeffe`. Measured `c0ffee1234` on `faster-refunds`",
        "against the merge base `4f1d0c9be2` and the approved code `a90b7c3344`",
        f"({RUN})",
    ):
        assert fact in text


def test_a_measured_head_is_named_once() -> None:
    report = report_cases.regression()
    assert "stands at" not in _comment(report, head=report.results.revision.commit)


# --- what only the place of the comment knows --------------------------------------------------


def test_figures_of_a_fork_are_marked_in_the_verdict_and_explained() -> None:
    text = _comment(report_cases.all_passed(), is_self_reported=True)
    assert text.splitlines()[1].endswith("none of 5 benchmarks regressed (self-reported by a fork)")
    assert "It is information, not proof." in text
    assert "self-reported" not in _comment(report_cases.all_passed()).lower()


def test_changes_of_what_the_gate_goes_by_stand_before_the_tables() -> None:
    text = _comment(
        report_cases.mixture(),
        changes=(
            GateChange(part=ChangedPart.SETTINGS, path="pyproject.toml"),
            GateChange(part=ChangedPart.WAIVERS, path="pyproject.toml"),
            *(GateChange(part=ChangedPart.BASELINES, path=f"baselines/{i}") for i in range(7)),
        ),
    )
    said = (
        "> ⚠️ **This pull request changes what the gate goes by:** "
        "baselines in `baselines/0`, `baselines/1`, `baselines/2`, `baselines/3`, `baselines/4` "
        "and 2 more; waivers in `pyproject.toml`; settings in `pyproject.toml`."
    )
    assert said in text
    assert text.index(said) < text.index("### Regressions")


def test_the_past_of_a_regressed_benchmark_is_drawn_and_of_a_passed_one_not() -> None:
    past = {REGRESSED: [1.2e-5] * 3, f"{STRIPE}::test_refund": [1.2e-5] * 3}
    text = _comment(report_cases.regression(), history_s=past)
    assert text.count("▁▁▁█ 3 earlier runs: 12.0 µs") == text.count("earlier runs") == 1


@pytest.mark.parametrize(
    "marker",
    ["", "x", "<!-- a\nb -->", "<!-- a --> x -->", "<!-- @octocat -->", "<!-- <b> -->"],
)
def test_what_is_no_marker_is_refused(marker: str) -> None:
    context = CommentContext(is_self_reported=False)
    with pytest.raises(ValueError, match="marker"):
        render_comment(report_cases.empty(), context, marker=marker)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x/a) [b](https://y", "https://x/a b", "//x/a", "x"]
)
def test_what_is_no_url_of_a_run_is_refused(url: str) -> None:
    context = CommentContext(is_self_reported=False, run_url=url)
    with pytest.raises(ValueError, match="URL"):
        render_comment(report_cases.empty(), context)


# --- the limit ---------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 60, 500, 5_000, 60_000, 65_536])
@pytest.mark.parametrize("character", ["a", "🙂"])
def test_a_comment_never_exceeds_its_limit(limit: int, character: str) -> None:
    judgements = [
        msgspec.structs.replace(one, benchmark=f"{character * 40} {one.benchmark}")
        for one in report_cases.many(1_000).judgements
    ]
    text = _comment(report_cases.report(*judgements, exit_status=1), limit_chars=limit)
    assert len(text.encode("utf-16-le")) // 2 <= limit
    assert text.count("<details>") == text.count("</details>")


def test_no_flood_of_footnotes_and_waivers_takes_the_place_of_a_regression() -> None:
    flood = tuple("🙂" * 2_000 for _ in range(9))
    waived = report_cases.mixture().judgements[11]
    waivers = [
        msgspec.structs.replace(waived, benchmark=f"{flood[0]}{number}", message=flood[0])
        for number in range(60)
    ]
    report = report_cases.report(
        *report_cases.regression().judgements,
        *waivers,
        notes=tuple(Note(kind=kind, facts=flood) for kind in NoteKind),
        exit_status=1,
    )
    changes = (GateChange(part=ChangedPart.WAIVERS, path="pyproject.toml"),)
    text = _comment(report, changes=changes)
    assert f"| `{REGRESSED}`" in text
    assert "changes what the gate goes by" in text
    assert text.count("more lines left out to keep this short.") == 2
    assert len(text.encode("utf-16-le")) // 2 <= COMMENT_LIMIT_CHARS
    tiny = _comment(report, changes=changes, limit_chars=500)
    assert tiny.count("\n") <= 5
    assert "changes what the gate goes by" in tiny


def test_what_a_comment_leaves_out_is_counted_and_to_be_found_in_the_run() -> None:
    text = _comment(report_cases.many())
    assert len(text) > 60_000
    left_out = re.findall(r"(?m)^(\d+) more left out to keep this short: see the \[job", text)
    shown = len(re.findall(r"(?m)^\| `bench.* \|$", text))
    assert sum(map(int, left_out)) + shown == 2_000


# --- outside text ------------------------------------------------------------------------------


def test_there_are_enough_hostile_texts() -> None:
    assert len(set(HOSTILE)) >= 80


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()])
def test_threats_4_to_7_and_14_no_hostile_text_leaves_its_code_span_in_the_comment(
    text: str,
) -> None:
    assert page(_everything(text)).parts == page(_everything(harmless(text))).parts


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=30).filter(str.strip))
@example("`" * 9 + "a")
def test_what_stands_outside_code_in_the_comment_does_not_depend_on_any_text(text: str) -> None:
    assert page(_everything(text)).parts == page(_everything("plain")).parts


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="`|\\<>@#[]()*_~&!-=\n :/א", min_size=1, max_size=40).filter(str.strip))
def test_what_stands_outside_code_in_the_comment_does_not_depend_on_markup(text: str) -> None:
    assert page(_everything(text)).parts == page(_everything("plain")).parts


def test_the_only_link_leads_to_the_run() -> None:
    links = [part for part in page(_everything("https://evil.example")).parts if "<a " in part]
    assert set(links) == {f"<a [('href', '{RUN}')]>"}
