"""Fixtures for tests that talk to a GitHub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_github.scenes import Scene
from tests.fake_github.server import FakeGitHub, running


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    """A GitHub; whatever is asked or answered must be as GitHub describes it."""
    with running(FakeGitHub()) as github:
        yield github
    assert not github.problems, "\n".join(github.problems)


@pytest.fixture
def scene(github: FakeGitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """One open pull request, #7, without a run."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    github.state.add_pull()
    return Scene(github=github, folder=tmp_path)
