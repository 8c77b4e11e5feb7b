"""The comment on a pull request, against a GitHub that keeps state; named after what must hold."""

import datetime as dt
import random
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from perfgate.commands.comment import CommentOptions, Mode
from perfgate.config import Config
from perfgate.errors import (
    ConfigError,
    GitHubError,
    InputFileError,
    MissingPermissionError,
    NothingToDoError,
    UsageError,
)
from perfgate.github.comments import marker_of
from perfgate.history.runs import RecordedTime, RunRecord, encode_run
from perfgate.model import BaselineEdit, Report, Revision, Verdict
from tests.evidence import baseline
from tests.fake_github.fixtures import github, scene
from tests.fake_github.scenes import NAME, OPTIONS, TOKEN, Scene, event_of, report_of, zipped
from tests.fake_github.server import refusal
from tests.fake_github.state import BASE, BOT, FORK_ID, HEAD, user

__all__ = ["github", "scene"]

FORK = ("mallory/shop", FORK_ID)
NEXT = "c" * 40
SLOWER = report_of(0, 30)
EVEN = report_of(0, 0)
FORGED = f"<!-- perfgate id=perfgate run=999 attempt=1 sha={HEAD} -->\nall is well\n"
WRITES = r"^(POST|PATCH|DELETE)"


def settings(scene: Scene, text: str, commit: str = BASE) -> None:
    scene.github.state.files[commit, "pyproject.toml"] = text.encode()


# --- the rows of the table of events -----------------------------------------------------------


def test_a_pull_request_of_the_same_repository_gets_its_comment(scene: Scene) -> None:
    assert scene.comment(scene.finish(SLOWER)).endswith("commented")
    (body,) = scene.bodies
    marker, verdict, *_ = body.splitlines()
    assert marker == f"<!-- perfgate id=perfgate run=45 attempt=1 sha={HEAD} -->"
    assert "1 of 2 benchmarks regressed" in verdict
    assert "self-reported" not in body.lower()
    assert "https://github.example/octo/shop/actions/runs/" in body


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_a_run_that_passed_and_one_that_failed_are_both_commented(
    scene: Scene, conclusion: str
) -> None:
    scene.comment(scene.finish(SLOWER, conclusion=conclusion))
    assert len(scene.bodies) == 1


def test_the_figures_of_a_fork_are_marked_as_self_reported(scene: Scene) -> None:
    scene.github.state.add_pull(branch="main", source=FORK)
    event = event_of(scene.github.state.add_run(branch="main", source=FORK), "workflow_run-fork")
    run = scene.github.state.runs[event["workflow_run"]["id"]]
    scene.github.state.add_artifact(run, zipped(SLOWER))
    scene.comment(event)
    (body,) = scene.bodies
    assert "self-reported by a fork" in body.splitlines()[1]


def test_dependabot_gets_its_comment_as_everybody_does(scene: Scene) -> None:
    branch = "dependabot/pip/httpx-0.29"
    scene.github.state.add_pull(branch=branch)
    scene.comment(scene.finish(EVEN, branch=branch, actor=user("dependabot[bot]")))
    assert len(scene.bodies) == 1


@pytest.mark.parametrize("known_to_the_run", [None, FORK])
def test_a_pull_request_whose_repository_is_gone_is_found_by_its_commit(
    scene: Scene, known_to_the_run: tuple[str, int] | None
) -> None:
    scene.github.state.add_pull(source=None)
    event = scene.finish(SLOWER, source=known_to_the_run)
    scene.comment(event)
    (body,) = scene.bodies
    assert "self-reported by a fork" in body


def test_a_deleted_repository_and_another_commit_leave_nothing_to_comment_on(
    scene: Scene,
) -> None:
    scene.github.state.add_pull(source=None, head=NEXT)
    with pytest.raises(NothingToDoError, match="no open pull request"):
        scene.comment(scene.finish(SLOWER, source=None))


@pytest.mark.parametrize(
    "conclusion", ["cancelled", "skipped", "action_required", "timed_out", "neutral", None]
)
def test_a_run_that_was_not_judged_is_left_alone(scene: Scene, conclusion: str | None) -> None:
    with pytest.raises(NothingToDoError, match="nothing was judged"):
        scene.comment(scene.finish(SLOWER, conclusion=conclusion))
    assert scene.github.asked == []


@pytest.mark.parametrize("event", ["push", "merge_group", "workflow_dispatch", "schedule"])
def test_a_run_that_no_pull_request_started_is_left_alone(scene: Scene, event: str) -> None:
    with pytest.raises(NothingToDoError, match="not by a pull request"):
        scene.comment(scene.finish(SLOWER, event=event))


def test_a_closed_pull_request_gets_no_comment(scene: Scene) -> None:
    scene.github.state.pulls[7]["state"] = "closed"
    with pytest.raises(NothingToDoError, match="no open pull request"):
        scene.comment(scene.finish(SLOWER))


def test_a_rerun_replaces_what_the_first_attempt_said(scene: Scene) -> None:
    scene.comment(scene.finish(SLOWER))
    said = scene.comment(scene.finish(EVEN, attempt=2))
    assert said.endswith("brought the comment up to date")
    (body,) = scene.bodies
    assert "attempt=2" in body
    assert "✅" in body.splitlines()[1]


def test_the_result_of_an_older_push_is_not_written_over_the_newer_one(scene: Scene) -> None:
    old = scene.finish(EVEN, 44)
    scene.github.state.add_pull(head=NEXT)
    scene.comment(scene.finish(SLOWER, 45, head=NEXT))
    assert scene.comment(old).endswith("the comment says so already")
    (body,) = scene.bodies
    assert f"run=45 attempt=1 sha={NEXT}" in body


def test_while_the_run_of_a_new_push_is_under_way_nothing_is_written(scene: Scene) -> None:
    old = scene.finish(SLOWER)
    scene.github.state.add_pull(head=NEXT)
    scene.github.state.add_run(46, head=NEXT, conclusion=None, status="in_progress")
    with pytest.raises(NothingToDoError, match="of which no run has ended"):
        scene.comment(old)
    assert scene.github.lines(WRITES) == []


def test_a_token_that_may_only_read_is_told_by_the_permission_it_lacks(scene: Scene) -> None:
    scene.github.missing["^POST"] = "issues=write; pull_requests=write"
    with pytest.raises(MissingPermissionError) as caught:
        scene.comment(scene.finish(SLOWER))
    assert "issues: write or pull-requests: write" in str(caught.value)
    assert len(scene.github.lines("^POST")) == 1, "a refusal is final"


@pytest.mark.parametrize(
    ("pattern", "permission"),
    [
        pytest.param("/actions/workflows", "actions: read", id="runs"),
        pytest.param("/zip", "actions: read", id="artifact"),
        pytest.param("/contents/", "contents: read", id="settings"),
        pytest.param("/pulls", "pull-requests: read", id="pull-requests"),
    ],
)
def test_each_permission_that_is_missing_is_named(
    scene: Scene, pattern: str, permission: str
) -> None:
    scene.github.missing[pattern] = ""
    with pytest.raises(MissingPermissionError) as caught:
        scene.comment(scene.finish(SLOWER))
    assert caught.value.permission == permission


def test_no_artifact_is_no_failure(scene: Scene) -> None:
    event = event_of(scene.github.state.add_run())
    with pytest.raises(NothingToDoError, match="is not there"):
        scene.comment(event)


def test_an_expired_artifact_is_no_failure(scene: Scene) -> None:
    event = scene.finish(SLOWER)
    for artifact, _ in scene.github.state.artifacts.values():
        artifact["expired"] = True
    with pytest.raises(NothingToDoError, match="has expired"):
        scene.comment(event)


@pytest.mark.parametrize("status", [404, 410])
def test_an_artifact_that_was_removed_meanwhile_is_no_failure(scene: Scene, status: int) -> None:
    scene.github.fail("/zip$", refusal(status, "Gone"))
    with pytest.raises(NothingToDoError, match="has been removed"):
        scene.comment(scene.finish(SLOWER))


# --- the threats -------------------------------------------------------------------------------


def test_threat_2_pull_request_target_is_refused_before_anything_is_asked(scene: Scene) -> None:
    with pytest.raises(UsageError, match="pull_request_target"):
        scene.comment(scene.finish(SLOWER), GITHUB_EVENT_NAME="pull_request_target")
    assert scene.github.asked == []


def test_threat_3_verdicts_of_the_artifact_are_thrown_away(scene: Scene) -> None:
    lying = msgspec.structs.replace(SLOWER, judgements=EVEN.judgements, exit_status=0)
    scene.comment(scene.finish(lying))
    (body,) = scene.bodies
    assert "1 of 2 benchmarks regressed" in body


def test_threat_3_the_settings_are_those_of_the_base_branch(scene: Scene) -> None:
    settings(scene, '[tool.perfgate]\nthreshold = "5%"\n')
    settings(scene, '[tool.perfgate]\nthreshold = "90%"\n', HEAD)
    own = report_of(0, 30, config=Config(root=Path("project"), threshold=0.9))
    assert own.exit_status == 0
    scene.comment(scene.finish(own))
    (body,) = scene.bodies
    assert "1 of 2 benchmarks regressed" in body
    assert "threshold is 5 %" in body


@pytest.mark.parametrize(
    ("report", "conclusion", "said"),
    [
        pytest.param(SLOWER, "success", "**The run itself passed:**", id="loosened"),
        pytest.param(EVEN, "failure", "**The run itself failed:**", id="tightened"),
        pytest.param(SLOWER, "failure", "", id="both red"),
        pytest.param(EVEN, "success", "", id="both green"),
    ],
)
def test_threat_3_a_check_that_ended_otherwise_is_told(
    scene: Scene, report: Report, conclusion: str, said: str
) -> None:
    scene.comment(scene.finish(report, conclusion=conclusion))
    (body,) = scene.bodies
    assert said in body
    assert ("The run itself" in body) == bool(said)


def test_threat_3_a_loose_threshold_of_the_base_branch_is_taken(scene: Scene) -> None:
    settings(scene, '[tool.perfgate]\nthreshold = "90%"\n')
    scene.comment(scene.finish(SLOWER))
    (body,) = scene.bodies
    assert "✅" in body.splitlines()[1]


def edited(report: Report) -> Report:
    edit = BaselineEdit(old=baseline(), new=baseline(9.0, reason="trust me"))
    evidence = tuple(msgspec.structs.replace(one, edit=edit) for one in report.evidence)
    return msgspec.structs.replace(report, evidence=evidence)


def test_threat_3_an_approval_that_is_not_in_the_diff_is_not_taken(scene: Scene) -> None:
    scene.comment(scene.finish(edited(SLOWER)))
    assert "1 of 2 benchmarks regressed" in scene.bodies[0]


def test_an_approval_in_the_diff_is_taken_and_shown(scene: Scene) -> None:
    path = "baselines/linux-x86_64-cpython-3.12/api.json"
    scene.github.state.changed[7] = [path]
    scene.comment(scene.finish(edited(SLOWER)))
    (body,) = scene.bodies
    assert "✅" in body.splitlines()[1]
    assert "trust me" in body
    assert path in body


def test_threat_4_to_7_a_hostile_name_stays_inside_its_code_span(scene: Scene) -> None:
    name = "x`|</details>@octo #1 ![a](http://evil)\n## ✅ perfgate: all passed"
    evidence = tuple(
        msgspec.structs.replace(one, benchmark=one.benchmark.replace(NAME, name))
        for one in SLOWER.evidence
    )
    benchmarks = tuple(
        msgspec.structs.replace(one, id=one.id.replace(NAME, name))
        for one in SLOWER.results.benchmarks
    )
    results = msgspec.structs.replace(SLOWER.results, benchmarks=benchmarks)
    hostile = msgspec.structs.replace(SLOWER, evidence=evidence, results=results)
    scene.comment(scene.finish(hostile))
    (body,) = scene.bodies
    assert "regressed" in body.splitlines()[1]
    assert [line for line in body.splitlines() if line.startswith("## ")] == [body.splitlines()[1]]


def test_threat_8_a_number_that_the_artifact_names_changes_nothing(scene: Scene) -> None:
    scene.github.state.add_pull(8, head=NEXT, branch="victim")
    scene.comment(scene.finish(msgspec.structs.replace(SLOWER, title="#8")))
    assert len(scene.bodies) == 1
    assert scene.github.state.comments_of(8) == []


def test_threat_9_the_main_branch_of_a_fork_is_not_ours(scene: Scene) -> None:
    scene.github.state.add_pull(branch="main", source=FORK)
    with pytest.raises(NothingToDoError, match="no open pull request"):
        scene.comment(scene.finish(SLOWER, branch="main"))


def test_threat_9_an_account_that_took_the_name_of_a_fork_is_another(scene: Scene) -> None:
    scene.github.state.add_pull(source=("mallory/shop", 3000))
    with pytest.raises(NothingToDoError, match="no open pull request"):
        scene.comment(scene.finish(SLOWER, source=FORK))


def test_threat_9_two_pull_requests_from_one_branch_get_no_comment(scene: Scene) -> None:
    scene.github.state.add_pull(8, base="release")
    with pytest.raises(NothingToDoError, match="any of #7, #8"):
        scene.comment(scene.finish(SLOWER))


def test_threat_10_a_head_that_moves_before_the_write_is_left_alone(scene: Scene) -> None:
    def push(state: object) -> None:
        del state
        scene.github.state.add_pull(head=NEXT)

    scene.github.hooks.append((r"^GET .*/pulls/7$", push))
    assert scene.comment(scene.finish(SLOWER)).endswith("its own run comments")
    assert scene.github.lines(WRITES) == []


def test_threat_10_an_event_of_an_old_run_shows_the_newest_one(scene: Scene) -> None:
    old = scene.finish(EVEN, 45)
    scene.finish(SLOWER, 46)
    scene.comment(old)
    (body,) = scene.bodies
    assert "run=46" in body
    assert "regressed" in body


def test_threat_10_thirty_replays_out_of_order_leave_the_newest(scene: Scene) -> None:
    events = [scene.finish(report_of(0, 10 + number), number) for number in range(1, 31)]
    order = random.Random(5).sample(events, len(events))
    known = dict(scene.github.state.runs)
    scene.github.state.runs.clear()
    for event in order:  # each is the newest that GitHub knows of, or comes too late
        scene.github.state.runs = {event["workflow_run"]["id"]: known[event["workflow_run"]["id"]]}
        scene.comment(event)
    (body,) = scene.bodies
    marker = marker_of(body)
    assert marker is not None
    assert marker.run_number == 30


def test_threat_11_and_12_a_hostile_archive_is_refused_in_one_line(scene: Scene) -> None:
    with pytest.raises(InputFileError, match="broken archive") as caught:
        scene.comment(scene.finish(b"PK\x03\x04 not quite"))
    assert "\n" not in str(caught.value)
    assert scene.github.lines(WRITES) == []


def test_threat_12_an_archive_that_is_too_large_is_not_downloaded(scene: Scene) -> None:
    event = scene.finish(SLOWER)
    for artifact, _ in scene.github.state.artifacts.values():
        artifact["size_in_bytes"] = 1 << 40
    with pytest.raises(InputFileError, match="more than"):
        scene.comment(event)
    assert scene.github.lines("/zip$") == []


def test_threat_12_an_archive_that_lies_about_its_size_is_cut_off(scene: Scene) -> None:
    event = scene.finish(bytes(17 << 20))
    for artifact, _ in scene.github.state.artifacts.values():
        artifact["size_in_bytes"] = 10
    with pytest.raises(GitHubError, match="larger than 16,777,216 bytes"):
        scene.comment(event)


def test_an_archive_that_is_not_what_was_uploaded_is_refused(scene: Scene) -> None:
    event = scene.finish(SLOWER)
    for artifact, _ in scene.github.state.artifacts.values():
        artifact["digest"] = "sha256:" + "0" * 64
    with pytest.raises(InputFileError, match="digest differs"):
        scene.comment(event)


def test_without_a_digest_as_on_enterprise_servers_the_archive_is_taken(scene: Scene) -> None:
    event = scene.finish(SLOWER)
    for artifact, _ in scene.github.state.artifacts.values():
        artifact["digest"] = None
    assert scene.comment(event).endswith("commented")


def test_an_artifact_that_github_binds_to_another_commit_is_not_taken(scene: Scene) -> None:
    event = scene.finish(SLOWER)
    for artifact, _ in scene.github.state.artifacts.values():
        artifact["workflow_run"]["head_sha"] = NEXT
    with pytest.raises(NothingToDoError, match="is not there"):
        scene.comment(event)


def test_of_the_artifacts_of_several_attempts_the_newest_is_taken(scene: Scene) -> None:
    event = scene.finish(EVEN)
    run = scene.github.state.runs[event["workflow_run"]["id"]]
    scene.github.state.add_artifact(run, zipped(SLOWER))
    scene.comment(event)
    assert "regressed" in scene.bodies[0]


def test_threat_21_the_token_goes_nowhere_but_to_the_api(scene: Scene) -> None:
    scene.comment(scene.finish(SLOWER))
    blob = [one for one in scene.github.asked if one.path.startswith("/blob/")]
    assert len(blob) == 1
    assert blob[0].headers["host"].startswith("localhost:")
    assert "authorization" not in blob[0].headers
    api = [one for one in scene.github.asked if one not in blob]
    assert {one.headers["authorization"] for one in api} == {f"Bearer {TOKEN}"}


def test_threat_21_a_page_on_another_host_is_refused(scene: Scene) -> None:
    for _ in range(150):
        scene.github.state.add_comment(7, "hello", "ada")
    scene.github.link_host = "https://evil.example"
    with pytest.raises(GitHubError, match="another host"):
        scene.comment(scene.finish(SLOWER))
    assert scene.github.lines(WRITES) == []


def test_threat_23_nothing_but_the_comment_is_ever_written(scene: Scene) -> None:
    scene.comment(scene.finish(SLOWER))
    scene.comment(scene.finish(EVEN, 46))
    writes = scene.github.lines(WRITES)
    assert len(writes) == 2
    assert all("/issues/" in line and "comments" in line for line in writes)


def test_threat_24_the_same_text_is_not_written_again(scene: Scene) -> None:
    event = scene.finish(SLOWER)
    said = [scene.comment(event).rpartition(": ")[2] for _ in range(3)]
    assert said == ["commented", *["the comment says so already"] * 2]
    assert len(scene.github.lines(WRITES)) == 1


def test_threat_26_a_workflow_of_the_same_name_in_another_file_is_not_ours(scene: Scene) -> None:
    with pytest.raises(NothingToDoError, match=r"not of .github/workflows/perfgate.yml"):
        scene.comment(scene.finish(SLOWER, path=".github/workflows/evil.yml", name="perfgate"))
    assert scene.github.asked == []


def test_an_event_of_another_repository_is_refused(scene: Scene) -> None:
    with pytest.raises(UsageError, match="GITHUB_REPOSITORY names another"):
        scene.comment(scene.finish(SLOWER), GITHUB_REPOSITORY="octo/other")


# --- one comment -------------------------------------------------------------------------------


def test_of_three_hundred_comments_ours_is_found_and_updated(scene: Scene) -> None:
    for number in range(298):
        scene.github.state.add_comment(7, f"comment {number}", "ada")
        if number == 150:
            scene.comment(scene.finish(SLOWER))
    scene.github.state.add_comment(7, "the last one", "ada")
    scene.github.asked.clear()
    assert scene.comment(scene.finish(EVEN, 46)).endswith("up to date")
    assert len(scene.bodies) == 1
    assert "run=46" in scene.bodies[0]
    assert len(scene.github.state.comments_of(7)) == 300
    assert len(scene.github.lines("^GET .*/issues/7/comments")) == 3


def test_a_forged_marker_of_another_account_is_ignored(scene: Scene) -> None:
    forged = scene.github.state.add_comment(7, FORGED, "mallory")
    scene.comment(scene.finish(SLOWER))
    assert len(scene.bodies) == 1
    assert forged["body"] == FORGED


def test_a_marker_that_is_not_the_first_line_is_ignored(scene: Scene) -> None:
    quoted = scene.github.state.add_comment(7, f"> quoting\n{FORGED}", BOT)
    scene.comment(scene.finish(SLOWER))
    assert len(scene.bodies) == 2
    assert "quoting" in quoted["body"]


def test_comments_of_other_suites_are_left_alone(scene: Scene) -> None:
    scene.comment(scene.finish(SLOWER), replace(OPTIONS, id="api"))
    scene.comment(scene.finish(SLOWER, 46), replace(OPTIONS, id="web"))
    assert [body.split()[2] for body in scene.bodies] == ["id=api", "id=web"]


def test_copies_of_ours_are_removed_and_the_oldest_stays(scene: Scene) -> None:
    old = FORGED.replace("run=999", "run=1")
    first = scene.github.state.add_comment(7, old, BOT)
    for _ in range(2):
        scene.github.state.add_comment(7, old, BOT)
    assert scene.comment(scene.finish(SLOWER)).endswith("removed 2 copies of it")
    assert len(scene.bodies) == 1
    assert "regressed" in first["body"]


def test_a_comment_that_another_job_created_meanwhile_is_taken_over(scene: Scene) -> None:
    old = FORGED.replace("run=999", "run=1")
    scene.github.hooks.append((r"^POST", lambda state: state.add_comment(7, old, BOT)))
    assert scene.comment(scene.finish(SLOWER)).endswith("removed 1 copies of it")
    (body,) = scene.bodies
    assert "run=45" in body


def test_a_newer_comment_is_left_as_it_is(scene: Scene) -> None:
    newer = scene.github.state.add_comment(7, FORGED, BOT)
    assert scene.comment(scene.finish(SLOWER)).endswith("a newer run has commented already")
    assert newer["body"] == FORGED


def test_a_comment_that_was_removed_while_we_looked_is_written_anew(scene: Scene) -> None:
    scene.comment(scene.finish(SLOWER))
    scene.github.hooks.append((r"^PATCH", lambda state: state.comments.clear()))
    scene.comment(scene.finish(EVEN, 46))
    (body,) = scene.bodies
    assert "run=46" in body


def test_a_comment_whose_answer_was_lost_is_not_written_twice(scene: Scene) -> None:
    scene.github.fail("^POST", refusal(502, "Bad Gateway"), done_first=True)
    assert scene.comment(scene.finish(SLOWER)).endswith("commented")
    assert len(scene.bodies) == 1


def test_a_comment_that_was_not_written_is_an_error(scene: Scene) -> None:
    scene.github.fail("^POST", refusal(502, "Bad Gateway"))
    with pytest.raises(GitHubError, match="502 Bad Gateway"):
        scene.comment(scene.finish(SLOWER))


def test_a_comment_that_github_finds_too_long_is_written_shorter(scene: Scene) -> None:
    message = "Body is too long (maximum is 65536 characters)"
    scene.github.fail("^POST", refusal(422, message))
    scene.comment(scene.finish(report_of(*[30] * 400)))
    (body,) = scene.bodies
    assert len(body) <= 20_000
    assert "400 benchmarks" in body


def test_any_other_refusal_of_the_text_is_an_error(scene: Scene) -> None:
    scene.github.fail("^POST", refusal(422, "Validation Failed"))
    with pytest.raises(GitHubError, match="422 Validation Failed"):
        scene.comment(scene.finish(SLOWER))


def test_two_thousand_regressions_fit_one_comment(scene: Scene) -> None:
    scene.comment(scene.finish(report_of(*[30] * 2000)))
    (body,) = scene.bodies
    assert len(body.encode("utf-16-le")) // 2 <= 65_536


def test_a_newer_run_that_commented_at_the_same_moment_is_left_alone(scene: Scene) -> None:
    scene.github.hooks.append((r"^POST", lambda state: state.add_comment(7, FORGED, BOT)))
    assert scene.comment(scene.finish(SLOWER)).endswith("a newer run has commented already")
    assert FORGED in scene.bodies


def test_a_copy_that_somebody_else_removed_first_is_no_failure(scene: Scene) -> None:
    old = FORGED.replace("run=999", "run=1")
    for _ in range(2):
        scene.github.state.add_comment(7, old, BOT)
    scene.github.fail("^DELETE", refusal(404, "Not Found"))
    assert scene.comment(scene.finish(SLOWER)).endswith("removed 1 copies of it")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_that_github_refuses_is_an_error(scene: Scene, method: str) -> None:
    old = FORGED.replace("run=999", "run=1")
    for _ in range(2):
        scene.github.state.add_comment(7, old, BOT)
    scene.github.fail(f"^{method}", refusal(409, "Conflict"))
    with pytest.raises(GitHubError, match="409 Conflict"):
        scene.comment(scene.finish(SLOWER))


# --- trends ------------------------------------------------------------------------------------

DATA = "d" * 40
JANUARY = "runs/linux-x86_64-cpython-3.12/2026-01.jsonl"


def recorded(scene: Scene, count: int, *, padding: int = 0) -> None:
    """Keep runs on the data branch, as recording writes them."""
    name = SLOWER.evidence[1].benchmark
    lines = [
        encode_run(
            RunRecord(
                recorded=dt.datetime(2026, 1, 1, number, tzinfo=dt.UTC),
                revision=Revision(commit=f"{number:040x}", branch="x" * padding),
                environment=SLOWER.results.environment,
                benchmarks={
                    "api": {
                        name: RecordedTime(
                            low_s=1e-3,
                            median_s=1e-3,
                            spread=None,
                            processes=1,
                            verdict=Verdict.PASSED,
                        )
                    }
                },
            )
        )
        for number in range(count)
    ]
    scene.github.state.branches["perfgate-data"] = DATA
    scene.github.state.files[DATA, JANUARY] = b"".join(lines)


@pytest.mark.parametrize("padding", [pytest.param(0, id="small"), pytest.param(400_000, id="1-MB")])
def test_a_regression_shows_how_the_benchmark_stood_before(scene: Scene, padding: int) -> None:
    recorded(scene, 3, padding=padding)
    scene.comment(scene.finish(SLOWER))
    assert "3 earlier runs" in scene.bodies[0]


def test_a_damaged_line_of_the_past_is_passed_over(scene: Scene) -> None:
    recorded(scene, 2)
    scene.github.state.files[DATA, JANUARY] += b"{broken\n"
    scene.comment(scene.finish(SLOWER))
    assert "2 earlier runs" in scene.bodies[0]


def test_a_data_branch_without_runs_of_this_environment_shows_no_trend(scene: Scene) -> None:
    scene.github.state.branches["perfgate-data"] = DATA
    scene.comment(scene.finish(SLOWER))
    assert "earlier run" not in scene.bodies[0]


def test_a_base_branch_that_is_gone_is_no_failure(scene: Scene) -> None:
    del scene.github.state.branches["main"]
    with pytest.raises(NothingToDoError, match="its base main is gone"):
        scene.comment(scene.finish(SLOWER))


# --- modes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "report", "comments"),
    [
        pytest.param(Mode.ALWAYS, EVEN, 1, id="always-passed"),
        pytest.param(Mode.ON_CHANGE, EVEN, 0, id="on-change-passed"),
        pytest.param(Mode.ON_CHANGE, report_of(0, -30), 1, id="on-change-improved"),
        pytest.param(Mode.ON_CHANGE, SLOWER, 1, id="on-change-regressed"),
        pytest.param(Mode.ON_REGRESSION, EVEN, 0, id="on-regression-passed"),
        pytest.param(Mode.ON_REGRESSION, report_of(0, -30), 0, id="on-regression-improved"),
        pytest.param(Mode.ON_REGRESSION, SLOWER, 1, id="on-regression-regressed"),
    ],
)
def test_a_mode_says_what_is_worth_a_new_comment(
    scene: Scene, mode: Mode, report: Report, comments: int
) -> None:
    scene.comment(scene.finish(report), replace(OPTIONS, mode=mode))
    assert len(scene.bodies) == comments


@pytest.mark.parametrize("mode", Mode)
def test_a_regression_that_was_mended_turns_green_in_every_mode(scene: Scene, mode: Mode) -> None:
    options = replace(OPTIONS, mode=mode)
    scene.comment(scene.finish(SLOWER), options)
    scene.comment(scene.finish(EVEN, 46), options)
    (body,) = scene.bodies
    assert "✅" in body.splitlines()[1]


def test_loosened_settings_are_worth_a_comment_on_change(scene: Scene) -> None:
    scene.github.state.changed[7] = ["pyproject.toml"]
    settings(scene, '[tool.perfgate]\nthreshold = "90%"\n', HEAD)
    scene.comment(scene.finish(EVEN), replace(OPTIONS, mode=Mode.ON_CHANGE))
    assert len(scene.bodies) == 1


# --- what the gate goes by ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param('threshold = "5%"', 'threshold = "50%"', "settings", id="threshold"),
        pytest.param(
            'threshold = "5%"',
            'threshold = "5%"\n[[tool.perfgate.waivers]]\nbenchmark = "x"',
            "waivers",
            id="waiver",
        ),
        pytest.param('threshold = "5%"', "threshold = [", "settings", id="broken"),
    ],
)
def test_changed_settings_are_told_by_what_they_are(
    scene: Scene, old: str, new: str, said: str
) -> None:
    scene.github.state.changed[7] = ["pyproject.toml"]
    settings(scene, f"[tool.perfgate]\n{old}\n")
    settings(scene, f"[tool.perfgate]\n{new}\n", HEAD)
    scene.comment(scene.finish(EVEN))
    line = next(one for one in scene.bodies[0].splitlines() if "changes what the gate" in one)
    assert said in line
    assert {"settings", "waivers"} & set(line.split()) == {said}


def test_a_new_version_in_pyproject_is_no_change_of_the_gate(scene: Scene) -> None:
    scene.github.state.changed[7] = ["pyproject.toml"]
    for commit, version in ((BASE, "1"), (HEAD, "2")):
        settings(scene, f'[project]\nversion = "{version}"\n', commit)
    scene.comment(scene.finish(EVEN))
    assert "changes what the gate" not in scene.bodies[0]


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/perfgate.yml",
        ".github/actions/setup/action.yml",
        ".github/CODEOWNERS",
        "baselines/linux-x86_64-cpython-3.12/api.json",
    ],
)
def test_threat_22_a_changed_file_that_the_gate_goes_by_is_named(scene: Scene, path: str) -> None:
    scene.github.state.changed[7] = ["README.md", *[f"src/{n}.py" for n in range(250)], path]
    scene.comment(scene.finish(EVEN))
    assert f"`{path}`" in scene.bodies[0]
    assert "README.md" not in scene.bodies[0]


def test_more_files_than_github_lists_count_as_changed_settings(scene: Scene) -> None:
    scene.github.state.changed[7] = [f"src/{number}.py" for number in range(3000)]
    scene.comment(scene.finish(EVEN))
    assert "GitHub lists 3,000 files; there may be more" in scene.bodies[0]


def test_a_project_in_a_folder_has_its_settings_and_baselines_there(scene: Scene) -> None:
    scene.github.state.changed[7] = ["baselines/other.json", "services/api/baselines/x/api.json"]
    scene.github.state.files[BASE, "services/api/pyproject.toml"] = (
        b'[tool.perfgate]\nthreshold = "90%"\n'
    )
    scene.comment(scene.finish(SLOWER), replace(OPTIONS, folder="services/api"))
    (body,) = scene.bodies
    assert "✅" in body.splitlines()[1]
    assert "services/api/baselines/x/api.json" in body
    assert "baselines/other.json" not in body


def test_settings_of_the_base_branch_that_cannot_be_read_are_named(scene: Scene) -> None:
    settings(scene, '[tool.perfgate]\nthreshhold = "5%"\n')
    with pytest.raises(ConfigError, match=r"bbbbbbbbbb.pyproject.toml: tool.perfgate.threshhold"):
        scene.comment(scene.finish(SLOWER))


def test_an_expired_waiver_of_the_base_branch_is_named(scene: Scene) -> None:
    waiver = 'benchmark = "x"\nmax_slowdown = "9%"\nreason = "r"\nexpires = 2025-01-01\n'
    settings(scene, f"[[tool.perfgate.waivers]]\n{waiver}")
    with pytest.raises(ConfigError, match="expired"):
        scene.comment(scene.finish(SLOWER))


@pytest.mark.parametrize(
    "options",
    [
        replace(OPTIONS, id="A"),
        replace(OPTIONS, id="a--b"),
        replace(OPTIONS, id=""),
        replace(OPTIONS, folder="../x"),
        replace(OPTIONS, folder="/etc"),
    ],
)
def test_options_that_make_no_sense_are_refused(scene: Scene, options: CommentOptions) -> None:
    with pytest.raises(UsageError):
        scene.comment(scene.finish(SLOWER), options)
