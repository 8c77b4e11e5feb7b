"""Real files of others, and the law that nothing but results or a refusal comes out."""

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfgate.errors import InputFileError
from perfgate.readers.files import read_results
from perfgate.readers.perfgate import encode_results
from tests.readers.documents import (
    PYPERF,
    RESULTS,
    VALUES,
    places,
    put,
    pytest_benchmark,
    read_or_refused,
    without,
    write,
)

REPOSITORY = Path(__file__).parents[2]

CUT_ROUNDS = "benchmarks[0].stats.data[4]: expected a number, got text"  # "..." in a documentation
REFUSED = {
    "MANIFEST.json": "is not a result file that perfgate knows",
    "benchmark-action__github-action-benchmark__20191206__pytest_several_units.json": CUT_ROUNDS,
    "benchmark-action__github-action-benchmark__20211120__pytest_several_units.json": CUT_ROUNDS,
    "benchmark-action__github-action-benchmark__20240403__pytest_output.json": CUT_ROUNDS,
    "psf__pyperf__20180109__track_memory.json": "metadata.unit: is byte",
}

DOCUMENTS: dict[str, Any] = {
    "pytest-benchmark": pytest_benchmark(2),
    "pytest-benchmark with rounds": pytest_benchmark(2, rounds=3),
    "pyperf": PYPERF,
    "perfgate": json.loads(encode_results(RESULTS)),
}


def real_files() -> list[Path]:
    for folder in REPOSITORY.parents:
        if (folder / "shared" / "data" / "raw").is_dir():
            return sorted((folder / "shared" / "data" / "raw").iterdir())
    return []


@pytest.mark.skipif(not real_files(), reason="the real files are not on this machine")
@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_a_real_file_is_read_or_refused_for_a_reason(path: Path) -> None:
    if path.name in REFUSED:
        with pytest.raises(InputFileError) as caught:
            read_results(path)
        assert str(caught.value).startswith(f"{path}: {REFUSED[path.name]}")
        return
    results = read_results(path)
    raw = json.loads(path.read_bytes())
    assert len(results.benchmarks) == len(raw["benchmarks"])
    assert results.environment.python
    assert all(run.min_s <= run.median_s for each in results.benchmarks for run in each.runs)


@given(content=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    assert read_or_refused(write(tmp_path, content)) is None


@given(data=st.data(), name=st.sampled_from(sorted(DOCUMENTS)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_document_with_any_other_value_is_read_or_refused(
    tmp_path: Path, data: st.DataObject, name: str
) -> None:
    document = DOCUMENTS[name]
    place = data.draw(st.sampled_from(places(document)))
    results = read_or_refused(write(tmp_path, put(document, place, data.draw(VALUES))))
    if results is not None:
        assert read_results(write(tmp_path, encode_results(results))) == results


@given(data=st.data(), name=st.sampled_from(sorted(DOCUMENTS)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_document_that_lacks_anything_is_read_or_refused(
    tmp_path: Path, data: st.DataObject, name: str
) -> None:
    place = data.draw(st.sampled_from(places(DOCUMENTS[name])))
    results = read_or_refused(write(tmp_path, without(DOCUMENTS[name], place)))
    if results is not None:
        assert results.benchmarks


@given(data=st.data(), name=st.sampled_from(sorted(DOCUMENTS)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_document_with_any_bytes_changed_is_read_or_refused(
    tmp_path: Path, data: st.DataObject, name: str
) -> None:
    content = bytearray(json.dumps(DOCUMENTS[name]).encode())
    start = data.draw(st.integers(0, len(content) - 1))
    length = data.draw(st.integers(0, 3))
    content[start : start + length] = data.draw(st.binary(max_size=3))
    results = read_or_refused(write(tmp_path, bytes(content)))
    if results is not None:
        assert results.benchmarks


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_truncated_document_is_refused(tmp_path: Path, name: str) -> None:
    content = json.dumps(DOCUMENTS[name]).encode()
    for length in range(0, len(content), 97):
        assert read_or_refused(write(tmp_path, content[:length])) is None


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_cycle_collector_is_left_as_it_was(tmp_path: Path, *, is_enabled: bool) -> None:
    was_enabled = gc.isenabled()
    try:
        (gc.enable if is_enabled else gc.disable)()
        read_results(write(tmp_path, pytest_benchmark()))
        read_or_refused(write(tmp_path, put(pytest_benchmark(), ("benchmarks",), [])))
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
