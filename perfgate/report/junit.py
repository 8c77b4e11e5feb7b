"""A report as JUnit XML, which most CI systems can show."""

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from perfgate.model import Report, Verdict
from perfgate.report.text import plain
from perfgate.report.view import Level, Row, build_view

__all__ = ["render_junit"]

_ERRORS: Final = frozenset({Verdict.ERRORED, Verdict.MISSING, Verdict.UNDECIDED})
"""Verdicts without a measurement to judge: JUnit tells an error from a failure."""


def render_junit(report: Report) -> bytes:
    """Render a report as a JUnit document: one test case per benchmark, one suite per suite.

    What makes the run fail is a failure, or an error where there was nothing to judge; what could
    not be decided without failing the run is skipped. No character remains that XML 1.0 forbids.
    """
    rows = [row for section in build_view(report).sections for row in section.rows]
    root = ET.Element("testsuites", {"name": "perfgate"})
    for suite in sorted({row.suite.text for row in rows}):
        cases = [_case(row) for row in rows if row.suite.text == suite]
        element = ET.SubElement(root, "testsuite", {"name": suite, **_counts(cases)})
        element.extend(cases)
    root.attrib.update(_counts(root.findall("testsuite/testcase")))
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n".encode()


def _case(row: Row) -> ET.Element:
    file, _, test = row.benchmark.text.partition("::")
    names = {"classname": file, "name": test or file}
    case = ET.Element("testcase", names)
    text = f"{row.symbol} {row.word}: {plain(row.why)}"
    if row.level is Level.ERROR:
        kind = "error" if row.verdict in _ERRORS else "failure"
        result = ET.SubElement(case, kind, {"type": row.verdict.value, "message": text})
        result.text = _details(row)
    elif row.verdict is Verdict.UNDECIDED:
        ET.SubElement(case, "skipped", {"message": text})
    else:
        ET.SubElement(case, "system-out").text = f"{text}\n{_details(row)}"
    return case


def _details(row: Row) -> str:
    change = f"{row.effect} ({row.interval})" if row.interval else row.effect
    command = row.command.line if row.command is not None else ""
    lines = (row.benchmark.text, row.times, change, row.advice, command)
    return "\n".join(line for line in lines if line)


def _counts(cases: Sequence[ET.Element]) -> dict[str, str]:
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    counted = {name: sum(c.find(tag) is not None for c in cases) for name, tag in kinds.items()}
    return {"tests": str(len(cases)), **{name: str(count) for name, count in counted.items()}}
