"""Reports that decode, yet say what no run would: every renderer still comes to its end."""

import json
from pathlib import PurePosixPath
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from perfgate.commands.actions import annotation_lines
from perfgate.errors import InputFileError
from perfgate.model import Report
from perfgate.report.comment import COMMENT_LIMIT_CHARS, CommentContext, render_comment
from perfgate.report.document import decode_report, encode_report
from perfgate.report.junit import render_junit
from perfgate.report.page import render_html
from perfgate.report.terminal import render_terminal
from tests import report_cases

EXTREMES = st.sampled_from([0.0, -1.0, 1.0, 5e-324, -5e-324, 1e-300, 1e300, 1.7e308, -1.7e308])


def _numbers(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every fraction of a document."""
    if isinstance(value, dict):
        return [way for key, item in value.items() for way in _numbers(item, (*path, key))]
    if isinstance(value, list):
        return [way for key, item in enumerate(value) for way in _numbers(item, (*path, key))]
    return [path] if isinstance(value, float) else []


DOCUMENTS = [
    encode_report(case)
    for case in (
        report_cases.mixture(),
        report_cases.undecided(),
        report_cases.regression(),
        report_cases.explained(),
    )
]
PLACES = [_numbers(json.loads(document)) for document in DOCUMENTS]


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    number = draw(st.integers(0, len(DOCUMENTS) - 1))
    document = json.loads(DOCUMENTS[number])
    for *way, last in draw(st.lists(st.sampled_from(PLACES[number]), min_size=1, max_size=12)):
        place = document
        for key in way:
            place = place[key]
        place[last] = draw(EXTREMES)
    return json.dumps(document).encode()


def _decoded(document: bytes) -> Report | None:
    try:
        return decode_report(document, "report.json")
    except InputFileError:
        return None


@settings(max_examples=150, deadline=None)
@given(documents())
def test_no_number_that_a_report_may_hold_stops_a_renderer(document: bytes) -> None:
    report = _decoded(document)
    if report is None:
        return
    comment = render_comment(report, CommentContext(is_self_reported=True))
    assert len(comment) <= COMMENT_LIMIT_CHARS
    assert "perfgate" in comment.splitlines()[1]
    assert render_terminal(report, width=80, color=False)
    assert render_junit(report)
    assert render_html(report)
    assert len(annotation_lines(report, folder=PurePosixPath())) <= 30
