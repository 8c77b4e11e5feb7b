"""What the GitHub of the tests knows: one repository, its pull requests, runs and comments."""

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from typing import Any

from tests.fake_github.description import example

HOME = "octo/shop"
HOME_ID = 1000
FORK_ID = 2000
BOT = "github-actions[bot]"
BASE = "b" * 40
HEAD = "a" * 40
WORKFLOW = ".github/workflows/perfgate.yml"
WORKFLOW_ID = 77
DATE = "2026-01-02T03:04:05Z"


def archive(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return buffer.getvalue()


def user(login: str) -> Any:
    kind = "Bot" if login.endswith("[bot]") else "User"
    return example("simple-user", login=login, type=kind)


def repository(full_name: str, number: int, definition: str = "repository") -> Any:
    owner, _, name = full_name.partition("/")
    return example(
        definition, id=number, full_name=full_name, name=name, owner=user(owner), default_branch="x"
    )


@dataclass(kw_only=True)
class State:
    """One repository; everything may be changed between requests."""

    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[int, tuple[dict[str, Any], bytes]] = field(default_factory=dict)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    statuses: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Content by commit and path."""
    changed: dict[int, list[str]] = field(default_factory=dict)
    """Paths by pull request."""
    branches: dict[str, str] = field(default_factory=lambda: {"main": BASE})
    people: dict[str, str] = field(default_factory=dict)
    """What they may do, by login."""
    writer: str = BOT
    """The account that the token writes as."""
    _last: int = 5000

    def next_id(self) -> int:
        self._last += 1
        return self._last

    def add_pull(
        self,
        number: int = 7,
        *,
        head: str = HEAD,
        branch: str = "feature",
        base: str = "main",
        source: tuple[str, int] | None = (HOME, HOME_ID),
    ) -> Any:
        """Open a pull request; ``source`` None: its repository was deleted."""
        home = repository(HOME, HOME_ID)
        repo = None if source is None else repository(*source)
        self.pulls[number] = pull = example(
            "pull-request",
            number=number,
            state="open",
            head={"ref": branch, "sha": head, "repo": repo},
            base={"ref": base, "sha": self.branches.get(base, BASE), "repo": home},
        )
        self.changed.setdefault(number, [])
        return pull

    def add_run(
        self,
        number: int = 45,
        *,
        attempt: int = 1,
        head: str = HEAD,
        branch: str = "feature",
        source: tuple[str, int] | None = (HOME, HOME_ID),
        conclusion: str | None = "failure",
        **fields: Any,
    ) -> Any:
        repo = None if source is None else repository(*source, "minimal-repository")
        run = example(
            "workflow-run",
            id=self.next_id(),
            workflow_id=WORKFLOW_ID,
            run_number=number,
            run_attempt=attempt,
            event="pull_request",
            path=WORKFLOW,
            status="completed",
            conclusion=conclusion,
            head_sha=head,
            head_branch=branch,
            pull_requests=[],
            repository=repository(HOME, HOME_ID, "minimal-repository"),
            head_repository=repo,
        )
        run |= fields
        self.runs[run["id"]] = run
        return run

    def add_artifact(
        self, run: dict[str, Any], content: bytes, *, name: str = "perfgate-report", **fields: Any
    ) -> Any:
        """Keep an archive of a run as it is."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        artifact = example(
            "artifact",
            id=self.next_id(),
            name=name,
            size_in_bytes=len(content),
            expired=False,
            created_at=DATE,
            updated_at=DATE,
            expires_at=DATE,
        )
        artifact["digest"] = digest
        artifact["workflow_run"] = {"id": run["id"], "head_sha": run["head_sha"]}
        artifact |= fields
        self.artifacts[artifact["id"]] = (artifact, content)
        return artifact

    def add_comment(self, number: int, body: str, login: str) -> Any:
        comment = example(
            "issue-comment",
            id=self.next_id(),
            body=body,
            user=user(login),
            issue_url=f"https://github.com/{HOME}/issues/{number}",
            html_url=f"https://github.com/{HOME}/pull/{number}#issuecomment",
            created_at=DATE,
            updated_at=DATE,
        )
        self.comments[comment["id"]] = comment
        return comment

    def comments_of(self, number: int) -> list[dict[str, Any]]:
        ending = f"/issues/{number}"
        return [
            one for _, one in sorted(self.comments.items()) if one["issue_url"].endswith(ending)
        ]
