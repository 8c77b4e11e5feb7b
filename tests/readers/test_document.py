"""Damage of every kind, in every format: one line that names the file and the place."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perfgate.errors import InputFileError
from perfgate.readers.document import SIZE_LIMIT_BYTES, check_keys
from perfgate.readers.files import read_results
from perfgate.readers.perfgate import encode_results
from tests.readers.documents import PYPERF, RESULTS, put, pytest_benchmark, without, write

STATS = ("benchmarks", 3, "stats")
OURS = json.loads(encode_results(RESULTS))


def refusal(path: Path) -> InputFileError:
    with pytest.raises(InputFileError) as caught:
        read_results(path)
    assert str(caught.value).isprintable()  # one line, no control characters
    assert str(caught.value).startswith(str(path).replace("\n", "\\n"))
    return caught.value


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        pytest.param(b"", "", "is empty", id="no bytes"),
        pytest.param(b" \n\t", "", "is empty", id="blanks"),
        pytest.param(b"\xef\xbb\xbf{}", "", "byte order mark", id="UTF-8 with a mark"),
        pytest.param("{}".encode("utf-16"), "", "is UTF-16", id="UTF-16"),
        pytest.param(b"\x1f\x8b\x08\x00", "", "is compressed", id="gzip"),
        pytest.param(b"PK\x03\x04", "", "is a zip archive", id="zip"),
        pytest.param(b'{\n"a":"\xff"}', "line 2, column 6", "is not UTF-8", id="Latin-1"),
        pytest.param(b"name,min,max\n", "", "is not a result file that perfgate knows", id="CSV"),
        pytest.param(b"[]", "", "is not a result file that perfgate knows", id="list"),
        pytest.param(
            b"{}", "", "is not a result file that perfgate knows", id="object without keys"
        ),
        pytest.param(
            b'{"benchmarks":[]}',
            "",
            "is not a result file that perfgate knows",
            id="benchmarks only",
        ),
        pytest.param(b'{\n  "a": tru\n}', "line 2, column 9", "is not JSON", id="syntax"),
        pytest.param(b'{"a": [1, 2', "", "is cut short", id="truncated"),
        pytest.param(b'{"a":' + b"[" * 100_000, "", "nested too deeply", id="deep list"),
        pytest.param(b'{"a":' * 100_000, "", "nested too deeply", id="deep object"),
        pytest.param(b"{} {}", "line 1, column 5", "is not JSON", id="two documents"),
    ],
)
def test_what_is_no_result_file_is_refused(
    tmp_path: Path, content: bytes, place: str, problem: str
) -> None:
    error = refusal(write(tmp_path, content))
    assert error.place == place
    assert problem in error.problem


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        pytest.param((*STATS, "mean"), "fast", "expected a number, got text", id="text"),
        pytest.param((*STATS, "min"), None, "expected a number, got null", id="null"),
        pytest.param((*STATS, "min"), 0.0, "expected a number > 0.0", id="zero"),
        pytest.param((*STATS, "median"), -1e-9, "expected a number > 0.0", id="negative"),
        pytest.param((*STATS, "max"), 1e300, "expected a number <= 1", id="longer than ages"),
        pytest.param((*STATS, "rounds"), 0, "expected a whole number >= 1", id="no rounds"),
        pytest.param((*STATS, "rounds"), 2.5, "expected a whole number", id="half a round"),
        pytest.param((*STATS, "iterations"), 10**30, "a whole number", id="huge iterations"),
        pytest.param((*STATS, "iqr"), -1.0, "expected a number >= 0.0", id="negative spread"),
        pytest.param(STATS, [], "expected an object, got a list", id="stats as list"),
        pytest.param(
            ("benchmarks",), {}, "expected a list, got an object", id="benchmarks as object"
        ),
        pytest.param(("benchmarks",), [], "nothing was measured", id="no benchmarks"),
        pytest.param(
            ("benchmarks", 0, "extra_info"),
            [1],
            "expected an object or null",
            id="extra_info as list",
        ),
        pytest.param(
            ("machine_info", "cpu"), "fast", "expected an object or null", id="CPU as text"
        ),
        pytest.param(("machine_info", "cpu", "count"), "4", "a whole number", id="cores as text"),
        pytest.param(("commit_info", "dirty"), "no", "true or false", id="dirty as text"),
        pytest.param(("version",), 5, "expected text", id="version as number"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(
    tmp_path: Path, place: tuple[str | int, ...], value: object, problem: str
) -> None:
    error = refusal(write(tmp_path, put(pytest_benchmark(), place, value)))
    assert error.place == dotted(place)
    assert problem in error.problem


@pytest.mark.parametrize("name", ["min", "max", "mean", "median", "rounds", "iterations"])
def test_a_lacking_number_is_refused(tmp_path: Path, name: str) -> None:
    error = refusal(write(tmp_path, without(pytest_benchmark(), (*STATS, name))))
    assert error.place == "benchmarks[3].stats"
    assert f"missing required field `{name}`" in error.problem


def test_a_number_too_large_for_a_float_is_refused(tmp_path: Path) -> None:
    text = json.dumps(put(pytest_benchmark(), (*STATS, "max"), 12345)).replace("12345", "1e999")
    error = refusal(write(tmp_path, text))
    assert error.place == "benchmarks[3].stats.max"
    assert error.problem == "number out of range"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")], ids=str)
@pytest.mark.parametrize(
    "place",
    [
        pytest.param(("benchmarks", 2, "extra_info", "ratio"), id="extra_info"),
        pytest.param((*STATS, "stddev"), id="number that is not used"),
        pytest.param(("benchmarks", 1, "params"), id="parameters"),
        pytest.param(("machine_info", "hz"), id="machine"),
    ],
)
def test_numbers_that_json_does_not_know_are_explained(
    tmp_path: Path, place: tuple[str | int, ...], value: float
) -> None:
    error = refusal(write(tmp_path, put(pytest_benchmark(), place, value)))
    assert error.place == dotted(place)
    assert "is not JSON" in error.problem
    assert "leave it out there, then measure again" in error.problem


def test_a_constant_in_a_document_that_is_broken_elsewhere_too_is_placed_by_its_line(
    tmp_path: Path,
) -> None:
    error = refusal(write(tmp_path, '{"benchmarks":\n[NaN, tru]}'))
    assert error.place == "line 2, column 2"


@pytest.mark.parametrize(
    ("document", "place"),
    [
        pytest.param(pytest_benchmark(), ("benchmarks", 3, "stats", "min"), id="stats"),
        pytest.param(pytest_benchmark(), ("benchmarks", 3, "stats", "ops"), id="unused number"),
        pytest.param(pytest_benchmark(), ("benchmarks", 1, "fullname"), id="id"),
        pytest.param(pytest_benchmark(), ("benchmarks", 1, "extra_info", "items"), id="extra_info"),
        pytest.param(pytest_benchmark(), ("benchmarks", 1, "options", "timer"), id="options"),
        pytest.param(pytest_benchmark(), ("benchmarks",), id="benchmarks"),
        pytest.param(pytest_benchmark(), ("machine_info",), id="machine"),
        pytest.param(pytest_benchmark(), ("machine_info", "cpu", "brand_raw"), id="CPU"),
        pytest.param(pytest_benchmark(), ("commit_info", "id"), id="commit"),
        pytest.param(
            pytest_benchmark(2, rounds=3), ("benchmarks", 1, "stats", "data"), id="rounds"
        ),
        pytest.param(PYPERF, ("benchmarks", 1, "runs", 2, "values"), id="pyperf values"),
        pytest.param(PYPERF, ("metadata", "python_version"), id="pyperf metadata"),
        pytest.param(OURS, ("benchmarks", 1, "runs", 0, "min_s"), id="our numbers"),
        pytest.param(OURS, ("environment", "system"), id="our environment"),
    ],
)
@pytest.mark.parametrize("spelling", ["plain", "spaced", "escaped"])
def test_a_key_that_is_there_twice_is_refused(
    tmp_path: Path, document: Any, place: tuple[str | int, ...], spelling: str
) -> None:
    path = write(tmp_path, twice(document, place, spelling))
    error = refusal(path)
    assert error.place == dotted(place)
    assert error.problem == "this key is there twice"


def test_a_double_key_cannot_hide_behind_a_missing_one(tmp_path: Path) -> None:
    # as many keys as usual in the text, and one of them is there twice
    document = without(pytest_benchmark(), (*STATS, "ops"))
    error = refusal(write(tmp_path, twice(document, (*STATS, "min"), "plain")))
    assert error.place == "benchmarks[3].stats.min"


def test_texts_that_look_like_keys_are_no_damage(tmp_path: Path) -> None:
    odd = {"note": '"min": 3, "min": 4', "nested": {"deep": [{"min": 1}, {"min": 2}]}}
    document = put(pytest_benchmark(), ("benchmarks", 0, "extra_info"), odd)
    assert len(read_results(write(tmp_path, document)).benchmarks) == 4


def test_keys_of_lists_in_lists_are_found() -> None:
    with pytest.raises(InputFileError) as caught:
        check_keys(Path("x.json"), b'[[1, 2], [3, {"a": [[{"b": 1, "b": 2}]]}]]')
    assert caught.value.place == "[1][1].a[0][0].b"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"[" * 100_000, "is nested too deeply to be a result file", id="deep"),
        pytest.param(b'{"b": 01}', "is not JSON: Expecting", id="syntax"),
    ],
)
def test_the_check_of_keys_refuses_what_it_cannot_parse(content: bytes, problem: str) -> None:
    with pytest.raises(InputFileError) as caught:
        check_keys(Path("x.json"), content, "machine_info")
    assert caught.value.place == "machine_info"
    assert caught.value.problem.startswith(problem)


@pytest.mark.parametrize("depth", [50, 200, 400, 600, 800, 950, 1500])
def test_deep_nesting_in_a_part_that_is_kept_is_read_or_refused(tmp_path: Path, depth: int) -> None:
    for inner in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        document = put(pytest_benchmark(), ("benchmarks", 0, "extra_info"), {"deep": "HERE"})
        path = write(tmp_path, json.dumps(document).replace('"HERE"', inner))
        try:
            outcome = len(read_results(path).benchmarks)
        except InputFileError as error:
            outcome = error.problem  # type: ignore[assignment]  # either is right
        assert outcome in (4, "is nested too deeply to be a result file")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.json").problem == "does not exist"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path).problem


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no device files here")  # noqa: PTH110
def test_a_device_is_refused() -> None:
    assert refusal(Path("/dev/null")).problem == "is not a file"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, pytest_benchmark())
    path.chmod(0)
    assert "cannot be read" in refusal(path).problem


def test_a_name_too_long_for_the_system_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / ("x" * 5000)).problem


def test_a_name_with_a_null_character_is_refused() -> None:
    with pytest.raises(InputFileError, match=r"^a\\x00b: cannot be read: embedded null"):
        read_results(Path("a\0b"))


def test_a_file_of_one_gibibyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(SIZE_LIMIT_BYTES)  # sparse: takes no space
    assert "1 GiB or larger" in refusal(path).problem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_read(tmp_path: Path) -> None:
    content = write(tmp_path, pytest_benchmark()).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    results = read_results(pipe)
    writer.join()
    assert len(results.benchmarks) == 4


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\u2028", "\u202e", "\x00", "e\u0301\x85"])
def test_text_from_the_file_never_breaks_the_line(tmp_path: Path, text: str) -> None:
    document = pytest_benchmark()
    for entry in document["benchmarks"]:
        entry["fullname"] = f"x.py::{text}"
    assert "is already in benchmarks[0]" in refusal(write(tmp_path, document)).problem


def test_a_long_text_from_the_file_is_cut(tmp_path: Path) -> None:
    document = put(PYPERF, ("metadata", "unit"), "x" * 10_000)
    assert len(refusal(write(tmp_path, document)).problem) < 400


def test_a_file_name_never_breaks_the_line(tmp_path: Path) -> None:
    assert "is empty" in refusal(write(tmp_path, b"", "a\nb.json")).problem


def dotted(place: tuple[str | int, ...]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).lstrip(".")


def twice(document: Any, place: tuple[str | int, ...], spelling: str) -> bytes:
    """Encode a document with one key said again at the end of its object."""
    marked = "perfgate-marker"
    *outer, key = place
    holder = document
    for step in outer:
        holder = holder[step]
    assert isinstance(key, str)
    again = {
        "plain": f'"{key}":',
        "spaced": f'"{key}"\n :',
        "escaped": f'"\\u{ord(key[0]):04x}{key[1:]}":',
    }[spelling]
    value = msgspec.json.encode(holder[key])
    changed = put(document, (*outer, marked), 1)
    return msgspec.json.encode(changed).replace(f'"{marked}":1'.encode(), again.encode() + value)
