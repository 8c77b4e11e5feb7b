import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perfgate.commands.record import check_event, find_destination, record_of
from perfgate.errors import UndecidedError, UsageError
from perfgate.history.runs import RunRecord, decode_runs
from perfgate.model import Report, Verdict
from perfgate.report.document import encode_report
from tests import report_cases
from tests.command_line import Done, perfgate
from tests.git_repository import ENVIRON, GitRepository

COMMIT = "c0ffee1234567890c0ffee1234567890c0ffee12"
FILE = "runs/linux-x86_64-cpython-3.12"
PUSH = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REPOSITORY": "owner/shop",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": COMMIT,
    "GITHUB_RUN_ID": "12",
    "GITHUB_RUN_ATTEMPT": "2",
}
EVENT = {"repository": {"full_name": "owner/shop", "default_branch": "main"}}


def _report(**changes: Any) -> Report:
    report = msgspec.structs.replace(report_cases.regression(), is_default_branch=True)
    return msgspec.structs.replace(report, **changes)


def _record_of(report: Report) -> RunRecord:
    now = dt.datetime(2026, 11, 3, 12, 0, 0, 123, tzinfo=dt.UTC)
    return record_of(report, "report.json", recorded=now, run="12/1")


@pytest.fixture
def origin(tmp_path: Path) -> GitRepository:
    repository = GitRepository.create(tmp_path / "origin")
    repository.commit(readme="text")
    return repository


def _record(folder: Path, *reports: Report, remote: str, **environ: str) -> Done:
    folder.mkdir(exist_ok=True)
    names = []
    for number, report in enumerate(reports):
        names.append(f"{number}.json")
        (folder / names[-1]).write_bytes(encode_report(report))
    return perfgate(folder, "record", *names, "--remote", remote, **environ)


def _recorded(origin: GitRepository) -> list[RunRecord]:
    files = origin.git("ls-tree", "-r", "--name-only", "perfgate-data").splitlines()
    assert all(file.startswith(f"{FILE}/") for file in files)
    text = "".join(f"{origin.git('show', f'perfgate-data:{file}')}\n" for file in files)
    runs, damaged = decode_runs(text.encode(), "runs")
    assert damaged == ()
    return list(runs)


def test_a_run_is_kept_on_a_branch_without_touching_the_folder(
    origin: GitRepository, tmp_path: Path
) -> None:
    before = origin.git("rev-parse", "main")
    done = _record(tmp_path / "job", _report(), remote=origin.path.as_uri())
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("recorded on perfgate-data: ")
    assert sorted(file.name for file in (tmp_path / "job").iterdir()) == ["0.json"]
    (run,) = _recorded(origin)
    assert run.revision.commit == COMMIT
    assert run.benchmarks["stripe"].keys() == {one.benchmark for one in _report().judgements}
    assert origin.git("rev-parse", "main") == before
    assert origin.git("log", "-1", "--format=%s", "perfgate-data") == "Record c0ffee1234"


def test_legs_are_recorded_in_one_commit_each_on_its_own(
    origin: GitRepository, tmp_path: Path
) -> None:
    legs = [_report(title=title) for title in ("one", "two")]
    assert _record(tmp_path / "job", *legs, remote=origin.path.as_uri()).status == 0
    assert [run.title for run in _recorded(origin)] == ["one", "two"]
    assert origin.git("rev-list", "--count", "perfgate-data") == "1"


def test_a_clone_records_on_its_remote(origin: GitRepository, tmp_path: Path) -> None:
    clone = origin.clone(tmp_path / "clone")
    clone.write("report.json", encode_report(_report()))
    before = clone.fingerprint()
    done = perfgate(clone.path, "record", "report.json")
    assert (done.status, done.err) == (0, "")
    assert len(_recorded(origin)) == 1
    assert clone.fingerprint() == before


def test_a_relative_remote_is_seen_from_where_the_command_runs(
    origin: GitRepository, tmp_path: Path
) -> None:
    assert _record(tmp_path / "job", _report(), remote="../origin").status == 0
    assert len(_recorded(origin)) == 1


def test_in_a_workflow_the_run_and_its_attempt_are_kept(
    origin: GitRepository, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(EVENT))
    environ = {**PUSH, "GITHUB_EVENT_PATH": str(event)}
    done = _record(tmp_path / "job", _report(), remote=origin.path.as_uri(), **environ)
    assert (done.status, done.err) == (0, "")
    assert [run.run for run in _recorded(origin)] == ["12/2"]


@pytest.mark.parametrize(
    ("environ", "event", "said"),
    [
        pytest.param({"GITHUB_EVENT_NAME": "pull_request"}, {}, "'pull_request'", id="pull"),
        pytest.param({"GITHUB_EVENT_NAME": "workflow_run"}, {}, "'workflow_run'", id="run"),
        pytest.param({"GITHUB_EVENT_NAME": "merge_group"}, {}, "'merge_group'", id="queue"),
        pytest.param({"GITHUB_REF": "refs/heads/topic"}, {}, "refs/heads/topic", id="branch"),
        pytest.param({"GITHUB_REF": "refs/tags/main"}, {}, "refs/tags/main", id="tag"),
        pytest.param({"GITHUB_SHA": "f" * 40}, {}, "ffffffffff", id="other-commit"),
        pytest.param({"GITHUB_REPOSITORY": "evil/shop"}, {}, "only a push", id="repository"),
        pytest.param({}, {"repository": None}, "only a push", id="no-repository"),
    ],
)
def test_only_what_a_push_to_the_default_branch_measured_is_recorded(
    environ: dict[str, str], event: dict[str, Any], said: str
) -> None:
    check_event(PUSH, EVENT, [_report()])
    with pytest.raises(UsageError, match=said):
        check_event({**PUSH, **environ}, {**EVENT, **event}, [_report()])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"is_default_branch": False}, "not of the default branch", id="feature"),
        pytest.param(
            {"results": report_cases.with_text("x").results}, "names no commit", id="no-commit"
        ),
    ],
)
def test_what_is_no_run_of_the_default_branch_is_refused(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=f"report.json: .*{said}"):
        _record_of(_report(**changes))


def test_a_refusal_writes_nothing_and_says_why_in_a_line(
    origin: GitRepository, tmp_path: Path
) -> None:
    report = _report(is_default_branch=False)
    done = _record(tmp_path / "job", _report(), report, remote=origin.path.as_uri())
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "perfgate: 1.json: is not of the default branch, and only that is recorded\n"
    )
    assert origin.git("branch", "--list", "perfgate-data") == ""


def test_a_report_without_any_number_is_not_recorded() -> None:
    results = msgspec.structs.replace(_report().results, benchmarks=())
    with pytest.raises(UndecidedError, match="no number"):
        _record_of(_report(results=results, judgements=()))


def test_a_report_of_many_environments_is_not_recorded_under_one() -> None:
    results = _report().results
    other = msgspec.structs.replace(results.environment, python="3.15.0")
    mixed = msgspec.structs.replace(results, environments=(results.environment, other))
    with pytest.raises(UsageError, match="many environments"):
        _record_of(_report(results=mixed))


def test_the_deciding_pair_and_the_verdict_are_kept() -> None:
    run = _record_of(_report())
    regressed = run.benchmarks["stripe"][f"{report_cases.STRIPE}::test_create_customer[card]"]
    assert regressed.verdict is Verdict.REGRESSED
    assert regressed.pair is not None
    assert (regressed.pair.commit, regressed.pair.log_ratio) == ("4f1d0c9be2a7", 0.11689)
    assert run.recorded.microsecond == 0


def test_a_workflow_records_in_its_own_repository_with_its_token(tmp_path: Path) -> None:
    server = {**ENVIRON, **PUSH, "GITHUB_SERVER_URL": "https://github.example"}
    with pytest.raises(UsageError, match="contents: write"):
        find_destination(server, tmp_path, remote=None, branch="perfgate-data")
    found = find_destination(
        {**server, "GITHUB_TOKEN": "letters"}, tmp_path, remote=None, branch="perfgate-data"
    )
    assert found.origin == "https://github.example/owner/shop"
    assert found.environ["GIT_CONFIG_KEY_0"] == "http.https://github.example/.extraHeader"


@pytest.mark.parametrize("branch", ["", "-x", "a b", "a:b", "+a", "a..b~", "refs heads"])
def test_what_cannot_be_a_branch_is_refused(branch: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--branch"):
        find_destination(ENVIRON, tmp_path, remote="x", branch=branch)


def test_without_any_remote_one_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--remote"):
        find_destination(ENVIRON, tmp_path, remote=None, branch="perfgate-data")
