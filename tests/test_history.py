import datetime as dt
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfgate.errors import InputFileError
from perfgate.history.runs import (
    PairedEffect,
    RecordedTime,
    RunRecord,
    decode_runs,
    earlier_times,
    encode_run,
    recent_paths,
    run_path,
)
from perfgate.model import Environment, Revision, Verdict

ENVIRONMENT = Environment(
    system="linux", machine="x86_64", implementation="cpython", python="3.12.4", cpu_model="EPYC"
)


def _run(day: int, median_s: float = 1e-3, **fields: Any) -> RunRecord:
    time = RecordedTime(
        low_s=median_s * 0.9,
        median_s=median_s,
        spread=0.01,
        processes=5,
        verdict=Verdict.PASSED,
        pair=PairedEffect(commit="a90b7c334455", log_ratio=0.003, low=-0.01, high=None),
    )
    known = {
        "recorded": dt.datetime(2026, 11, day, 12, tzinfo=dt.UTC),
        "revision": Revision(commit=f"{day:040x}", branch="main"),
        "environment": ENVIRONMENT,
        "run": f"{day}/1",
        "benchmarks": {"shop": {"benchmarks/test_shop.py::test_total": time}},
    }
    return RunRecord(**{**known, **fields})


def test_a_run_is_one_line_and_comes_back_as_it_was() -> None:
    line = encode_run(_run(3))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_runs(line, "x") == ((_run(3),), ())


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_name_breaks_the_line(name: str) -> None:
    time = next(iter(_run(3).benchmarks["shop"].values()))
    run = _run(3, benchmarks={name: {name: time}}, title=name)
    line = encode_run(run)
    assert line.count(b"\n") == 1
    assert decode_runs(line, "x") == ((run,), ())


def test_a_line_is_small() -> None:
    time = next(iter(_run(3).benchmarks["shop"].values()))
    names = [f"benchmarks/test_shop.py::test_{number:04}" for number in range(1_000)]
    line = encode_run(_run(3, benchmarks={"shop": dict.fromkeys(names, time)}))
    assert len(line) < 1_000 * (len(names[0]) + 90)


def test_each_environment_and_month_has_its_file() -> None:
    assert run_path(_run(3)) == "runs/linux-x86_64-cpython-3.12/2026-11.jsonl"
    berlin = dt.timezone(dt.timedelta(hours=1))
    late = _run(3, recorded=dt.datetime(2026, 12, 1, 0, 30, tzinfo=berlin))
    assert run_path(late).endswith("/2026-11.jsonl")


@pytest.mark.parametrize("system", ["..", "a/b", "a\nb", "", "-x", "x" * 200])
def test_an_environment_that_would_lead_elsewhere_is_refused(system: str) -> None:
    environment = msgspec.structs.replace(ENVIRONMENT, system=system, machine="/../..")
    with pytest.raises(InputFileError, match="environment"):
        run_path(_run(3, environment=environment))


def test_the_latest_runs_lie_in_the_files_of_two_months() -> None:
    assert recent_paths(ENVIRONMENT, dt.date(2026, 1, 31)) == (
        "runs/linux-x86_64-cpython-3.12/2025-12.jsonl",
        "runs/linux-x86_64-cpython-3.12/2026-01.jsonl",
    )
    assert run_path(_run(3)) in recent_paths(ENVIRONMENT, dt.date(2026, 11, 1))


def test_an_environment_that_would_lead_elsewhere_has_no_runs() -> None:
    environment = msgspec.structs.replace(ENVIRONMENT, system="../..")
    assert recent_paths(environment, dt.date(2026, 1, 31)) == ()


def _document(**changes: Any) -> bytes:
    return json.dumps({**json.loads(encode_run(_run(3))), **changes}).encode()


def _times(*values: Any) -> dict[str, Any]:
    return {"benchmarks": {"shop": {"a": list(values)}}}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(encode_run(_run(3))[:100], id="half-a-line"),
        pytest.param(_document(version=2), id="other-version"),
        pytest.param(_document(more=1), id="unknown-field"),
        pytest.param(_document(recorded="2026-11-03T12:00:00"), id="no-time-zone"),
        pytest.param(_document(revision={"commit": ""}), id="no-commit"),
        pytest.param(_document(**_times(1e-3, 1e-3, 0.1, 5)), id="too-short"),
        pytest.param(_document(**_times(1e-3, 0, 0.1, 5, "passed", None)), id="zero"),
        pytest.param(_document(**_times(1e-3, 1e-3, 0.1, 0, "passed", None)), id="no-process"),
        pytest.param(_document(**_times(1e-3, 1e-3, 0.1, 5, "great", None)), id="verdict"),
        pytest.param(_document(**_times(1e-3, 1e-3, 0.1, 5, "passed", None, 1)), id="too-long"),
        pytest.param(_document().replace(b"0.001", b"1e999"), id="infinite"),
        pytest.param(_document().replace(b"0.001", b"NaN"), id="nan"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"\xff", id="no-text"),
        pytest.param(b"null", id="null"),
    ],
)
def test_a_line_that_is_no_run_is_named_and_the_others_are_read(line: bytes) -> None:
    runs, damaged = decode_runs(encode_run(_run(1)) + line + b"\n\n" + encode_run(_run(2)), "f")
    assert runs == (_run(1), _run(2))
    assert len(damaged) == 1
    assert damaged[0].startswith("f: line 2: ")


def test_earlier_times_stand_in_order_whatever_the_order_of_the_lines() -> None:
    runs = [_run(3, 3e-3), _run(1, 1e-3), _run(2, 2e-3)]
    assert earlier_times(runs, ENVIRONMENT) == {
        "benchmarks/test_shop.py::test_total": (1e-3, 2e-3, 3e-3)
    }


def test_of_a_commit_that_was_recorded_again_the_last_record_counts() -> None:
    again = _run(5, 9e-3, revision=_run(1).revision)
    assert earlier_times([_run(1), again, _run(2, 2e-3)], ENVIRONMENT) == {
        "benchmarks/test_shop.py::test_total": (2e-3, 9e-3)
    }


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"cpu_model": "other"}, id="cpu"),
        pytest.param({"python": "3.13.0"}, id="python"),
    ],
)
def test_times_from_elsewhere_do_not_count(changes: dict[str, str]) -> None:
    elsewhere = msgspec.structs.replace(ENVIRONMENT, **changes)
    assert earlier_times([_run(1, environment=elsewhere)], ENVIRONMENT) == {}


def test_legs_with_a_title_keep_apart() -> None:
    assert earlier_times([_run(1, title="windows")], ENVIRONMENT) == {}
    assert earlier_times([_run(1, title="windows")], ENVIRONMENT, title="windows") != {}
