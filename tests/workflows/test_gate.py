"""The gate's workflow on every event, with the real perfgate measuring."""

import io
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perfgate.commands.workflows import render_workflows
from perfgate.history.runs import decode_runs
from perfgate.model import Report, Verdict
from perfgate.report.document import decode_report
from tests.fake_github.description import merged
from tests.git_repository import GitRepository
from tests.workflows import events
from tests.workflows.conftest import Shop
from tests.workflows.files import GATE, KINDS, ROOT
from tests.workflows.language import Language
from tests.workflows.runner import Event, Run, Runner

pytestmark = pytest.mark.workflows


@pytest.fixture(scope="session")
def simple(language: Language) -> Any:
    return language.parse(GATE, render_workflows(KINDS["simple"])[GATE])


@pytest.fixture(scope="session")
def sharded(language: Language) -> Any:
    """Return the matrix with a suite in each leg: there is but one Python here."""
    text = render_workflows(KINDS["matrix"])[GATE]
    for old, new in {
        'python: ["3.12", "3.13"]': 'python: ["shop", "text"]',
        "perfgate check --report": 'perfgate check "$LEG" --report',
    }.items():
        assert old in text
        text = text.replace(old, new)
    return language.parse(GATE, text)


@pytest.fixture
def runner(language: Language, shop: Shop, folder: Path) -> Runner:
    return Runner(language=language, folder=folder, origin=shop.repository)


def report_in(run: Run, name: str = "perfgate-report") -> Report:
    with zipfile.ZipFile(io.BytesIO(run.artifacts[name])) as opened:
        (member,) = opened.namelist()
        return decode_report(opened.read(member), member)


def verdicts(run: Run) -> list[Verdict]:
    return [one.verdict for one in report_in(run).judgements]


# --- pull requests -----------------------------------------------------------------------------

FORK = {"pull_request": {"head": {"repo": {"id": 2000, "full_name": "mallory/shop", "fork": True}}}}
GONE = {"pull_request": {"head": {"repo": None, "user": None}}}
DEPENDABOT = {"sender": {"login": "dependabot[bot]", "type": "Bot"}}


@pytest.mark.parametrize(
    ("branch", "status", "expected"),
    [
        pytest.param("equal", 0, [Verdict.PASSED, Verdict.PASSED], id="passed"),
        pytest.param("slower", 1, [Verdict.REGRESSED, Verdict.PASSED], id="regressed"),
        pytest.param("misspelt", 2, None, id="usage"),
        pytest.param("unapproved", 3, [Verdict.NEW, Verdict.NEW], id="no-baseline"),
    ],
)
def test_pull_request_of_this_repository_the_exit_status_is_the_gate(
    runner: Runner, simple: Any, shop: Shop, branch: str, status: int, expected: Any
) -> None:
    run = runner.run(simple, events.pull_request(shop, branch))
    gate = run.jobs["gate"]
    assert (gate.result, gate.steps[3].status) == ("failure" if status else "success", status)
    assert run.jobs["record"].result == "skipped"
    assert gate.installed == ("install", "-e", ".", "perfgate==0.1.0")
    if expected is None:
        assert run.artifacts == {}
        return
    assert verdicts(run) == expected
    report = report_in(run)
    assert report.exit_status == status
    assert report.results.revision.commit == shop.merges[branch]
    assert report.base is not None
    assert report.base.commit == shop.base  # the first parent of the merge commit
    assert "test_total" in gate.summary
    assert ("::error " in gate.log) == (status == 1)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(FORK, id="fork"),
        pytest.param(DEPENDABOT, id="dependabot"),
        pytest.param(GONE, id="head-repository-deleted"),
    ],
)
def test_pull_request_from_elsewhere_is_measured_alike(
    runner: Runner, simple: Any, shop: Shop, changes: dict[str, Any]
) -> None:
    run = runner.run(simple, events.pull_request(shop, "equal", **changes))
    assert run.jobs["gate"].result == "success", run.jobs["gate"].log
    assert verdicts(run) == [Verdict.PASSED, Verdict.PASSED]
    assert run.jobs["record"].result == "skipped"


def test_re_run_is_the_same_in_the_same_group(runner: Runner, simple: Any, shop: Shop) -> None:
    again = events.pull_request(shop, "equal", attempt=2)
    run = runner.run(simple, again)
    assert run.conclusion == "success"
    assert run.concurrency == {"group": "perfgate-7", "cancel-in-progress": True}


@pytest.mark.parametrize("kind", KINDS)
def test_new_push_while_running_cancels_only_runs_of_the_same_pull_request(
    language: Language, shop: Shop, runner: Runner, kind: str
) -> None:
    workflow = language.parse(GATE, render_workflows(KINDS[kind])[GATE])
    found = [
        runner.concurrency(workflow, event)
        for event in (
            events.pull_request(shop, "equal"),
            events.pull_request(shop, "slower"),
            events.push(shop, "equal"),
            events.merge_group(shop, "equal"),
        )
    ]
    assert found[0] == found[1] == {"group": "perfgate-7", "cancel-in-progress": True}
    # A group of their own, since a group holds but one that waits: no commit of main is lost.
    assert found[2:] == [{"group": "perfgate-12", "cancel-in-progress": False}] * 2


# --- other events ------------------------------------------------------------------------------


def test_merge_group_is_judged_against_its_base_and_recorded_nowhere(
    runner: Runner, simple: Any, shop: Shop
) -> None:
    run = runner.run(simple, events.merge_group(shop, "equal"))
    assert run.jobs["gate"].steps[3].status == 0
    base = report_in(run).base
    assert base is not None
    assert base.commit == shop.base
    assert run.jobs["record"].result == "skipped"


@pytest.mark.parametrize(
    ("kind", "branch", "result"),
    [
        pytest.param("simple", "equal", "success", id="passed"),
        pytest.param("simple", "slower", "failure", id="regressed"),
        pytest.param("sharded", "equal", "success", id="matrix"),
    ],
)
def test_push_to_the_default_branch_is_recorded_by_a_job_without_a_checkout(
    request: pytest.FixtureRequest,
    shop: Shop,
    runner: Runner,
    kind: str,
    branch: str,
    result: str,
) -> None:
    run = runner.run(request.getfixturevalue(kind), events.push(shop, branch))
    assert run.jobs["gate"].result == result, run.jobs["gate"].log
    record = run.jobs["record"]
    assert record.result == "success", record.log
    assert record.installed == ("install", "perfgate==0.1.0")
    assert "recorded on perfgate-data: " in record.log
    assert shop.merges[branch] in recorded(shop.repository)


def recorded(origin: GitRepository) -> set[str]:
    """Return the commits on the branch that collects runs."""
    names = origin.git("ls-tree", "-r", "--name-only", "perfgate-data").splitlines()
    text = "".join(f"{origin.git('show', f'perfgate-data:{name}')}\n" for name in names)
    runs, damaged = decode_runs(text.encode(), "runs")
    assert damaged == ()
    return {run.revision.commit for run in runs}


def test_workflow_dispatch_is_judged_and_not_recorded(
    runner: Runner, simple: Any, shop: Shop
) -> None:
    run = runner.run(simple, events.workflow_dispatch(shop, "equal"))
    assert run.jobs["gate"].steps[3].status == 0
    assert run.jobs["record"].result == "skipped"


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(lambda shop: events.push(shop, "equal", to="equal"), id="push-elsewhere"),
        pytest.param(
            lambda shop: Event(name="schedule", payload={}, ref="refs/heads/main", sha=shop.base),
            id="schedule",
        ),
        pytest.param(
            lambda shop: events.pull_request(shop, "equal", action="labeled"), id="label"
        ),
    ],
)  # fmt: skip
def test_not_triggered(
    runner: Runner, simple: Any, shop: Shop, event: Callable[[Shop], Event]
) -> None:
    assert not runner.is_started(simple, event(shop))


def test_pull_request_target_is_refused_by_the_command_line(
    runner: Runner, simple: Any, shop: Shop
) -> None:
    edited = merged(simple, {"on": {"pull_request_target": None}})
    wanted = events.pull_request(shop, "equal")
    event = Event(
        name="pull_request_target",
        payload=wanted.payload,
        ref="refs/heads/main",
        sha=shop.base,
        base_ref="main",
    )
    gate = runner.run(edited, event).jobs["gate"]
    assert gate.steps[3].status == 2
    assert "pull_request_target runs other people's code" in gate.log


# --- the action --------------------------------------------------------------------------------


def test_the_action_is_the_same_gate(language: Language, shop: Shop, folder: Path) -> None:
    steps = (ROOT / "action.yml").read_text().partition("  steps:\n")[2].partition("branding:")[0]
    checkout = render_workflows(KINDS["simple"])[GATE].partition("    steps:\n")[2]
    text = f"""
on:
  pull_request:
jobs:
  gate:
    runs-on: ubuntu-24.04
    steps:
{textwrap.indent(textwrap.dedent(checkout.partition("      - uses: actions/setup")[0]), "    ")}
{steps}
"""
    runner = Runner(
        language=language,
        folder=folder,
        origin=shop.repository,
        environ={"GITHUB_ACTION_PATH": "/actions/perfgate"},
        inputs={"project": "."},
    )
    run = runner.run(language.parse(GATE, text), events.pull_request(shop, "equal"))
    gate = run.jobs["gate"]
    assert gate.result == "success", gate.log
    assert gate.installed == ("install", "/actions/perfgate")
    assert verdicts(run) == [Verdict.PASSED, Verdict.PASSED]


# --- matrix ------------------------------------------------------------------------------------


def test_a_matrix_ends_in_one_check_and_one_report(
    runner: Runner, sharded: Any, shop: Shop
) -> None:
    run = runner.run(sharded, events.pull_request(shop, "slower"))
    results = {name: job.result for name, job in run.jobs.items()}
    assert results == {
        "measure (shop)": "failure",
        "measure (text)": "success",
        "gate": "failure",
        "record": "skipped",
    }
    assert verdicts(run) == [Verdict.REGRESSED, Verdict.PASSED]
    assert run.jobs["gate"].installed == ("install", "perfgate==0.1.0")
    assert "test_join" in run.jobs["gate"].summary


def test_a_leg_that_left_no_report_fails_the_one_check(
    runner: Runner, sharded: Any, shop: Shop
) -> None:
    run = runner.run(sharded, events.pull_request(shop, "misspelt"))
    assert run.jobs["measure (shop)"].result == "failure"
    assert run.jobs["gate"].result == "failure"
    assert run.artifacts == {}


def test_a_leg_that_broke_after_its_report_fails_the_one_check(
    runner: Runner, sharded: Any, shop: Shop
) -> None:
    measure = sharded["jobs"]["measure"]
    steps = [*measure["steps"], {"run": "exit 9", "if": {"$": "success()"}}]
    broken = merged(sharded, {"jobs": {"measure": {"steps": steps}}})
    run = runner.run(broken, events.pull_request(shop, "equal"))
    assert verdicts(run) == [Verdict.PASSED, Verdict.PASSED]
    assert run.jobs["gate"].result == "failure"
