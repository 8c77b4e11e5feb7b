"""Take real event payloads, and derive from them what no example shows; rerun for newer ones.

``npm pack @octokit/webhooks-examples`` (MIT, see its package.json), unpack it, then
``python -m tests.fake_github.make_payloads package/api.github.com/index.json``. Of a run of a pull
request, of a fork, and of a comment on a pull request there is no example: they differ from what
there is only in what is set here.
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("payloads")


def main(source: Path) -> None:
    examples = {one["name"]: one["examples"] for one in json.loads(source.read_bytes())}
    push = _first(examples["workflow_run"], action="completed")
    born = _of_pull_request(push)
    fork = copy.deepcopy(born)
    fork["workflow_run"]["head_repository"] |= {"id": 2000, "full_name": "mallory/shop"}
    fork["workflow_run"]["head_repository"]["owner"]["login"] = "mallory"
    gone = copy.deepcopy(born)
    gone["workflow_run"]["head_repository"] = None
    comments = [one for one in examples["issue_comment"] if one["action"] == "created"]
    on_issue = next(one for one in comments if not one["issue"].get("pull_request"))
    on_pull = copy.deepcopy(on_issue)
    number = on_pull["issue"]["number"]
    url = on_pull["repository"]["pulls_url"].replace("{/number}", f"/{number}")
    on_pull["issue"]["pull_request"] = {"url": url}
    payloads = {
        "workflow_run-push": push,
        "workflow_run-pull_request": born,
        "workflow_run-fork": fork,
        "workflow_run-deleted-fork": gone,
        "issue_comment-pull_request": on_pull,
        "issue_comment-issue": on_issue,
        "issue_comment-edited": _first(examples["issue_comment"], action="edited"),
    }
    for name, payload in payloads.items():
        text = json.dumps(payload, indent=1, sort_keys=True)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _first(examples: list[Any], *, action: str) -> Any:
    return next(one for one in examples if one["action"] == action)


def _of_pull_request(push: Any) -> Any:
    born = copy.deepcopy(push)
    run = born["workflow_run"]
    run |= {
        "event": "pull_request",
        "path": ".github/workflows/perfgate.yml",
        "head_branch": "feature",
        "pull_requests": [],
        "conclusion": "failure",
        "run_attempt": 1,
    }
    return born


if __name__ == "__main__":
    main(Path(sys.argv[1]))
