"""The files themselves, before anything runs: GitHub's language, schemas, an audit, the shell."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from perfgate.commands.workflows import render_workflows
from tests.workflows.files import ACCEPT, COMMENT, GATE, KINDS, ROOT
from tests.workflows.language import Language

pytestmark = pytest.mark.workflows
ACTION = "action.yml"
TEXTS = {
    f"{kind}:{name}": text
    for kind, wanted in KINDS.items()
    for name, text in render_workflows(wanted).items()
} | {"ours:.github/workflows/ci.yml": (ROOT / ".github/workflows/ci.yml").read_text()}
EVERY = pytest.mark.parametrize("name", TEXTS)


def tool(name: str, *arguments: str | Path) -> tuple[int, str]:
    """Run a program that was installed beside this Python."""
    done = subprocess.run(
        [Path(sys.executable).with_name(name), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def parsed(language: Language, name: str) -> Any:
    return language.parse(name.partition(":")[2], TEXTS[name])


def jobs_of(language: Language, name: str) -> Mapping[str, Any]:
    jobs: Mapping[str, Any] = parsed(language, name)["jobs"]
    return jobs


# --- tools -------------------------------------------------------------------------------------


@EVERY
def test_github_understands_every_key_and_every_expression(language: Language, name: str) -> None:
    assert language.problems(name.partition(":")[2], TEXTS[name]) == []


def test_github_understands_the_action(language: Language) -> None:
    assert language.problems(ACTION, (ROOT / ACTION).read_text()) == []


def test_github_would_tell_a_misspelt_expression(language: Language) -> None:
    text = TEXTS[f"simple:{GATE}"].replace("github.event_name", "github.evnt_name")
    assert any("evnt_name" in problem for problem in language.problems(GATE, text))


def test_the_files_are_as_the_vendored_schemas_want_them(tmp_path: Path) -> None:
    files = []
    for number, text in enumerate(TEXTS.values()):
        files.append(tmp_path / f"{number}.yml")
        files[-1].write_text(text)
    for schema, checked in (("workflows", files), ("actions", [ROOT / ACTION])):
        found = tool("check-jsonschema", "--builtin-schema", f"vendor.github-{schema}", *checked)
        assert found[0] == 0, found[1]


@pytest.mark.parametrize("kind", KINDS)
def test_an_audit_finds_nothing(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    texts = render_workflows(KINDS[kind])
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / ACTION).write_bytes((ROOT / ACTION).read_bytes())
    files = [tmp_path / name for name in texts]
    status, said = tool("zizmor", "--offline", "--no-progress", *files, tmp_path / ACTION)
    assert status == 0, said


def test_an_audit_would_find_what_a_comment_workflow_must_not_do(tmp_path: Path) -> None:
    bad = TEXTS[f"simple:{COMMENT}"].replace(
        "- run: python3 -m venv", "- run: echo ${{ github.event.workflow_run.head_branch }}; #"
    )
    (tmp_path / "bad.yml").write_text(bad)
    status, said = tool("zizmor", "--offline", "--no-progress", tmp_path / "bad.yml")
    assert status != 0
    assert "template-injection" in said


def test_the_shell_has_nothing_to_say_against_any_step(language: Language, tmp_path: Path) -> None:
    lines = {
        step["run"]
        for name in TEXTS
        for job in jobs_of(language, name).values()
        for step in job["steps"]
        if "run" in step  # a text: no expression is ever put into a script
    }
    scripts = []
    for number, line in enumerate(sorted(lines)):
        scripts.append(tmp_path / f"{number}.sh")
        scripts[-1].write_text(f"#!/bin/bash\n{line}\n")
    status, said = tool("shellcheck", *scripts)
    assert status == 0, said


# --- what must hold whatever the tools say -----------------------------------------------------


@EVERY
def test_threat_19_nothing_is_permitted_beyond_what_a_job_names(
    language: Language, name: str
) -> None:
    assert parsed(language, name)["permissions"] == {}
    assert all("permissions" in job for job in jobs_of(language, name).values())


@EVERY
def test_threat_20_actions_are_githubs_own_and_named_by_commit(name: str) -> None:
    for used in re.findall(r"- uses: (.*)", TEXTS[name]):
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gate_is_one_job_of_a_fixed_name_that_no_condition_can_skip(
    language: Language, kind: str
) -> None:
    workflow = parsed(language, f"{kind}:{GATE}")
    assert workflow["on"].keys() == {"pull_request", "merge_group", "push", "workflow_dispatch"}
    gate = workflow["jobs"]["gate"]
    assert gate.keys().isdisjoint({"strategy", "name"})
    assert gate["if"] == {"$": "always()" if gate["needs"] else "success()"}
    assert gate["permissions"] == {"contents": "read"}
    assert "GITHUB_TOKEN" not in str(gate)


@pytest.mark.parametrize("kind", KINDS)
def test_threat_1_no_job_that_checks_anything_out_may_write(language: Language, kind: str) -> None:
    found = [
        job["permissions"]
        for name in render_workflows(KINDS[kind])
        for job in jobs_of(language, f"{kind}:{name}").values()
        if any("actions/checkout" in step.get("uses", "") for step in job["steps"])
    ]
    assert found == [{"contents": "read"}]


@pytest.mark.parametrize(
    ("name", "permissions"),
    [
        pytest.param(
            COMMENT,
            {"actions": "read", "contents": "read", "pull-requests": "write"},
            id="comment",
        ),
        pytest.param(ACCEPT, {"pull-requests": "read", "statuses": "write"}, id="accept"),
    ],
)
def test_threats_1_18_and_20_what_may_write_uses_no_action_and_no_cache(
    language: Language, name: str, permissions: Mapping[str, str]
) -> None:
    (job,) = jobs_of(language, f"ours:{name}").values()
    assert job["permissions"] == permissions
    assert [step.keys() & {"uses", "with"} for step in job["steps"]] == [set()] * 3


@pytest.mark.parametrize("kind", ["ours", "matrix", "folder-matrix"])
def test_as_many_legs_are_expected_as_there_are(language: Language, kind: str) -> None:
    jobs = jobs_of(language, f"{kind}:{GATE}")
    legs = jobs["measure"]["strategy"]["matrix"]["python"]
    assert f"--expect {len(legs)} " in str(jobs["gate"])
    assert jobs["measure"]["strategy"]["fail-fast"] is False
