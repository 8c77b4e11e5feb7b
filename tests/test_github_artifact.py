"""Hostile archives and reports: refused in one line, never a traceback, never a file on disk."""

import io
import json
import math
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perfgate.commands.comment import preview
from perfgate.commands.merge import merge_reports
from perfgate.commands.rejudging import judged_again
from perfgate.config import BenchmarkOverride, Config
from perfgate.errors import InputFileError
from perfgate.github import artifact as artifacts
from perfgate.github.artifact import MEMBER, read_member
from perfgate.model import Explanation, GrownFunction, Report, Verdict
from perfgate.report.document import decode_report, encode_report
from tests.evidence import baseline, edit, evidence, measured
from tests.fake_github.scenes import NAME, report_of, zipped
from tests.fake_github.state import archive

CONFIG = Config(root=Path("base"))
REPORT = report_of(0, 30, -30)
GOOD = zipped(REPORT)


EXPLANATION = Explanation(
    commit="4f1d0c9be2a77d3f5e6a8b9c0d1e2f3a4b5c6d7e",
    functions=(
        GrownFunction(
            name="price",
            file="src/shop.py",
            line=4,
            before_s=7e-6,
            after_s=1e-5,
            calls_before=1.0,
            calls_after=2.0,
        ),
    ),
)


def wide_report() -> Report:
    """Return a report with every kind of evidence: pairs, committed numbers, another file."""
    more = (
        evidence(name="committed", baseline=baseline()),
        evidence(name="edited", baseline=baseline(), edit=edit(1e-3, 2e-3)),
        evidence(name="other", other=measured(1e-3, 1.1e-3, name="other")),
        msgspec.structs.replace(REPORT.evidence[1], benchmark="slower", explanation=EXPLANATION),
    )
    benchmarks = tuple(measured(1e-3, 2e-3, 3e-3, name=one.benchmark) for one in more)
    found = msgspec.structs.replace(
        REPORT.results, benchmarks=(*REPORT.results.benchmarks, *benchmarks)
    )
    return msgspec.structs.replace(REPORT, evidence=(*REPORT.evidence, *more), results=found)


WIDE = wide_report()


def read(content: bytes) -> bytes:
    return read_member(content, "artifact")


def rendered(content: bytes) -> str:
    """Do all that is done with an artifact's bytes before anything is written."""
    report = decode_report(read(content), "report.json")
    return preview(judged_again(report, CONFIG, edited=["api"], source="report.json"))


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, entered, in which nothing may appear."""
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    yield folder
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def member(name: str, content: bytes = b"{}", **fields: Any) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def packed(*members: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for info, content in members:
            opened.writestr(info, content)
    return buffer.getvalue()


@pytest.mark.usefixtures("empty_folder")
def test_the_report_of_a_gate_is_read_back() -> None:
    assert read(GOOD) == encode_report(REPORT)
    assert "1 of 3 benchmarks regressed" in rendered(GOOD)


def test_other_files_beside_the_report_are_passed_over() -> None:
    assert read(archive(("report.md", b"# x"), (MEMBER, b"{}"))) == b"{}"


UNIX_LINK = (stat.S_IFLNK | 0o777) << 16
UNIX_DEVICE = (stat.S_IFCHR | 0o666) << 16


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(archive(), "report.json: is not in the archive", id="empty"),
        pytest.param(archive((".perfgate/report.json", b"{}")), "is not in", id="deeper"),
        pytest.param(archive(("../escape.txt", b""), (MEMBER, b"{}")), "leads out", id="slip"),
        pytest.param(archive(("a/../../x", b""), (MEMBER, b"{}")), "leads out", id="slip-inside"),
        pytest.param(archive(("/etc/passwd", b""), (MEMBER, b"{}")), "leads out", id="absolute"),
        pytest.param(archive(("..\\x", b""), (MEMBER, b"{}")), "leads out", id="backslash"),
        pytest.param(archive(("C:x", b""), (MEMBER, b"{}")), "no name of a file", id="drive"),
        pytest.param(archive(("folder/", b""), (MEMBER, b"{}")), "or is a folder", id="folder"),
        pytest.param(packed(member(MEMBER, external_attr=UNIX_LINK)), "is a link", id="link"),
        pytest.param(
            packed(member("x", external_attr=UNIX_LINK), member(MEMBER)), "x: is a link", id="other"
        ),
        pytest.param(packed(member(MEMBER, external_attr=UNIX_DEVICE)), "a device", id="device"),
        pytest.param(
            packed(member(MEMBER, compress_type=zipfile.ZIP_LZMA)), "the method 14", id="lzma"
        ),
        pytest.param(
            archive(*[(f"{n}.json", b"") for n in range(8)], (MEMBER, b"{}")),
            "has 9 members, more than 8",
            id="many",
        ),
        pytest.param(b"", "is a broken archive", id="nothing"),
        pytest.param(b"hello", "is a broken archive", id="text"),
        pytest.param(GOOD[:-30], "is a broken archive", id="cut-off"),
        pytest.param(GOOD[:200] + b"\0" * 40 + GOOD[240:], "is a broken archive", id="damaged"),
    ],
)
@pytest.mark.usefixtures("empty_folder")
def test_a_hostile_archive_is_refused_in_one_line(content: bytes, said: str) -> None:
    with pytest.raises(InputFileError) as caught:
        read(content)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.usefixtures("empty_folder")
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused() -> None:
    with pytest.raises(InputFileError, match=r"report.json: is in the archive twice"):
        read(packed(member(MEMBER), member(MEMBER, b"[]")))


@pytest.mark.usefixtures("empty_folder")
def test_a_name_of_control_characters_is_shown_as_escapes() -> None:
    with pytest.raises(InputFileError) as caught:
        read(archive(("../\n::error::\x1b[31m", b""), (MEMBER, b"{}")))
    assert str(caught.value).isprintable()


@pytest.mark.usefixtures("empty_folder")
def test_an_encrypted_member_is_refused() -> None:
    content = bytearray(archive((MEMBER, b"{}")))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    with pytest.raises(InputFileError, match="is encrypted"):
        read(bytes(content))


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """A limit that a test can exceed quickly."""
    limit = 100_000
    monkeypatch.setattr(artifacts, "MEMBER_LIMIT_BYTES", limit)
    return limit


def test_a_bomb_that_says_how_large_it_is_is_not_opened(small_limit: int) -> None:
    content = archive((MEMBER, bytes(small_limit + 1)))
    assert len(content) < 1000
    with pytest.raises(InputFileError, match="is 100,001 bytes, more than 100,000"):
        read(content)


@pytest.mark.parametrize("told", [10, 99_999])
def test_a_bomb_that_lies_about_its_size_is_cut_off(small_limit: int, told: int) -> None:
    content = bytearray(archive((MEMBER, bytes(50 * small_limit))))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(signature) + offset, told)
    with pytest.raises(InputFileError):
        read(bytes(content))


def test_members_that_share_their_bytes_cost_no_more_than_one(small_limit: int) -> None:
    del small_limit
    content = bytearray(archive((MEMBER, b"{}"), ("other.json", b"{}")))
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", content, second + 42, 0)  # both entries point at the first member
    assert read(bytes(content)) == b"{}"


# --- what is inside ----------------------------------------------------------------------------


def changed(change: Callable[[Any], None], report: Report = REPORT) -> bytes:
    document = json.loads(encode_report(report))
    change(document)
    return archive((MEMBER, json.dumps(document).encode()))


def put(*path: str | int, value: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


RUN = ("results", "benchmarks", 0, "runs", 0)
PAIRS = ("evidence", 1, "pairs", 0)
BASELINE = ("evidence", 0, "baseline")


GROWN = {
    "name": "price",
    "file": "src/shop.py",
    "line": 4,
    "before_s": 7e-6,
    "after_s": 1e-5,
    "calls_before": 1,
    "calls_after": 2,
}


def explained(
    *, functions: Sequence[Any] = (), commit: str = "4f1d0c", **fields: Any
) -> Callable[[Any], None]:
    value = {"commit": commit, "functions": [*functions] or [GROWN | fields]}
    return put("evidence", 1, "explanation", value=value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(put(*RUN, "min_s", value=math.nan), "is not a report", id="nan"),
        pytest.param(put(*RUN, "min_s", value=math.inf), "is not a report", id="infinity"),
        pytest.param(put(*RUN, "min_s", value=1e300), "a time that nothing took", id="huge"),
        pytest.param(put(*RUN, "low_s", value=1e-300), "a time that nothing took", id="tiny"),
        pytest.param(put(*RUN, "min_s", value=-0.0), "positive", id="minus-zero"),
        pytest.param(put(*RUN, "line", value=1), "unknown field", id="unknown-field"),
        pytest.param(put(*RUN, "metrics", value={"m": 1e200}), "too large", id="metric"),
        pytest.param(put(*RUN, "rss_growth_bytes", value=10**30), "too large|range", id="memory"),
        pytest.param(
            put("results", "benchmarks", 0, "counts", value={"instructions": 1e30, "build": "x"}),
            "more instructions than",
            id="instructions",
        ),
        pytest.param(
            put("evidence", 1, "base_counts", value={"instructions": -1, "build": "x"}),
            "must not be negative",
            id="instructions-of-the-merge-base",
        ),
        pytest.param(put(*PAIRS, "explore", value=[1e9]), "no two programs", id="effect"),
        pytest.param(put(*PAIRS, "confirm", value=[0.1] * 31), "more than 30 pairs", id="pairs"),
        pytest.param(put(*PAIRS, "reference_s", value=0), "is no time", id="reference"),
        pytest.param(
            put(*PAIRS, "reference_memory", value={"blocks_per_op": [1e300]}),
            "too large",
            id="blocks",
        ),
        pytest.param(
            put(*PAIRS, "reference_memory", value={"hats": [1]}), "is no memory", id="hats"
        ),
        pytest.param(
            put(*PAIRS, "reference_memory", value={"blocks_per_op": [1] * 121}),
            "is no memory",
            id="amounts",
        ),
        pytest.param(explained(functions=[GROWN] * 6), "more than 5 functions", id="functions"),
        pytest.param(explained(commit="x" * 1001), "too long", id="commit-of-functions"),
        pytest.param(explained(name="x" * 1001), "too long", id="name-of-a-function"),
        pytest.param(explained(file="x" * 1001), "too long", id="file-of-a-function"),
        pytest.param(explained(line=-1), "is no line", id="line-of-a-function"),
        pytest.param(explained(after_s=1e300), "a time that", id="time-of-a-function"),
        pytest.param(explained(before_s=-1), "a time that", id="time-before-of-a-function"),
        pytest.param(explained(before_s=math.inf), "is not a report", id="endless-function"),
        pytest.param(explained(calls_after=1e300), "is no number of calls", id="calls"),
        pytest.param(put(*BASELINE, "low_s", value=0), "is no time", id="baseline"),
        pytest.param(put(*BASELINE, "spread", value=-1), "is no spread", id="spread"),
        pytest.param(put(*BASELINE, "processes", value=0), "is no number of", id="processes"),
        pytest.param(put("evidence", 1, "benchmark", value=NAME), "stands twice", id="twice"),
        pytest.param(put("evidence", value=[]), "has no evidence", id="no-evidence"),
        pytest.param(put("evidence", 0, "benchmark", value=""), "no evidence", id="no-name"),
        pytest.param(
            put("results", "benchmarks", 0, "id", value="x" * 1001), "evidence", id="long-name"
        ),
        pytest.param(put("exit_status", value=7), "is not one of 0, 1, 3", id="status"),
        pytest.param(put("version", value=99), "has version 99", id="version"),
    ],
)
def test_threat_13_a_number_that_no_measurement_gives_is_refused(
    change: Callable[[Any], None], said: str
) -> None:
    with pytest.raises(InputFileError, match=said):
        rendered(changed(change))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b'{"version": 1e999}', id="overflow"),
        pytest.param(b'{"version": %b}' % (b"9" * 5000), id="many-digits"),
        pytest.param(b'{"version": 1, "title": "\xff"}', id="not-utf-8"),
        pytest.param(b'{"version": 1, "title": "\\ud800"}', id="surrogate"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(
            encode_report(REPORT).replace(b'"exit_status":1', b'"exit_status":1,"exit_status":1'),
            id="key-twice",
        ),
        pytest.param(
            encode_report(REPORT).replace(b'"floor_s":0.0', b'"floor_s":%b' % (b"9" * 5000)),
            id="many-digits-where-a-number-may-be",
        ),
        pytest.param(
            encode_report(REPORT).replace(b'"line":null', b'"line":%b' % (b"9" * 5000)),
            id="many-digits-where-a-whole-number-may-be",
        ),
    ],
)
def test_threat_13_what_is_no_strict_json_is_refused(data: bytes) -> None:
    with pytest.raises(InputFileError) as caught:
        rendered(archive((MEMBER, data)))
    assert "\n" not in str(caught.value)


def test_too_many_benchmarks_are_refused() -> None:
    evidence = tuple(
        msgspec.structs.replace(REPORT.evidence[0], benchmark=str(number))
        for number in range(20_001)
    )
    report = msgspec.structs.replace(REPORT, evidence=evidence)
    with pytest.raises(InputFileError, match="more than 20,000 benchmarks"):
        judged_again(report, CONFIG, edited=(), source="x")


def test_too_many_explanations_are_refused() -> None:
    many = tuple(
        msgspec.structs.replace(REPORT.evidence[1], benchmark=f"b{index}", explanation=EXPLANATION)
        for index in range(301)
    )
    report = msgspec.structs.replace(REPORT, evidence=(*REPORT.evidence, *many))
    with pytest.raises(InputFileError, match="more than 300 explanations"):
        judged_again(report, CONFIG, edited=(), source="x")


def test_more_exact_tests_than_anybody_waits_for_are_refused() -> None:
    samples = (msgspec.structs.replace(REPORT.evidence[1].pairs[0], confirm=(0.1,) * 30),)
    evidence = tuple(
        msgspec.structs.replace(REPORT.evidence[0], benchmark=str(number), pairs=samples)
        for number in range(700)
    )
    results = msgspec.structs.replace(REPORT.results, benchmarks=())
    report = msgspec.structs.replace(REPORT, evidence=evidence, results=results)
    with pytest.raises(InputFileError, match="more pairs of processes than can be tested"):
        judged_again(report, CONFIG, edited=(), source="x")


@pytest.mark.usefixtures("empty_folder")
@given(content=st.binary(max_size=400))
@example(content=b"PK\x05\x06" + bytes(18))
def test_any_bytes_are_an_archive_or_an_error(content: bytes) -> None:
    with pytest.raises(InputFileError):
        rendered(content)


@pytest.mark.usefixtures("empty_folder")
@settings(max_examples=400)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=6)),
        min_size=1,
        max_size=4,
    ),
    cut=st.one_of(st.none(), st.integers(0, len(GOOD))),
)
def test_a_damaged_archive_is_read_or_refused(
    edits: list[tuple[int, bytes]], cut: int | None
) -> None:
    content = bytearray(GOOD)
    for place, new in edits:
        content[place : place + len(new)] = new
    try:
        said = rendered(bytes(content[:cut])).splitlines()[1]
    except InputFileError as error:
        said = str(error)
    assert "\n" not in said
    assert "report" in said or "artifact" in said or "benchmarks" in said


STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.floats(allow_nan=False), max_size=40),
    st.sampled_from([1e308, -1e308, 5e-324, 1e-15, 1e9, 50.0, "", "x" * 2000, [], {}]),
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            found += places(inner, (*path, index))
    return found


PLACES = places(json.loads(encode_report(msgspec.structs.replace(WIDE, judgements=()))))


@pytest.mark.usefixtures("empty_folder")
@settings(max_examples=1000)
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), STRANGE), min_size=1, max_size=3))
def test_a_report_with_strange_values_is_judged_or_refused(
    changes: list[tuple[tuple[str | int, ...], Any]],
) -> None:
    def change(document: Any) -> None:
        for path, value in changes:
            try:
                put(*path, value=value)(document)
            except (KeyError, IndexError, TypeError):  # an earlier change took the place away
                continue

    try:
        said = rendered(changed(change, WIDE))
    except InputFileError as error:
        said = str(error)
    assert said.startswith("<!-- perfgate -->\n## ") or "\n" not in said
    assert said.startswith(("<!-- perfgate -->", "report.json"))


# --- judging again -----------------------------------------------------------------------------


def leg(python: str, *percents: float) -> Report:
    report = report_of(*percents)
    environment = msgspec.structs.replace(report.results.environment, python=python)
    results = msgspec.structs.replace(report.results, environment=environment)
    return msgspec.structs.replace(report, results=results)


def test_legs_of_a_matrix_are_judged_by_the_names_that_settings_know() -> None:
    merged = merge_reports([("a", leg("3.11.9", 30)), ("b", leg("3.12.4", 30))])
    override = BenchmarkOverride(match=NAME, threshold=0.9, floor_s=None, limits=())
    config = Config(root=Path("base"), overrides=(override,))
    judged = judged_again(merged, config, edited=(), source="x")
    assert {one.verdict for one in judged.judgements} == {Verdict.PASSED}
    names = [f"{NAME} (linux-x86_64-cpython-3.{minor})" for minor in (11, 12)]
    assert [one.benchmark for one in judged.judgements] == names


def test_legs_of_a_matrix_keep_their_verdicts() -> None:
    merged = merge_reports([("a", leg("3.11.9", 30)), ("b", leg("3.12.4", 0))])
    judged = judged_again(merged, CONFIG, edited=(), source="x")
    assert [one.verdict for one in judged.judgements] == [Verdict.REGRESSED, Verdict.PASSED]
    assert judged.exit_status == 1


def test_what_became_slower_is_kept_and_named_by_its_leg() -> None:
    legs = []
    for name, python in (("a", "3.11.9"), ("b", "3.12.4")):
        report = leg(python, 30)
        own = msgspec.structs.replace(report.evidence[0], explanation=EXPLANATION)
        legs.append((name, msgspec.structs.replace(report, evidence=(own,))))
    judged = judged_again(merge_reports(legs), CONFIG, edited=(), source="x")
    assert {one.benchmark: one.explanation for one in judged.evidence} == {
        f"{NAME} (linux-x86_64-cpython-3.{minor})": EXPLANATION for minor in (11, 12)
    }
    assert preview(judged).count("`price (src/shop.py:4)` 7.00 µs → 10.0 µs") == 2


def test_legs_keep_the_cpus_that_their_numbers_come_from() -> None:
    first, second = leg("3.11.9", 0), leg("3.12.4", 0)
    environment = msgspec.structs.replace(second.results.environment, cpu_model="Xeon")
    results = msgspec.structs.replace(second.results, environment=environment)
    second = msgspec.structs.replace(second, results=results)
    judged = judged_again(
        merge_reports([("a", first), ("b", second)]), CONFIG, edited=(), source="x"
    )
    expected = (first.results.environment, environment)
    assert judged.results.environments == expected
    origins = [judged.results.origin(one.benchmark) for one in judged.judgements]
    assert origins == [(NAME, one) for one in expected]


@pytest.mark.parametrize(
    ("minors", "problem"),
    [
        pytest.param(range(31), "more than 30 legs", id="too many"),
        pytest.param((12, 12), "an environment stands twice", id="twice"),
        pytest.param((12, 13), "does not say which environment it is of", id="of none"),
    ],
)
def test_legs_that_no_matrix_has_are_refused(minors: Sequence[int], problem: str) -> None:
    environments = tuple(leg(f"3.{minor}.0", 0).results.environment for minor in minors)
    results = msgspec.structs.replace(REPORT.results, environments=environments)
    forged = msgspec.structs.replace(REPORT, results=results)
    with pytest.raises(InputFileError, match=problem):
        judged_again(forged, CONFIG, edited=(), source="x")


def test_what_the_gate_found_is_found_again_by_the_same_settings() -> None:
    judged = judged_again(REPORT, CONFIG, edited=(), source="x")
    assert judged.judgements == REPORT.judgements
    assert judged.exit_status == REPORT.exit_status == 1


def test_the_working_folder_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.perfgate]\nthreshold = "900%"\n')
    monkeypatch.chdir(tmp_path)
    assert "1 of 3 benchmarks regressed" in rendered(GOOD)
