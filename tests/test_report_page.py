"""A report's page as a file: what its markup, its policy and its data hold, without a browser."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from perfgate.model import Report
from perfgate.report.page import render_html
from perfgate.report.text import plain
from perfgate.report.view import build_view
from tests import report_cases
from tests.page_contents import contents_of
from tests.paired_report import paired_report


class _Page(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[str] = []
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.lasttag in {"script", "style"} and data.strip():
            self.raw.append(data)

    def policy(self) -> dict[str, str]:
        (content,) = (
            attributes["content"] or ""
            for tag, attributes in self.elements
            if tag == "meta" and "http-equiv" in attributes
        )
        parts = (part.partition(" ") for part in content.split("; "))
        return {name: value for name, _, value in parts}

    def rows(self) -> list[str]:
        found = (attributes.get("id") or "" for tag, attributes in self.elements if tag == "tr")
        return [name for name in found if name.startswith("benchmark:")]


def test_the_policy_lets_in_only_what_has_the_hash_of_our_own_scripts_and_style() -> None:
    page = _Page(render_html(report_cases.mixture()))
    policy = page.policy()
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in " ".join(policy.values())
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in page.raw
    }
    assert set(policy["script-src"].split()) < hashes
    assert {policy["style-src"]} < hashes


def test_nothing_is_taken_from_elsewhere() -> None:
    page = _Page(render_html(report_cases.mixture()))
    taken = [
        attributes.get("src") or attributes.get("href")
        for tag, attributes in page.elements
        if tag in {"script", "link", "img", "iframe", "base", "object", "embed"}
    ]
    assert set(taken) == {None, "data:,"}


def test_no_element_bears_a_style_or_a_handler_that_the_policy_would_refuse() -> None:
    page = _Page(render_html(report_cases.mixture()))
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


@pytest.mark.parametrize(
    "text",
    [
        "</script><script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "]]><!--",
        "&lt;b&gt;",
    ],
)
def test_a_name_from_outside_adds_no_element(text: str) -> None:
    """Compared with a page of harmless names: the same elements, in the same order."""
    hostile = _Page(render_html(report_cases.with_text(text)))
    harmless = _Page(render_html(report_cases.with_text("harmless")))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]


def test_half_a_surrogate_pair_is_shown_and_still_makes_a_file() -> None:
    assert render_html(report_cases.with_text("\ud800")).decode()


def test_every_benchmark_has_its_row_and_its_contents_in_the_order_of_the_view() -> None:
    report = report_cases.mixture()
    content = render_html(report)
    rows = [row.benchmark.text for one in build_view(report).sections for row in one.rows]
    assert _Page(content).rows() == [f"benchmark:{name}" for name in rows]
    assert [row["name"] for row in contents_of(content)["rows"]] == rows


def test_the_same_id_in_two_suites_has_two_links() -> None:
    first, second = report_cases.passed("test_a"), report_cases.passed("test_a")
    second = msgspec.structs.replace(second, suite="other")
    rows = _Page(render_html(report_cases.report(first, second))).rows()
    assert len(set(rows)) == 2


def test_a_long_id_has_a_short_link_of_its_own() -> None:
    judgements = [report_cases.passed("x" * 5_000 + end) for end in "ab"]
    rows = _Page(render_html(report_cases.report(*judgements))).rows()
    assert len(set(rows)) == 2
    assert max(map(len, rows)) < 200


def test_the_page_says_what_every_other_renderer_says() -> None:
    report = report_cases.undecided()
    text = render_html(report).decode()
    for section in build_view(report).sections:
        for row in section.rows:
            assert re.sub(r"<[^>]+>", "", text).count(plain(row.why).replace("<", "&lt;"))


def test_the_same_report_makes_the_same_file() -> None:
    assert render_html(report_cases.mixture()) == render_html(report_cases.mixture())


# --- what is drawn ------------------------------------------------------------------------------


def _first(report: Report) -> dict[str, Any]:
    first: dict[str, Any] = contents_of(render_html(report))["rows"][0]
    return first


def test_pairs_stand_beside_interval_and_threshold() -> None:
    estimates, times = _first(paired_report(["benchmarks/test_a.py::test_a"]))["charts"]
    assert [mark["label"] for mark in estimates["marks"]] == ["no change", "threshold 5 %"]
    merge_base = estimates["lanes"][0]
    assert (len(merge_base["hollow"]), len(merge_base["solid"])) == (4, 16)
    low, high = merge_base["bar"]
    assert low < merge_base["middle"] < high
    assert len(times["lanes"]) == 3 + 20  # two references, the baseline, twenty processes


def test_a_floor_is_drawn_where_it_lies() -> None:
    judgement = msgspec.structs.replace(report_cases.passed("test_a"), floor_s=3e-7)
    marks = _first(report_cases.report(judgement))["charts"][0]["marks"]
    assert marks[-1]["label"] == "floor 300 ns"
    assert marks[-1]["at"] == pytest.approx(0.0247, abs=1e-4)  # ln(1 + 0.3 µs / 12 µs)


def test_a_single_wild_pair_does_not_squeeze_the_others() -> None:
    report = paired_report(["benchmarks/test_a.py::test_a"])
    (evidence,) = report.evidence
    wild = msgspec.structs.replace(evidence.pairs[0], explore=(0.0, 0.01, 20.0))
    report = msgspec.structs.replace(
        report, evidence=(msgspec.structs.replace(evidence, pairs=(wild,)),)
    )
    contents = contents_of(render_html(report))
    axis = contents["axes"][contents["rows"][0]["charts"][0]["axis"]]
    assert axis["high"] < 1


def test_what_was_not_measured_has_no_chart() -> None:
    rows = {row["name"]: row for row in contents_of(render_html(report_cases.mixture()))["rows"]}
    assert rows["benchmarks/test_stripe.py::test_payout"]["charts"] == []


def test_a_thousand_benchmarks_make_a_page_below_one_and_a_half_megabytes() -> None:
    names = [f"benchmarks/test_m{i % 20}.py::test_operation[parameter-{i}]" for i in range(1_000)]
    assert len(render_html(paired_report(names))) < 1_500_000
