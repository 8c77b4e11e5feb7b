"""What each operation answers, from the state."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from tests.fake_github.description import Operation, example, loaded
from tests.fake_github.state import DATE, State, user

LONGEST_COMMENT = 65_536
LARGEST_CONTENT_BYTES = 1_000_000
Answer = tuple[int, Any]


def answer_to(state: State, found: Operation, query: dict[str, str], body: bytes) -> Answer:
    route = _ROUTES[found.method, found.path.removeprefix("/repos/{owner}/{repo}")]
    return route(state, found.values, {**query, **(loaded(body) or {})})


def _not_found() -> Answer:
    return 404, example("basic-error", message="Not Found")


def _pulls(state: State, _: dict[str, str], given: dict[str, str]) -> Answer:
    owner, branch = given["head"].split(":", 1)
    found = [
        one
        for one in state.pulls.values()
        if one["state"] == given.get("state", "open")
        and one["head"]["ref"] == branch
        and one["head"]["repo"]
        and one["head"]["repo"]["owner"]["login"] == owner
    ]
    return 200, [_simple(one) for one in found]


def _simple(pull: dict[str, Any]) -> Any:
    ends = {name: pull[name] for name in ("head", "base")}
    return example("pull-request-simple", number=pull["number"], state=pull["state"], **ends)


def _pull(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    pull = state.pulls.get(int(values["pull_number"]))
    return (200, pull) if pull else _not_found()


def _pulls_with(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    sha = values["commit_sha"]
    return 200, [_simple(one) for one in state.pulls.values() if one["head"]["sha"] == sha]


def _files(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    paths = state.changed[int(values["pull_number"])]
    return 200, [example("diff-entry", filename=path, status="modified") for path in paths]


def _runs(state: State, values: dict[str, str], given: dict[str, str]) -> Answer:
    found = [
        one
        for one in state.runs.values()
        if one["workflow_id"] == int(values["workflow_id"])
        and one["head_sha"] == given["head_sha"]
        and one["event"] == given["event"]
        and one["status"] == given["status"]
    ]
    return 200, {"total_count": len(found), "workflow_runs": found}


def _artifacts(state: State, values: dict[str, str], given: dict[str, str]) -> Answer:
    run = int(values["run_id"])
    every = [one for one, _ in state.artifacts.values()]
    found = [
        one for one in every if one["workflow_run"]["id"] == run and one["name"] == given["name"]
    ]
    return 200, {"total_count": len(found), "artifacts": found}


def _zip(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    is_there = int(values["artifact_id"]) in state.artifacts
    return (302, None) if is_there else _not_found()


def _ref(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    branch = values["ref"].removeprefix("heads/")
    if branch not in state.branches:
        return _not_found()
    target = {"sha": state.branches[branch], "type": "commit"}
    return 200, example("git-ref", ref=f"refs/heads/{branch}", object=target)


def _content(state: State, values: dict[str, str], given: dict[str, str]) -> Answer:
    content = state.files.get((given["ref"], values["path"]))
    if content is None:
        return _not_found()
    is_small = len(content) <= LARGEST_CONTENT_BYTES
    return 200, example(
        "content-file",
        type="file",
        encoding="base64" if is_small else "none",
        size=len(content),
        content=base64.encodebytes(content).decode() if is_small else "",
        path=values["path"],
        sha=_sha(content),
    )


def _blob(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    sha = values["file_sha"]
    found = next((one for one in state.files.values() if _sha(one) == sha), None)
    if found is None:
        return _not_found()
    content = base64.encodebytes(found).decode()
    return 200, example("blob", sha=sha, size=len(found), encoding="base64", content=content)


def _sha(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _compare(_: State, values: dict[str, str], given: dict[str, str]) -> Answer:
    assert given["per_page"] == "1", "of its files nothing is wanted"
    base = values["basehead"].split("...")[0]
    commit = example("commit", sha=base)
    comparison = example("commit-comparison", base_commit=commit, merge_base_commit=commit)
    return 200, comparison


def _comments(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    return 200, state.comments_of(int(values["issue_number"]))


def _new_comment(state: State, values: dict[str, str], given: dict[str, str]) -> Answer:
    if len(given["body"]) > LONGEST_COMMENT:
        return _too_long()
    return 201, state.add_comment(int(values["issue_number"]), given["body"], state.writer)


def _changed_comment(state: State, values: dict[str, str], given: dict[str, str]) -> Answer:
    comment = state.comments.get(int(values["comment_id"]))
    if comment is None:
        return _not_found()
    if len(given["body"]) > LONGEST_COMMENT:
        return _too_long()
    comment["body"] = given["body"]
    return 200, comment


def _no_comment(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    removed = state.comments.pop(int(values["comment_id"]), None)
    return (204, None) if removed else _not_found()


def _too_long() -> Answer:
    message = f"Body is too long (maximum is {LONGEST_COMMENT} characters)"
    error = {"resource": "IssueComment", "code": "unprocessable", "field": "data"}
    return 422, example(
        "validation-error",
        message="Validation Failed",
        errors=[{**error, "message": message}],
    )


def _permission(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    login = values["username"]
    if login not in state.people:
        return _not_found()
    permission = state.people[login]
    return 200, example(
        "repository-collaborator-permission", permission=permission, role_name=permission
    )


def _statuses(state: State, values: dict[str, str], _: dict[str, str]) -> Answer:
    sha = values["ref"]
    return 200, [status for commit, status in reversed(state.statuses) if commit == sha]


def _new_status(state: State, values: dict[str, str], given: dict[str, str]) -> Answer:
    fields = {"creator": user(state.writer), "created_at": DATE, "updated_at": DATE}
    status = example("status", id=state.next_id(), **fields, **given)
    state.statuses.append((values["sha"], status))
    return 201, status


_ROUTES: dict[tuple[str, str], Callable[[State, dict[str, str], dict[str, str]], Answer]] = {
    ("get", "/actions/artifacts/{artifact_id}/{archive_format}"): _zip,
    ("get", "/actions/runs/{run_id}/artifacts"): _artifacts,
    ("get", "/actions/workflows/{workflow_id}/runs"): _runs,
    ("get", "/collaborators/{username}/permission"): _permission,
    ("get", "/commits/{commit_sha}/pulls"): _pulls_with,
    ("get", "/commits/{ref}/statuses"): _statuses,
    ("get", "/compare/{basehead}"): _compare,
    ("get", "/contents/{path}"): _content,
    ("get", "/git/blobs/{file_sha}"): _blob,
    ("get", "/git/ref/{ref}"): _ref,
    ("patch", "/issues/comments/{comment_id}"): _changed_comment,
    ("delete", "/issues/comments/{comment_id}"): _no_comment,
    ("get", "/issues/{issue_number}/comments"): _comments,
    ("post", "/issues/{issue_number}/comments"): _new_comment,
    ("get", "/pulls"): _pulls,
    ("get", "/pulls/{pull_number}"): _pull,
    ("get", "/pulls/{pull_number}/files"): _files,
    ("post", "/statuses/{sha}"): _new_status,
}
