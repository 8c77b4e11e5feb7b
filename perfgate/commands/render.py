"""``perfgate report``: what was saved, rendered again, whichever command saved it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from perfgate.errors import UsageError
from perfgate.load_run import LoadRun, encode_load_run
from perfgate.model import Report
from perfgate.operations import OperationsReport, encode_operations
from perfgate.readers.document import read_document
from perfgate.readers.load import LOAD_KEYS, decode_load_run
from perfgate.readers.monitor import MONITOR_KEYS, decode_operations
from perfgate.report.document import decode_report, encode_report

__all__ = ["Rendering", "Terminal", "rendering_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What a saved document can be shown as."""

    what: str
    text: Callable[["Terminal"], str]
    formats: Mapping[str, Callable[[], bytes]]
    """By name: ``markdown``, ``html``, ``junit``, ``json``, as far as there is one."""

    def render(self, name: str) -> bytes:
        """Render in a format.

        Raises:
            UsageError: there is none of that name for it.
        """
        if name not in self.formats:
            known = ", ".join(f"--{each}" for each in self.formats)
            raise UsageError(f"--{name}: {self.what} is rendered by {known}")
        return self.formats[name]()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Where text is shown."""

    width: int
    has_color: bool
    is_verbose: bool


def rendering_of(path: Path) -> Rendering:
    """Read a report of a check, a load or a monitor.

    Raises:
        InputFileError: it is none of them, or damaged.
    """
    data = read_document(path)
    keys = _keys(data)
    if keys.issuperset(LOAD_KEYS):
        return _of_load(decode_load_run(path, data))
    if keys.issuperset(MONITOR_KEYS):
        return _of_monitor(decode_operations(path, data))
    return _of_check(decode_report(data, str(path)))


def _keys(data: bytes) -> set[str]:
    """Return the keys of an object; none of anything else, which is not a report either."""
    try:
        return set(msgspec.json.decode(data, type=dict[str, msgspec.Raw]))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return set()


def _of_check(report: Report) -> Rendering:
    from perfgate.report.junit import render_junit
    from perfgate.report.markdown import render_markdown
    from perfgate.report.page import render_html
    from perfgate.report.terminal import render_terminal

    return Rendering(
        what="a report",
        text=lambda where: render_terminal(
            report, width=where.width, color=where.has_color, verbose=where.is_verbose
        ),
        formats={
            "markdown": lambda: render_markdown(report).encode(),
            "html": lambda: render_html(report),
            "junit": lambda: render_junit(report),
            "json": lambda: encode_report(report),
        },
    )


def _of_load(run: LoadRun) -> Rendering:
    from perfgate.report.load_html import render_load_html
    from perfgate.report.load_pages import render_load_markdown, render_load_text

    return Rendering(
        what="a load",
        text=lambda _: render_load_text(run),
        formats={
            "markdown": lambda: render_load_markdown(run).encode(),
            "html": lambda: render_load_html(run),
            "json": lambda: encode_load_run(run),
        },
    )


def _of_monitor(report: OperationsReport) -> Rendering:
    from perfgate.report.operations import operations_markdown, operations_text

    return Rendering(
        what="a monitor's report",
        text=lambda _: operations_text(report),
        formats={
            "markdown": lambda: operations_markdown(report).encode(),
            "json": lambda: encode_operations(report),
        },
    )
