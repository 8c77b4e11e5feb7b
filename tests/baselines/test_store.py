import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.baselines.store import (
    BaselineFile,
    baseline_from,
    baseline_path,
    encode_baselines,
    load_baselines,
    nearest_environment,
    parse_baselines,
    write_baselines,
)
from perfgate.errors import BaselineError
from perfgate.model import Baseline, Benchmark, ProcessRun

KEY = "linux-x86_64-cpython-3.12"
CPU = "AMD EPYC 7763"


def _baseline(low_s: float = 0.001234, reason: str = "first numbers") -> Baseline:
    return Baseline(low_s=low_s, median_s=0.0013, spread=0.018, processes=5, cpu=CPU, reason=reason)


def _file(**baselines: Baseline) -> BaselineFile:
    return BaselineFile(environment=KEY, suite="api", baselines=baselines)


TEXT = encode_baselines(_file(a=_baseline(), b=_baseline())).decode()
LINE_A, LINE_B = TEXT.split("\n")[1:3]

times = st.floats(min_value=1e-12, max_value=1e6)
baselines = st.builds(
    Baseline,
    low_s=times,
    median_s=times,
    spread=st.none() | st.floats(min_value=0, max_value=10),
    processes=st.integers(min_value=1, max_value=1000),
    cpu=st.text(),
    reason=st.text(),
)
# Any text, surrogates and line separators included, but for the name that the header bears.
ids = st.text(st.characters(), min_size=1).filter(lambda name: name != "perfgate")


@given(st.dictionaries(ids, baselines, max_size=8))
def test_what_was_written_reads_back_to_four_digits_and_writes_the_same_bytes(
    lines: dict[str, Baseline],
) -> None:
    data = encode_baselines(_file(**lines))
    back = parse_baselines(data, "api.json")
    assert back.baselines.keys() == lines.keys()
    assert all(
        math.isclose(back.baselines[name].low_s, line.low_s, rel_tol=5.01e-4)
        for name, line in lines.items()
    )
    assert encode_baselines(back) == data


@given(st.dictionaries(ids, baselines, min_size=1, max_size=8), ids, baselines)
def test_adding_a_benchmark_touches_no_other_line(
    lines: dict[str, Baseline], name: str, baseline: Baseline
) -> None:
    before = encode_baselines(_file(**lines)).split(b"\n")
    after = encode_baselines(_file(**{**lines, name: baseline})).split(b"\n")
    assert len(after) == len(before) + (name not in lines)
    assert len(set(after) - set(before)) <= 1


def test_the_file_is_sorted_json_with_one_line_per_benchmark() -> None:
    assert list(json.loads(TEXT)) == ["a", "b", "perfgate"]
    assert LINE_A == (
        '"a": {"cpu": "AMD EPYC 7763", "low_s": 0.001234, "median_s": 0.0013, '
        '"processes": 5, "reason": "first numbers", "spread": 0.018},'
    )


def test_a_checkout_with_windows_line_ends_reads_the_same() -> None:
    crlf = TEXT.replace("\n", "\r\n").encode()
    assert parse_baselines(crlf, "x") == parse_baselines(TEXT.encode(), "x")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param("", "cut off", id="empty"),
        pytest.param(TEXT[:-3], "cut off", id="truncated-end"),
        pytest.param(TEXT[:60], "cut off", id="truncated-line"),
        pytest.param(
            TEXT.replace(LINE_A, f"<<<<<<< HEAD\n{LINE_A}\n=======\n{LINE_A}\n>>>>>>> x"),
            "line 2: holds an unresolved merge conflict",
            id="conflict",
        ),
        pytest.param(
            TEXT.replace(LINE_B, LINE_A), "line 3: a stands here for the second", id="twice"
        ),
        pytest.param(
            TEXT.replace('"processes": 5', '"processes": 5, "cpu": "x"', 1),
            "line 2: no valid JSON: a key stands twice",
            id="key-twice",
        ),
        pytest.param(TEXT.replace("0.001234", "NaN", 1), "line 2: no valid JSON: NaN", id="nan"),
        pytest.param(TEXT.replace("0.001234", "1e999", 1), "line 2: low_s must be", id="infinite"),
        pytest.param(TEXT.replace("0.001234", "-1", 1), "line 2: low_s must be", id="negative"),
        pytest.param(TEXT.replace("0.001234", '"1"', 1), "line 2: Expected `float`", id="text"),
        pytest.param(TEXT.replace("0.018", "-0.1", 1), "line 2: spread must", id="spread"),
        pytest.param(TEXT.replace(": 5,", ": 0,", 1), "line 2: processes must", id="processes"),
        pytest.param(
            TEXT.replace('"cpu"', '"gpu"', 1),
            "line 2: Object contains unknown field `gpu`",
            id="unknown-key",
        ),
        pytest.param(TEXT.replace(LINE_B, LINE_B[:-1]), "line 3: does not end", id="no-comma"),
        pytest.param(TEXT.replace(LINE_A, LINE_A[:50] + ","), "line 2: no valid JSON", id="cut"),
        pytest.param(TEXT.replace(LINE_A, '"a": ' + "[" * 100_000 + ","), "line 2", id="deep"),
        pytest.param(TEXT.replace('"version": 1', '"version": 2'), "version 2, this", id="newer"),
        pytest.param(TEXT.replace('"perfgate"', '"perfgat"'), "must be the header", id="header"),
        pytest.param(json.dumps(json.loads(TEXT)), "not written by update", id="reformatted"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name_and_line(data: str, problem: str) -> None:
    assert data != TEXT
    with pytest.raises(BaselineError, match=r"^api\.json: [^\n]+$") as error:
        parse_baselines(data.encode(), "api.json")
    assert problem in str(error.value)


@given(st.binary())
def test_any_bytes_are_refused_as_a_baseline_error(data: bytes) -> None:
    with pytest.raises(BaselineError, match=r"^x: "):
        parse_baselines(data, "x")


def test_bytes_that_are_not_utf_8_are_refused_with_their_line() -> None:
    data = TEXT.encode().replace(b"first", b"f\xffrst", 1)
    with pytest.raises(BaselineError, match="line 2: is not UTF-8"):
        parse_baselines(data, "x")


def test_every_suite_of_an_environment_is_loaded(tmp_path: Path) -> None:
    file = _file(a=_baseline())
    other = BaselineFile(environment=KEY, suite="db", baselines={"b": _baseline()})
    assert write_baselines(tmp_path, file) == tmp_path / KEY / "api.json"
    write_baselines(tmp_path, other)
    assert load_baselines(tmp_path, KEY) == (file, other)
    assert load_baselines(tmp_path, "darwin-arm64-cpython-3.12") == ()


def test_a_file_that_was_copied_from_elsewhere_is_refused(tmp_path: Path) -> None:
    path = write_baselines(tmp_path, _file(a=_baseline()))
    path.rename(path.with_name("db.json"))
    with pytest.raises(BaselineError, match=r"db\.json: perfgate: says that it is .*api\.json"):
        load_baselines(tmp_path, KEY)


def test_a_benchmark_in_two_suites_is_refused(tmp_path: Path) -> None:
    for suite in ("api", "db"):
        lines = {"a": _baseline()}
        write_baselines(tmp_path, BaselineFile(environment=KEY, suite=suite, baselines=lines))
    with pytest.raises(BaselineError, match=r"db\.json: a: is in api\.json as well"):
        load_baselines(tmp_path, KEY)


def test_a_file_without_lines_is_removed(tmp_path: Path) -> None:
    path = write_baselines(tmp_path, _file(a=_baseline()))
    write_baselines(tmp_path, _file())
    assert not path.exists()


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", ".", "..", ".hidden", "a\\b", "nul", "COM1.x", "a.", "a\0", "a b"]
)
def test_a_name_that_would_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BaselineError, match="cannot be the name of a file"):
        baseline_path(tmp_path, KEY, name)
    with pytest.raises(BaselineError, match="cannot be the name of a file"):
        baseline_path(tmp_path, name, "api")


def test_a_benchmark_with_the_name_of_the_header_is_refused() -> None:
    with pytest.raises(BaselineError, match="cannot bear this name"):
        encode_baselines(_file(perfgate=_baseline()))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path: Path, step: str) -> None:
    path = write_baselines(tmp_path, _file(a=_baseline()))
    before = path.read_bytes()
    # An audit hook cannot be used for fsync, which raises no event: the child replaces the call.
    program = textwrap.dedent(f"""
        import os, pathlib, signal, sys
        from perfgate.baselines.store import parse_baselines, write_baselines
        import msgspec
        file = parse_baselines(pathlib.Path({str(path)!r}).read_bytes(), "x")
        line = msgspec.structs.replace(file.baselines["a"], low_s=9.0)
        die = lambda *args, **options: os.kill(os.getpid(), signal.SIGKILL)
        os.fsync, os.replace = (die, os.replace) if {step!r} == "fsync" else (os.fsync, die)
        new = type(file)(environment=file.environment, suite=file.suite, baselines={{"a": line}})
        write_baselines(pathlib.Path({str(tmp_path)!r}), new)
    """)
    child = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert load_baselines(tmp_path, KEY) == (_file(a=_baseline()),)


def test_a_failing_write_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    # A folder in the place of the file: the last step, replacing it, is what fails.
    path = baseline_path(tmp_path, KEY, "api")
    path.mkdir(parents=True)
    (path / "kept").touch()
    with pytest.raises(BaselineError, match=r"api\.json: cannot be written: "):
        write_baselines(tmp_path, _file(a=_baseline()))
    assert [each.name for each in path.parent.iterdir()] == ["api.json"]
    assert (path / "kept").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no mode bits there")
def test_a_new_file_is_as_readable_as_the_umask_allows(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch()
    path = write_baselines(tmp_path, _file(a=_baseline()))
    assert os.stat(path).st_mode == os.stat(other).st_mode  # noqa: PTH116 - both the same way


@pytest.mark.parametrize(
    ("keys", "nearest"),
    [
        pytest.param([], None, id="none"),
        pytest.param([KEY, "linux-x86_64-cpython-3.11"], KEY, id="itself"),
        pytest.param(
            ["darwin-x86_64-cpython-3.12", "linux-arm64-cpython-3.9"],
            "linux-arm64-cpython-3.9",
            id="system-before-machine-and-version",
        ),
        pytest.param(
            ["linux-x86_64-pypy-3.12", "linux-arm64-cpython-3.12"],
            "linux-arm64-cpython-3.12",
            id="implementation-before-machine",
        ),
        pytest.param(
            ["linux-x86_64-cpython-3.9", "linux-x86_64-cpython-3.10"],
            "linux-x86_64-cpython-3.10",
            id="versions-are-numbers",
        ),
        pytest.param(
            ["linux-x86_64-cpython-3.11", "linux-x86_64-cpython-3.13"],
            "linux-x86_64-cpython-3.13",
            id="the-newer-of-equals",
        ),
        pytest.param(["odd", "darwin-arm64-cpython-3.12"], "darwin-arm64-cpython-3.12", id="odd"),
    ],
)
def test_the_environment_that_resembles_most_is_found(
    tmp_path: Path, keys: list[str], nearest: str | None
) -> None:
    for key in keys:
        lines = {"a": _baseline()}
        write_baselines(tmp_path, BaselineFile(environment=key, suite="api", baselines=lines))
    (tmp_path / "linux-x86_64-cpython-3.12.7").mkdir()  # holds no file, so it is no environment
    assert nearest_environment(tmp_path, KEY) == nearest


def _run(low_s: float | None, min_s: float = 1e-3, median_s: float = 2e-3) -> ProcessRun:
    return ProcessRun(rounds=9, iterations=1, min_s=min_s, median_s=median_s, low_s=low_s)


def test_a_baseline_is_the_median_over_its_processes() -> None:
    runs = (_run(0.0011), _run(0.0019), _run(None, min_s=0.00123456))
    baseline = baseline_from(Benchmark(id="a", suite="api", runs=runs), CPU, "because")
    assert baseline.low_s == 0.001235  # the run without a low quantile, by its minimum
    assert baseline.median_s == 0.002
    # ln 1.1, 1.9 and 1.23456 lie -0.22065, 0.32589 and -0.10524 from their mean:
    # sqrt((0.04869 + 0.10621 + 0.01108) / 2) = 0.2881.
    assert baseline.spread == 0.2881
    assert (baseline.processes, baseline.cpu, baseline.reason) == (3, CPU, "because")


def test_a_single_process_has_no_spread() -> None:
    assert (
        baseline_from(Benchmark(id="a", suite="api", runs=(_run(1e-3),)), CPU, "x").spread is None
    )
