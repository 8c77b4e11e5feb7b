"""``/perfgate accept SHA REASON``: who may, for which commit, and what is written down."""

from typing import Any

import pytest

from perfgate.commands.accept_comment import accept_comment
from perfgate.errors import MissingPermissionError, NothingToDoError, UsageError
from perfgate.github.acceptance import CONTEXT, parse_command
from tests.fake_github.fixtures import github, scene
from tests.fake_github.scenes import Scene, payload
from tests.fake_github.server import refusal
from tests.fake_github.state import HEAD

__all__ = ["github", "scene"]

COMMAND = f"/perfgate accept {HEAD} the new parser is worth it"


def event(body: str = COMMAND, login: str = "ada", **fields: Any) -> Any:
    known = {
        "issue": {"number": 7},
        "comment": {"body": body, "user": {"login": login}, "html_url": "https://github.com/c"},
        "sender": {"login": login},
    }
    return payload("issue_comment-pull_request", **{**known, **fields})


def accept(scene: Scene, given: Any, **environ: str) -> str:
    settings = scene.environ(given, "issue_comment", **environ)
    return scene.asked(settings, lambda place: accept_comment(settings, place.repository))


def statuses(scene: Scene) -> list[tuple[str, str, str]]:
    kept = scene.github.state.statuses
    return [
        (sha, one["state"], one["description"]) for sha, one in kept if one["context"] == CONTEXT
    ]


@pytest.mark.parametrize("permission", ["admin", "write"])
def test_who_may_write_accepts_for_the_head_and_nothing_else(scene: Scene, permission: str) -> None:
    scene.github.state.people["ada"] = permission
    assert accept(scene, event()) == f"#7: {HEAD[:10]} is accepted by ada"
    assert statuses(scene) == [(HEAD, "success", "ada: the new parser is worth it")]
    assert len(scene.github.lines("^(POST|PATCH|DELETE)")) == 1


@pytest.mark.parametrize("permission", ["read", "none", None])
def test_who_may_only_read_cannot_accept(scene: Scene, permission: str | None) -> None:
    if permission is not None:
        scene.github.state.people["ada"] = permission
    with pytest.raises(NothingToDoError, match="accepting takes write access"):
        accept(scene, event())
    assert statuses(scene) == []


def test_what_github_calls_the_author_says_nothing_about_permission(scene: Scene) -> None:
    scene.github.state.people["ada"] = "read"
    comment = {"body": COMMAND, "user": {"login": "ada"}, "author_association": "OWNER"}
    with pytest.raises(NothingToDoError, match="ada may read here"):
        accept(scene, event(comment=comment))


def test_threat_25_a_push_voids_what_was_accepted(scene: Scene) -> None:
    scene.github.state.people["ada"] = "write"
    scene.github.state.add_pull(head="c" * 40)
    with pytest.raises(NothingToDoError, match="is not the head"):
        accept(scene, event())
    assert statuses(scene) == []


def test_a_closed_pull_request_is_not_accepted(scene: Scene) -> None:
    scene.github.state.people["ada"] = "write"
    scene.github.state.pulls[7]["state"] = "closed"
    with pytest.raises(NothingToDoError, match="is not the head of an open pull request"):
        accept(scene, event())


def test_the_same_command_twice_is_written_down_once(scene: Scene) -> None:
    scene.github.state.people["ada"] = "write"
    accept(scene, event())
    assert accept(scene, event()).endswith("is accepted already")
    assert len(statuses(scene)) == 1


def test_a_reason_that_is_too_long_or_not_printable_is_made_to_fit(scene: Scene) -> None:
    scene.github.state.people["ada"] = "write"
    accept(scene, event(f"/perfgate accept {HEAD} a\x1b[31m\u202e {'b' * 200}"))
    ((_, _, description),) = statuses(scene)
    assert len(description) == 140
    assert description.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("thanks!", id="no-command"),
        pytest.param("/perfgateaccept", id="another-word"),
        pytest.param(f"> {COMMAND}", id="quoted"),
        pytest.param(f"well\n{COMMAND}", id="second-line"),
        pytest.param("/perfgate accept", id="nothing-said"),
        pytest.param(f"/perfgate accept {HEAD}", id="no-reason"),
        pytest.param(f"/perfgate accept {HEAD[:10]} short", id="short-sha"),
        pytest.param(f"/perfgate accept {HEAD.upper()} loud", id="capitals"),
        pytest.param("/perfgate accept main why not", id="branch"),
    ],
)
def test_anything_but_the_whole_command_is_left_alone(scene: Scene, body: str) -> None:
    with pytest.raises(NothingToDoError):
        accept(scene, event(body))
    assert scene.github.asked == []


def test_a_command_ends_with_its_line() -> None:
    found = parse_command(f"{COMMAND}  \r\nand more words")
    assert (found.sha, found.reason) == (HEAD, "the new parser is worth it")


@pytest.mark.parametrize("name", ["issue_comment-issue", "issue_comment-edited"])
def test_a_comment_on_an_issue_or_an_edited_one_is_left_alone(scene: Scene, name: str) -> None:
    with pytest.raises(NothingToDoError):
        accept(scene, payload(name))
    assert scene.github.asked == []


def test_a_comment_that_somebody_else_sent_is_left_alone(scene: Scene) -> None:
    scene.github.state.people |= {"ada": "write", "mallory": "write"}
    with pytest.raises(NothingToDoError, match="not by the one who sent it"):
        accept(scene, event(sender={"login": "mallory"}))


def test_a_token_without_statuses_is_told_so(scene: Scene) -> None:
    scene.github.state.people["ada"] = "write"
    scene.github.missing["^POST"] = "statuses=write"
    with pytest.raises(MissingPermissionError, match="statuses: write"):
        accept(scene, event())


def test_a_rate_limit_is_waited_for_with_the_status(scene: Scene) -> None:
    scene.github.state.people["ada"] = "write"
    scene.github.fail("^POST", refusal(429, "slow down", retry_after="9"))
    accept(scene, event())
    assert scene.clock.slept_s == [9.0]
    assert len(statuses(scene)) == 1


def test_pull_request_target_is_refused(scene: Scene) -> None:
    with pytest.raises(UsageError, match="pull_request_target"):
        accept(scene, event(), GITHUB_EVENT_NAME="pull_request_target")
