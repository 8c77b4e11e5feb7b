"""The workflows under test: those of this repository, and what ``perfgate init`` can write."""

from pathlib import Path

from perfgate.commands.workflows import Workflows, render_workflows

ROOT = Path(__file__).parents[2]
GATE = ".github/workflows/perfgate.yml"
COMMENT = ".github/workflows/perfgate-comment.yml"
ACCEPT = ".github/workflows/perfgate-accept.yml"
RELEASED = "perfgate==0.1.0"

OURS = Workflows(
    branch="main",
    measured='-e ".[load,services]"',
    trusted='"perfgate @ git+$GITHUB_SERVER_URL/$GITHUB_REPOSITORY@$GITHUB_SHA"',
    pythons=("3.11", "3.13"),
    has_accept_command=True,
)
"""What may write installs the default branch: there, GITHUB_SHA is its tip."""
SIMPLE = Workflows(
    branch="main",
    measured=f"-e . {RELEASED}",
    trusted=RELEASED,
    pythons=("3.12",),
    has_accept_command=True,
)
KINDS = {
    "ours": OURS,
    "simple": SIMPLE,
    "matrix": Workflows(
        branch="main", measured=RELEASED, trusted=RELEASED, pythons=("3.12", "3.13")
    ),
    "folder": Workflows(
        branch="release/1.x",
        folder="services/api",
        measured=RELEASED,
        trusted=RELEASED,
        pythons=("3.12",),
    ),
    "folder-matrix": Workflows(
        branch="on", folder="0", measured=RELEASED, trusted=RELEASED, pythons=("3.13", "3.14")
    ),
}


def write_ours() -> None:
    """Write this repository's workflows: ``python -m tests.workflows.files``."""
    for name, text in render_workflows(OURS).items():
        (ROOT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_ours()
