from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfgate.report.junit import render_junit
from tests import report_cases
from tests.report_cases import HOSTILE


def _parsed(document: bytes) -> ET.Element:
    return ET.fromstring(document)  # noqa: S314 - our own document


def _outcomes(document: bytes) -> dict[str, str]:
    return {str(case.get("name")): case[0].tag for case in _parsed(document).iter("testcase")}


def test_every_verdict_becomes_the_outcome_that_ci_systems_know() -> None:
    outcomes = _outcomes(render_junit(report_cases.mixture()))
    assert outcomes["test_create_customer[card]"] == "failure"
    assert outcomes["test_webhook"] == "failure"
    assert outcomes["test_payout"] == "error"
    assert outcomes["test_old_name"] == "error"
    assert outcomes["test_transfer"] == "error"
    passing = {"test_search", "test_balance", "test_upload", "test_new_name", "test_refund"}
    assert {outcomes[name] for name in passing} == {"system-out"}


def test_undecided_benchmarks_that_only_warn_are_skipped() -> None:
    report = report_cases.report(*report_cases.undecided().judgements, undecided_fails=False)
    assert set(_outcomes(render_junit(report)).values()) == {"skipped"}


def test_the_counts_agree_with_the_cases() -> None:
    root = _parsed(render_junit(report_cases.mixture()))
    assert root.attrib == {
        "name": "perfgate",
        "tests": "15",
        "failures": "4",
        "errors": "3",
        "skipped": "0",
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_a_parser_reads_the_document_whatever_the_names(text: str) -> None:
    assert len(_outcomes(render_junit(report_cases.with_text(text)))) == 7


@settings(max_examples=50)
@given(st.text(st.characters(), min_size=1))
def test_a_parser_reads_the_document_for_any_text(text: str) -> None:
    root = _parsed(render_junit(report_cases.with_text(text)))
    assert len(list(root.iter("testcase"))) == 7
