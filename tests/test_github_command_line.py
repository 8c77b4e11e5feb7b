"""perfgate comment and accept-comment as a workflow runs them: processes with an environment."""

import json
from pathlib import Path
from typing import Any

import pytest

from perfgate.errors import InputFileError, UsageError
from perfgate.github.events import read_comment_event, read_finished_run
from perfgate.report.document import encode_report
from tests.command_line import perfgate
from tests.fake_github.fixtures import github, scene
from tests.fake_github.scenes import TOKEN, Scene, payload, report_of
from tests.fake_github.server import refusal
from tests.fake_github.state import HEAD, WORKFLOW

__all__ = ["github", "scene"]

SLOWER = report_of(0, 30)


def test_a_failing_check_gets_its_comment_and_nothing_on_stdout(scene: Scene) -> None:
    done = perfgate(scene.folder, "comment", **scene.environ(scene.finish(SLOWER)))
    assert (done.status, done.out) == (0, "")
    assert done.err.endswith(": commented\n")
    assert len(scene.bodies) == 1
    assert TOKEN not in done.err


def test_a_missing_permission_is_a_notice_and_no_failure(scene: Scene) -> None:
    scene.github.missing["^POST"] = "issues=write; pull_requests=write"
    done = perfgate(scene.folder, "comment", **scene.environ(scene.finish(SLOWER)))
    assert done.status == 0
    assert done.out.startswith("::notice title=perfgate::GitHub: POST ")
    assert "needs the permission issues: write or pull-requests: write" in done.out


def test_nothing_to_comment_on_is_a_notice_and_no_failure(scene: Scene) -> None:
    event = scene.finish(SLOWER, conclusion="cancelled")
    done = perfgate(scene.folder, "comment", **scene.environ(event))
    assert done.status == 0
    assert "nothing was judged" in done.out


def test_a_hostile_artifact_ends_with_one_line_and_status_2(scene: Scene) -> None:
    done = perfgate(scene.folder, "comment", **scene.environ(scene.finish(b"PK")))
    assert (done.status, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert "is a broken archive" in done.err
    assert sorted(path.name for path in scene.folder.iterdir()) == ["event.json"]


def test_github_that_fails_ends_with_one_line_and_status_3(scene: Scene) -> None:
    event = scene.finish(SLOWER)
    scene.github.fail("/pulls", refusal(403, "slow down", retry_after="3600"))
    done = perfgate(scene.folder, "comment", **scene.environ(event))
    assert done.status == 3
    assert done.err.count("\n") == 1
    assert "asks to wait 3600 s" in done.err


@pytest.mark.parametrize("command", ["comment", "accept-comment"])
def test_pull_request_target_is_refused_with_status_2(scene: Scene, command: str) -> None:
    environ = scene.environ(scene.finish(SLOWER), "pull_request_target")
    done = perfgate(scene.folder, command, **environ)
    assert done.status == 2
    assert "pull_request_target" in done.err
    assert scene.github.asked == []


def test_without_a_token_the_line_to_add_is_told(scene: Scene) -> None:
    environ = {**scene.environ(scene.finish(SLOWER)), "GITHUB_TOKEN": ""}
    done = perfgate(scene.folder, "comment", **environ)
    assert done.status == 2
    assert "GITHUB_TOKEN: ${{ github.token }}" in done.err


def test_outside_actions_the_comment_is_printed(tmp_path: Path) -> None:
    (tmp_path / ".perfgate").mkdir()
    (tmp_path / ".perfgate" / "report.json").write_bytes(encode_report(SLOWER))
    done = perfgate(tmp_path, "comment")
    assert (done.status, done.err) == (0, "")
    assert "1 of 2 benchmarks regressed" in done.out.splitlines()[1]


def test_a_report_that_is_named_is_only_printed(scene: Scene) -> None:
    (scene.folder / "mine.json").write_bytes(encode_report(SLOWER))
    environ = scene.environ(scene.finish(SLOWER))
    done = perfgate(scene.folder, "comment", "--report", "mine.json", **environ)
    assert done.status == 0
    assert "regressed" in done.out
    assert scene.github.asked == []


def test_options_reach_the_command(scene: Scene) -> None:
    path = ".github/workflows/other.yml"
    event = scene.finish(report_of(0, 0), path=path)
    options = (
        *("--workflow", path, "--mode", "on-regression", "--id", "api"),
        *("--project", "./sub/", "--branch", "runs"),
    )
    done = perfgate(scene.folder, "comment", *options, **scene.environ(event))
    assert done.status == 0
    assert "nothing worth a comment" in done.err
    assert scene.github.lines("/contents/sub/pyproject.toml")
    assert scene.github.lines("/git/ref/heads/runs")


def test_an_acceptance_is_recorded(scene: Scene) -> None:
    scene.github.state.people["ada"] = "write"
    event = payload(
        "issue_comment-pull_request",
        issue={"number": 7},
        comment={"body": f"/perfgate accept {HEAD} agreed", "user": {"login": "ada"}},
        sender={"login": "ada"},
    )
    done = perfgate(scene.folder, "accept-comment", **scene.environ(event, "issue_comment"))
    assert done.status == 0
    assert done.err == f"perfgate: #7: {HEAD[:10]} is accepted by ada\n"
    assert len(scene.github.state.statuses) == 1


# --- events ------------------------------------------------------------------------------------


def environ(tmp_path: Path, event: Any, name: str, **more: str) -> dict[str, str]:
    file = tmp_path / "event.json"
    file.write_bytes(event if isinstance(event, bytes) else json.dumps(event).encode())
    known = {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file)}
    return {**known, "GITHUB_REPOSITORY": "octo/shop", **more}


@pytest.mark.parametrize("name", ["pull_request", "push", "merge_group", "schedule", ""])
def test_another_event_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    given = environ(tmp_path, payload("workflow_run-pull_request"), name)
    with pytest.raises(UsageError, match=f"not by {name or 'nothing'}$"):
        read_finished_run(given, workflow=WORKFLOW)
    with pytest.raises(UsageError, match="started by issue_comment"):
        read_comment_event(given)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"workflow_run": 1}', b"[" * 9999])
def test_an_event_that_cannot_be_read_is_named(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputFileError, match=r"event.json: is no event of workflow_run"):
        read_finished_run(environ(tmp_path, data, "workflow_run"), workflow=WORKFLOW)


def test_an_event_that_is_not_there_is_named(tmp_path: Path) -> None:
    given = environ(tmp_path, b"", "workflow_run", GITHUB_EVENT_PATH=str(tmp_path / "none"))
    with pytest.raises(InputFileError, match="none: No such file"):
        read_finished_run(given, workflow=WORKFLOW)
    with pytest.raises(UsageError, match="GITHUB_EVENT_PATH is not set"):
        read_finished_run({**given, "GITHUB_EVENT_PATH": ""}, workflow=WORKFLOW)


def test_a_workflow_of_another_reference_is_still_the_file(tmp_path: Path) -> None:
    event = payload("workflow_run-fork", workflow_run={"path": f"{WORKFLOW}@refs/heads/main"})
    found = read_finished_run(environ(tmp_path, event, "workflow_run"), workflow=WORKFLOW)
    assert found.workflow_run.head_repository is not None
    assert found.workflow_run.head_repository.full_name == "mallory/shop"


def test_a_deleted_fork_has_no_repository_in_its_event(tmp_path: Path) -> None:
    event = payload("workflow_run-deleted-fork")
    found = read_finished_run(environ(tmp_path, event, "workflow_run"), workflow=WORKFLOW)
    assert found.workflow_run.head_repository is None
