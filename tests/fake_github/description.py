"""GitHub's own description of its API: which operation, what may be asked, what is answered."""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_DOCUMENT = json.loads(Path(__file__).with_name("description.json").read_bytes())
_DEFINITIONS = _DOCUMENT["$defs"]
_SLASHES = frozenset({"ref", "path"})
"""The two parameters that may hold slashes."""
_LEFT_OUT = re.compile(
    r"\$(\.workflow_runs)?(\[\d+\])?\.head(\.repo|_repository): None is not of type 'object'"
)
"""Null once the repository of a pull request is deleted; the description does not say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path, and the values of the path's parameters."""

    path: str
    method: str
    values: dict[str, str]

    def request_problems(self, query: dict[str, str], body: bytes) -> list[str]:
        described = self._described
        found = []
        for name, text in query.items():
            if name not in described["query"]:
                found.append(f"no parameter {name} is described")
            else:
                schema = described["query"][name]
                number = schema.get("type") == "integer"
                value = int(text) if number and text.isdecimal() else text
                found += _problems(f"{self.method} {self.path} ?{name}", schema, value)
        if described["body"] is None:
            return found if not body else [*found, "a body where none is described"]
        return found + _problems(f"{self.method} {self.path} body", described["body"], loaded(body))

    def answer_problems(self, status: int, body: bytes) -> list[str]:
        answers = self._described["answers"]
        schema = answers.get(str(status), {"$ref": "#/$defs/basic-error"})
        if schema is None:
            return []
        return _problems(f"{self.method} {self.path} {status}", schema, loaded(body))

    @property
    def _described(self) -> dict[str, Any]:
        found: dict[str, Any] = _DOCUMENT["paths"][self.path][self.method]
        return found


def operation(method: str, path: str) -> Operation | None:
    for template, methods in _DOCUMENT["paths"].items():
        if method.lower() in methods and (found := _pattern(template).fullmatch(path)):
            return Operation(path=template, method=method.lower(), values=found.groupdict())
    return None


def loaded(body: bytes) -> Any:
    return json.loads(body) if body else None


def example(name: str, /, **fields: Any) -> Any:
    """Return the least that satisfies a definition, with these fields."""
    return merged(_least({"$ref": f"#/$defs/{name}"}), fields)


def merged(base: Any, fields: dict[str, Any]) -> Any:
    """Put fields over others, inside objects one by one."""
    both = dict(base)
    for key, value in fields.items():
        is_inside = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if is_inside else value
    return both


def _least(schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _least(_DEFINITIONS[schema["$ref"].removeprefix("#/$defs/")])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            last = schema[choice][-1]  # of what may be null, null
            return _least(last)
    if "allOf" in schema:
        return functools.reduce(merged, [_least(one) for one in schema["allOf"]])
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {name: _least(properties[name]) for name in schema.get("required", ())}
    plain = {
        "string": "x",
        "integer": 1,
        "number": 1.0,
        "boolean": False,
        "array": [],
        "null": None,
    }
    kind = schema.get("type", "null")
    return plain[kind if isinstance(kind, str) else kind[0]]


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    def group(found: re.Match[str]) -> str:
        inside = ".+" if found[1] in _SLASHES else "[^/]+"
        return f"(?P<{found[1]}>{inside})"

    return re.compile(re.sub(r"\{(\w+)\}", group, template))


def _problems(place: str, schema: dict[str, Any], value: Any) -> list[str]:
    errors = _validator(json.dumps(schema, sort_keys=True)).iter_errors(value)
    found = [f"{one.json_path}: {one.message[:200]}" for one in errors]
    return [f"{place}: {one}" for one in found if not _LEFT_OUT.match(one)]


@functools.cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "$defs": _DEFINITIONS})
