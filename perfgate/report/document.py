"""The report as a document: what ``.perfgate/report.json`` holds, strict and versioned."""

import json
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec

from perfgate.errors import InputFileError
from perfgate.model import RESULTS_VERSION, Report

__all__ = ["decode_report", "encode_report", "report_schema"]

_Item = TypeVar("_Item")
_EXIT_STATUSES: Final = frozenset({0, 1, 3})


class _Versioned(msgspec.Struct, frozen=True, kw_only=True):
    """The one field that every version of the document has."""

    version: int


def encode_report(report: Report) -> bytes:
    """Write a report as JSON with a newline at its end."""
    return msgspec.json.encode(report) + b"\n"


def decode_report(data: bytes, source: str) -> Report:
    """Read a report and nothing but a report.

    Raises:
        InputFileError: another version, an unknown or missing field, a wrong type, a number
            that is not finite, a duplicate key or benchmark. ``source`` names the file.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).version
        if version != RESULTS_VERSION:
            problem = f"has version {version}, but this perfgate reads version {RESULTS_VERSION}"
            raise InputFileError(source, "version", problem)
        report = msgspec.json.decode(data, type=Report)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        raise InputFileError(source, place.strip(".`"), _lower(problem)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise InputFileError(source, "", f"is not a report: {error}") from error
    _reject_duplicate_keys(data, source)
    _check(report, source)
    return report


def report_schema() -> dict[str, Any]:
    """Describe the document in JSON Schema, draft 2020-12.

    Says what reading checks field by field; that no benchmark stands twice is beyond a schema.
    """
    schema = msgspec.json.schema(Report)
    report = schema["$defs"]["Report"]
    report["properties"]["version"] = {"const": RESULTS_VERSION}
    report["properties"]["exit_status"] = {"enum": sorted(_EXIT_STATUSES)}
    report["required"] = ["version", *report["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _lower(problem: str) -> str:
    return problem[:1].lower() + problem[1:]


def _reject_duplicate_keys(data: bytes, source: str) -> None:
    """Look again for keys that stand twice: msgspec would silently take the last."""

    def pairs(items: list[tuple[str, Any]]) -> None:
        twice = _first_twice(key for key, _ in items)
        if twice is not None:
            raise InputFileError(source, twice, "stands twice in the same object")

    # float for whole numbers too: int refuses more than 4300 digits with an error of its own
    json.loads(data, object_pairs_hook=pairs, parse_int=float)


def _check(report: Report, source: str) -> None:
    places = {
        "results.benchmarks": [(b.suite, b.id) for b in report.results.benchmarks],
        "judgements": [(j.suite, j.benchmark) for j in report.judgements],
    }
    for place, names in places.items():
        twice = _first_twice(names)
        if twice is not None:
            raise InputFileError(source, place, f"{twice[1]!r} stands twice")
    if report.exit_status not in _EXIT_STATUSES:
        raise InputFileError(source, "exit_status", f"{report.exit_status} is not one of 0, 1, 3")


def _first_twice(items: Iterable[_Item]) -> _Item | None:
    seen: set[_Item] = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    return None
