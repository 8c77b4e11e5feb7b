"""The workflows that may write, woken by every kind of run, with the real perfgate and a GitHub."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perfgate.commands.merge import merge_reports
from perfgate.commands.workflows import render_workflows
from tests.fake_github.description import merged
from tests.fake_github.scenes import Scene, event_of, payload, report_of, zipped
from tests.fake_github.state import BASE, FORK_ID, HEAD, HOME_ID
from tests.git_repository import GitRepository
from tests.workflows import events
from tests.workflows.conftest import Shop
from tests.workflows.files import ACCEPT, COMMENT, GATE, KINDS
from tests.workflows.language import Language
from tests.workflows.runner import Event, Job, Runner

pytestmark = pytest.mark.workflows

# What GitHub wants for what perfgate asks (docs.github.com, "Permissions required for GitHub
# Apps"), in the words of its header.
NEEDS = {
    ("actions", "read"): r"GET .*/actions/",
    ("contents", "read"): r"GET .*/(contents|git|compare)/",
    ("pull-requests", "read"): r"GET .*/(pulls|issues)\b",
    ("pull-requests", "write"): r"(POST|PATCH|DELETE) .*/issues/",
    ("statuses", "read"): r"GET .*/statuses",
    ("statuses", "write"): r"POST .*/statuses/",
}


def refusals(permissions: Mapping[str, str]) -> dict[str, str]:
    """Return which requests a token with these permissions is refused."""
    return {
        pattern: f"{name.replace('-', '_')}={level}"
        for (name, level), pattern in NEEDS.items()
        if permissions.get(name) not in {level, "write"}
    }


@pytest.fixture(params=["ours", "simple"])
def workflow(request: pytest.FixtureRequest, language: Language) -> Any:
    """Return the comment's workflow, of this repository and as others get it."""
    return language.parse(COMMENT, render_workflows(KINDS[request.param])[COMMENT])


def runner_for(language: Language, scene: Scene, folder: Path, permissions: Any) -> Runner:
    scene.github.missing = refusals(permissions)
    return Runner(
        language=language,
        folder=folder,
        origin=GitRepository(path=folder / "nobody" / "checks" / "out"),
        environ={
            "GITHUB_API_URL": scene.github.url,
            "GITHUB_SERVER_URL": "https://github.example",
        },
    )


def woken_by(run: Mapping[str, Any]) -> Event:
    """Return the event of an ended run; its own SHA is the tip of the default branch."""
    event = merged(event_of(dict(run)), {"workflow_run": {"name": "perfgate"}})
    return Event(name="workflow_run", payload=event, ref="refs/heads/main", sha=BASE)


def commented(
    language: Language, workflow: Any, scene: Scene, folder: Path, run: Mapping[str, Any]
) -> Job:
    """Run the workflow for an ended run, with the permissions that it asks for."""
    permissions = workflow["jobs"]["comment"]["permissions"]
    runner = runner_for(language, scene, folder, permissions)
    return runner.run(workflow, woken_by(run)).jobs["comment"]


def ended(scene: Scene, *percents: float, number: int = 45, **fields: Any) -> Any:
    run = scene.github.state.add_run(number, **fields)
    scene.github.state.add_artifact(run, zipped(report_of(*percents)))
    return run


# --- runs of pull requests ---------------------------------------------------------------------


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_workflow_run_of_a_pull_request_gets_its_comment(
    language: Language, workflow: Any, scene: Scene, folder: Path, conclusion: str
) -> None:
    percents = (0.0, 0.0) if conclusion == "success" else (40.0, 0.0)
    job = commented(
        language, workflow, scene, folder, ended(scene, *percents, conclusion=conclusion)
    )
    assert job.result == "success", job.log
    (body,) = scene.bodies
    assert ("✅" in body.splitlines()[1]) == (conclusion == "success")
    assert job.installed[0] == "install"
    assert job.concurrency["group"] == f"perfgate-comment-{HOME_ID}-feature"


def test_fork_gets_its_comment_marked_as_its_own_figures(
    language: Language, workflow: Any, scene: Scene, folder: Path
) -> None:
    fork = ("mallory/shop", FORK_ID)
    scene.github.state.add_pull(source=fork)
    job = commented(language, workflow, scene, folder, ended(scene, 40.0, source=fork))
    assert job.result == "success", job.log
    (body,) = scene.bodies
    assert "fork" in body


def test_head_repository_deleted_is_matched_by_its_commit(
    language: Language, workflow: Any, scene: Scene, folder: Path
) -> None:
    scene.github.state.add_pull(source=None)
    job = commented(language, workflow, scene, folder, ended(scene, 40.0, source=None))
    assert job.result == "success", job.log
    assert len(scene.bodies) == 1


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"conclusion": "cancelled"}, id="cancelled"),
        pytest.param({"conclusion": "skipped"}, id="skipped"),
        pytest.param({"conclusion": "timed_out"}, id="timed-out"),
        pytest.param({"conclusion": "action_required"}, id="fork-awaiting-approval"),
        pytest.param({"conclusion": "startup_failure"}, id="startup-failure"),
        pytest.param({"event": "push"}, id="born-of-push"),
        pytest.param({"event": "merge_group"}, id="born-of-merge-group"),
        pytest.param({"event": "workflow_dispatch"}, id="born-of-workflow-dispatch"),
        pytest.param({"event": "schedule"}, id="born-of-schedule"),
    ],
)
def test_workflow_run_without_a_verdict_for_a_pull_request_is_skipped(
    language: Language, workflow: Any, scene: Scene, folder: Path, fields: dict[str, Any]
) -> None:
    job = commented(language, workflow, scene, folder, ended(scene, 40.0, **fields))
    assert job.result == "skipped"
    assert scene.github.asked == []


def test_re_run_replaces_the_comment_and_an_older_attempt_does_not(
    language: Language, workflow: Any, scene: Scene, folder: Path
) -> None:
    first = ended(scene, 40.0)
    assert "commented" in commented(language, workflow, scene, folder, first).log
    second = ended(scene, 0.0, attempt=2, conclusion="success")
    assert "up to date" in commented(language, workflow, scene, folder, second).log
    again = commented(language, workflow, scene, folder, first)
    assert again.result == "success"
    (body,) = scene.bodies
    assert "✅" in body.splitlines()[1]


def test_new_push_while_running_leaves_the_old_result_unwritten(
    language: Language, workflow: Any, scene: Scene, folder: Path
) -> None:
    run = ended(scene, 40.0)
    scene.github.state.add_pull(head="c" * 40)
    job = commented(language, workflow, scene, folder, run)
    assert job.result == "success"
    assert "::notice " in job.log
    assert scene.bodies == []


def test_a_run_that_left_no_artifact_is_a_notice(
    language: Language, workflow: Any, scene: Scene, folder: Path
) -> None:
    job = commented(language, workflow, scene, folder, scene.github.state.add_run())
    assert job.result == "success"
    assert "nothing to comment on" in job.log
    assert scene.bodies == []


def test_a_workflow_that_only_has_the_name_of_the_gate_is_a_notice(
    language: Language, workflow: Any, scene: Scene, folder: Path
) -> None:
    run = ended(scene, 40.0, path=".github/workflows/mine.yml")
    job = commented(language, workflow, scene, folder, run)
    assert job.result == "success"
    assert "not of .github/workflows/perfgate.yml" in job.log
    assert scene.bodies == []


def test_threat_15_a_branch_named_as_a_script_is_never_run(
    language: Language, workflow: Any, scene: Scene, folder: Path
) -> None:
    branch = 'zzz";echo${IFS}PWNED>&2;#$(echo${IFS}PWNED)'
    scene.github.state.add_pull(branch=branch)
    job = commented(language, workflow, scene, folder, ended(scene, 40.0, branch=branch))
    assert job.result == "success", job.log
    assert "PWNED" not in re.sub(re.escape(branch), "", job.log)
    assert len(scene.bodies) == 1


@pytest.mark.parametrize("name", ["actions", "contents", "pull-requests"])
def test_a_token_that_lacks_a_permission_is_a_notice_that_names_it(
    language: Language, workflow: Any, scene: Scene, folder: Path, name: str
) -> None:
    permissions = dict(workflow["jobs"]["comment"]["permissions"])
    level = permissions.pop(name)
    if level == "write":
        permissions[name] = "read"
    runner = runner_for(language, scene, folder, permissions)
    job = runner.run(workflow, woken_by(ended(scene, 40.0))).jobs["comment"]
    assert job.result == "success"
    assert f"{name}: {level}" in job.log
    assert "::notice " in job.log
    assert scene.bodies == []


# --- from the check to the comment -------------------------------------------------------------


def test_a_failing_check_of_a_real_pull_request_becomes_one_comment(
    language: Language, scene: Scene, folder: Path, shop: Shop
) -> None:
    texts = render_workflows(KINDS["simple"])
    gate = Runner(language=language, folder=folder, origin=shop.repository)
    measured = gate.run(language.parse(GATE, texts[GATE]), events.pull_request(shop, "slower"))
    state = scene.github.state
    state.branches["main"] = shop.base
    state.files[shop.base, "pyproject.toml"] = shop.repository.git(
        "show", f"{shop.base}:pyproject.toml"
    ).encode()
    state.add_pull(head=shop.heads["slower"])
    run = state.add_run(head=shop.heads["slower"], conclusion=measured.conclusion)
    state.add_artifact(run, measured.artifacts["perfgate-report"])
    job = commented(language, language.parse(COMMENT, texts[COMMENT]), scene, folder, run)
    assert job.result == "success", job.log
    (body,) = scene.bodies
    assert "regressed" in body.splitlines()[1]
    assert "test_total" in body


def test_a_matrix_of_two_pythons_gets_one_comment(
    language: Language, workflow: Any, scene: Scene, folder: Path
) -> None:
    legs = []
    for python, percent in (("3.12.4", 40.0), ("3.13.1", 0.0)):
        report = report_of(percent)
        environment = msgspec.structs.replace(report.results.environment, python=python)
        results = msgspec.structs.replace(report.results, environment=environment)
        legs.append((python, msgspec.structs.replace(report, results=results)))
    run = scene.github.state.add_run()
    scene.github.state.add_artifact(run, zipped(merge_reports(legs)))
    job = commented(language, workflow, scene, folder, run)
    assert job.result == "success", job.log
    (body,) = scene.bodies
    assert "1 of 2 benchmarks regressed" in body
    assert "cpython-3.13" in body


# --- acceptance --------------------------------------------------------------------------------


def written(body: str, name: str = "issue_comment-pull_request") -> Event:
    event = payload(
        name,
        issue={"number": 7},
        comment={"body": body, "user": {"login": "ada"}},
        sender={"login": "ada"},
    )
    return Event(name="issue_comment", payload=event, ref="refs/heads/main", sha=BASE)


@pytest.fixture
def accepting(language: Language) -> Any:
    return language.parse(ACCEPT, render_workflows(KINDS["ours"])[ACCEPT])


def test_an_approval_is_recorded_with_no_more_than_the_permissions_of_its_job(
    language: Language, accepting: Any, scene: Scene, folder: Path
) -> None:
    scene.github.state.people["ada"] = "write"
    permissions = accepting["jobs"]["accept"]["permissions"]
    runner = runner_for(language, scene, folder, permissions)
    event = written(f"/perfgate accept {HEAD} the cache is gone; $(echo PWNED)")
    job = runner.run(accepting, event).jobs["accept"]
    assert job.result == "success", job.log
    assert f"{HEAD[:10]} is accepted by ada" in job.log
    assert len(scene.github.state.statuses) == 1


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(written("looks good"), id="talk"),
        pytest.param(written(f"please /perfgate accept {HEAD} x"), id="in-a-sentence"),
        pytest.param(
            written(f"/perfgate accept {HEAD} x", "issue_comment-issue"), id="on-an-issue"
        ),
    ],
)
def test_other_comments_start_nothing(
    language: Language, accepting: Any, scene: Scene, folder: Path, event: Event
) -> None:
    runner = runner_for(language, scene, folder, {})
    assert runner.run(accepting, event).jobs["accept"].result == "skipped"
    assert scene.github.asked == []
