"""The comment on a pull request, against a GitHub that keeps state; named after what must hold."""

import pytest

from tests.fake_github.fixtures import github, scene
from tests.fake_github.scenes import Scene, report_of

__all__ = ["github", "scene"]


def test_a_regression_of_the_same_repository_gets_its_comment(scene: Scene) -> None:
    said = scene.comment(scene.finish(report_of(0, 30)))
    assert said.endswith("commented")
    (body,) = scene.bodies
    assert body.startswith("<!-- perfgate id=perfgate run=45 attempt=1 sha=aaaa")
    assert "1 regressed" in body
    assert "Self-reported" not in body
