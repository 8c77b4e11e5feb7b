"""Events: real ones from GitHub's examples, with the names and commits of the repository here."""

import functools
import json
from typing import Any

from tests.fake_github.description import merged
from tests.fake_github.state import HOME, HOME_ID
from tests.workflows.conftest import Shop
from tests.workflows.language import FOLDER
from tests.workflows.runner import Event

_EXAMPLES = FOLDER / "node_modules/@octokit/webhooks-examples/api.github.com/index.json"
_HERE = {"repository": {"id": HOME_ID, "full_name": HOME, "default_branch": "main"}}


@functools.cache
def _examples() -> dict[str, list[Any]]:
    return {one["name"]: one["examples"] for one in json.loads(_EXAMPLES.read_bytes())}


def example(name: str, action: str | None = None) -> Any:
    """Return the first real payload of this kind, as one of the repository here."""
    found = next(one for one in _examples()[name] if one.get("action") == action)
    return merged(found, _HERE)


def pull_request(shop: Shop, branch: str, *, attempt: int = 1, **changes: Any) -> Event:
    fields = {"ref": branch, "sha": shop.heads[branch]}
    payload = merged(
        example("pull_request", "synchronize"),
        {
            "number": 7,
            "pull_request": {"head": fields, "base": {"ref": "main", "sha": shop.base}},
        },
    )
    return Event(
        name="pull_request",
        payload=merged(payload, changes),
        ref="refs/pull/7/merge",
        sha=shop.merges[branch],
        base_ref="main",
        attempt=attempt,
    )


def merge_group(shop: Shop, branch: str) -> Event:
    ref = f"refs/heads/gh-readonly-queue/main/pr-7-{shop.base}"
    group = {"head_sha": shop.merges[branch], "base_sha": shop.base, "head_ref": ref}
    payload = merged(example("merge_group", "checks_requested"), {"merge_group": group})
    return Event(name="merge_group", payload=payload, ref=ref, sha=shop.merges[branch])


def push(shop: Shop, branch: str, *, to: str = "main") -> Event:
    sha = shop.merges[branch]
    fields = {"ref": f"refs/heads/{to}", "before": shop.base, "after": sha}
    return Event(
        name="push",
        payload=merged(example("push"), fields),
        ref=f"refs/heads/{to}",
        sha=sha,
    )


def workflow_dispatch(shop: Shop, branch: str) -> Event:
    ref = f"refs/heads/{branch}"
    payload = merged(example("workflow_dispatch"), {"ref": ref})
    return Event(name="workflow_dispatch", payload=payload, ref=ref, sha=shop.heads[branch])
