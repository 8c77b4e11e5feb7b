import json
from typing import Any

import pytest

from perfgate.errors import InputFileError
from perfgate.model import Comparison, ReferenceKind, Report
from perfgate.report.document import decode_report, encode_report, report_schema
from tests import report_cases
from tests.report_cases import HOSTILE


@pytest.mark.parametrize("name", ["all_passed", "regression", "undecided", "mixture", "empty"])
def test_a_report_comes_back_equal(name: str) -> None:
    report: Report = getattr(report_cases, name)()
    assert decode_report(encode_report(report), "report.json") == report


@pytest.mark.parametrize("text", HOSTILE)
def test_a_report_with_hostile_names_comes_back_equal(text: str) -> None:
    report = report_cases.with_text(text)
    assert decode_report(encode_report(report), "report.json") == report


def test_an_unbounded_interval_comes_back_unbounded() -> None:
    decoded = decode_report(encode_report(report_cases.undecided()), "report.json")
    noisy = next(j for j in decoded.judgements if j.benchmark.endswith("test_one_process"))
    assert (noisy.comparisons[0].low, noisy.comparisons[0].high) == (None, None)


@pytest.mark.parametrize("field", ["low", "high", "log_ratio", "smallest_findable"])
def test_a_comparison_with_an_infinite_number_cannot_exist(field: str) -> None:
    fields: dict[str, Any] = {"low": 0.0, "high": 0.0, "log_ratio": 0.0, "smallest_findable": 0.0}
    with pytest.raises(ValueError, match=field):
        Comparison(reference=ReferenceKind.FILE, samples=1, **{**fields, field: float("inf")})


GOOD = encode_report(report_cases.regression()).decode()
FIRST = json.loads(GOOD)["judgements"][0]["benchmark"]


@pytest.mark.parametrize(
    ("data", "place", "problem"),
    [
        pytest.param("", "", "not a report", id="empty"),
        pytest.param(GOOD[:500], "", "not a report", id="truncated"),
        pytest.param("[]", "", "expected `object`", id="not-an-object"),
        pytest.param(GOOD.replace('"version":1', '"version":2', 1), "version", "2", id="newer"),
        pytest.param(GOOD.replace('"version":1,', "", 1), "", "version", id="no-version"),
        pytest.param(
            GOOD.replace('"exit_status":1', '"exit_status":2'), "exit_status", "2", id="status"
        ),
        pytest.param(
            GOOD.replace('"is_default_branch":false', '"is_default_branch":0'),
            "is_default_branch",
            "bool",
            id="wrong-type",
        ),
        pytest.param(
            GOOD.replace('"threshold":0.05', '"threshold":"5%"', 1),
            "judgements[0].threshold",
            "float",
            id="wrong-type-inside",
        ),
        pytest.param(
            GOOD.replace('"floor_s":0.0', '"floor_s":NaN', 1), "", "not a report", id="nan"
        ),
        pytest.param(
            GOOD.replace('"floor_s":0.0', '"floor_s":1e999', 1),
            "judgements[0].floor_s",
            "out of range",
            id="infinite",
        ),
        pytest.param(GOOD.replace("{", '{"x":1,', 1), "", "unknown field `x`", id="unknown"),
        pytest.param(
            GOOD.replace('"exit_status":1', '"exit_status":0,"exit_status":1'),
            "exit_status",
            "stands twice",
            id="duplicate-key",
        ),
        pytest.param(
            GOOD.replace("test_list_charges[0]", "test_list_charges[1]"),
            "results.benchmarks",
            "stands twice",
            id="duplicate-benchmark",
        ),
        pytest.param('{"version":1,"x":' + "[" * 100_000, "", "not a report", id="deep"),
        pytest.param('{"version":1,"title":"\\ud800"}', "", "not a report", id="surrogate"),
    ],
)
def test_anything_but_a_report_is_refused_by_name_and_place(
    data: str, place: str, problem: str
) -> None:
    with pytest.raises(InputFileError) as caught:
        decode_report(data.encode(), "report.json")
    assert str(caught.value).startswith("report.json: ")
    assert "\n" not in str(caught.value)
    assert caught.value.place == place
    assert problem in caught.value.problem


def test_bytes_that_are_not_text_are_refused() -> None:
    with pytest.raises(InputFileError, match=r"report\.json"):
        decode_report(b'{"version":1,"title":"\xff\xfe"}', "report.json")


def test_the_schema_names_every_field_of_a_report() -> None:
    schema = report_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    fields = schema["$defs"]["Report"]["properties"]
    assert set(fields) == set(json.loads(GOOD))
    assert schema["$defs"]["Report"]["additionalProperties"] is False
