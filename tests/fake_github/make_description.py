"""Cut what perfgate uses out of GitHub's own OpenAPI description; rerun for a newer one.

``npm pack @octokit/openapi`` (MIT, Copyright 2020 Octokit contributors), unpack it, then
``python -m tests.fake_github.make_description package/generated/api.github.com.json``.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("description.json")
REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = {
    "/actions/artifacts/{artifact_id}/{archive_format}": ["get"],
    "/actions/runs/{run_id}/artifacts": ["get"],
    "/actions/workflows/{workflow_id}/runs": ["get"],
    "/collaborators/{username}/permission": ["get"],
    "/commits/{commit_sha}/pulls": ["get"],
    "/commits/{ref}/statuses": ["get"],
    "/compare/{basehead}": ["get"],
    "/contents/{path}": ["get"],
    "/git/blobs/{file_sha}": ["get"],
    "/git/ref/{ref}": ["get"],
    "/issues/comments/{comment_id}": ["patch", "delete"],
    "/issues/{issue_number}/comments": ["get", "post"],
    "/pulls": ["get"],
    "/pulls/{pull_number}": ["get"],
    "/pulls/{pull_number}/files": ["get"],
    "/statuses/{sha}": ["post"],
}
TALK = {"description", "example", "examples", "title", "externalDocs", "x-github", "deprecated"}
_REFERENCE = re.compile(r"#/components/(\w+)/(.+)")


def main(source: Path) -> None:
    whole = json.loads(source.read_bytes())
    paths: dict[str, Any] = {}
    for name, methods in OPERATIONS.items():
        path = whole["paths"][REPOSITORY + name]
        paths[REPOSITORY + name] = {method: _operation(path[method], whole) for method in methods}
    schemas = whole["components"]["schemas"]
    definitions: dict[str, Any] = {}
    wanted = _named(paths) | {"basic-error", "validation-error"}
    while wanted - definitions.keys():
        for name in sorted(wanted - definitions.keys()):
            definitions[name] = _schema(schemas[name])
        wanted |= _named(definitions)
    document = {
        "source": f"@octokit/openapi {whole['info']['version']}, api.github.com.json (MIT)",
        "paths": paths,
        "$defs": dict(sorted(definitions.items())),
    }
    TARGET.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n")


def _operation(operation: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return {
        "query": {
            one["name"]: _schema(one["schema"])
            for one in (_resolved(each, whole) for each in operation["parameters"])
            if one["in"] == "query"
        },
        "body": _schema(body.get("schema")),
        "answers": {
            status: _answer(_resolved(answer, whole))
            for status, answer in operation["responses"].items()
        },
    }


def _answer(answer: dict[str, Any]) -> Any:
    return _schema(answer.get("content", {}).get("application/json", {}).get("schema"))


def _resolved(value: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    found = _REFERENCE.fullmatch(value.get("$ref", ""))
    resolved: dict[str, Any] = whole["components"][found[1]][found[2]] if found else value
    return resolved


def _named(value: Any) -> set[str]:
    return set(re.findall(r"#/\$defs/([^\"]+)", json.dumps(value)))


def _schema(value: Any) -> Any:
    """Turn OpenAPI 3.0 into JSON Schema: only ``nullable`` and the references differ."""
    if isinstance(value, list):
        return [_schema(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = _REFERENCE.fullmatch(value["$ref"]) if isinstance(value.get("$ref"), str) else None
    if found:
        return {"$ref": f"#/$defs/{found[2]}"}
    kept = {
        key: (
            {name: _schema(one) for name, one in item.items()}
            if key == "properties"
            else _schema(item)
        )
        for key, item in value.items()
        if key not in TALK and key != "nullable"
    }
    return {"anyOf": [kept, {"type": "null"}]} if value.get("nullable") is True else kept


if __name__ == "__main__":
    main(Path(sys.argv[1]))
