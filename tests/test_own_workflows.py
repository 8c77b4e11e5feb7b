from pathlib import Path

import pytest

from perfgate.commands.workflows import render_workflows
from tests.workflows.files import OURS, ROOT

RENDERED = render_workflows(OURS)


@pytest.mark.parametrize("name", RENDERED)
def test_this_repository_uses_what_init_writes(name: str) -> None:
    """Run `python -m tests.workflows.files` after a change of the templates."""
    assert Path(ROOT, name).read_text(encoding="utf-8") == RENDERED[name]
