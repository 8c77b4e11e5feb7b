"""The workflows of GitHub Actions that ``perfgate init`` writes, as text."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["Workflows", "render_workflows"]

_FOLDER: Final = ".github/workflows"
_NAMES: Final = ("perfgate.yml", "perfgate-comment.yml")
_ACCEPT: Final = "perfgate-accept.yml"
_ACTIONS: Final = {
    "checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "setup_python": "5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0",
    "upload": "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1",
    "download": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1",
}
"""By commit, since a tag can be moved."""


_NO_TEXT: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflows:
    """What differs between repositories."""

    branch: str
    """The default branch."""
    folder: str = ""
    """Of the project in its repository, with slashes; empty: it is the repository."""
    measured: str
    """What pip installs to measure: the project and perfgate."""
    trusted: str
    """What pip installs where the token may write: perfgate as released, nothing of the project."""
    pythons: tuple[str, ...]
    """Versions to measure with; of more than one, each has a job of its own."""
    has_accept_command: bool = False


def render_workflows(wanted: Workflows) -> Mapping[str, str]:
    """Return the text of each workflow by its path in the repository."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("perfgate.commands"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - YAML, and every value is quoted where it must be
        keep_trailing_newline=True,
        line_statement_prefix="#%",
        variable_start_string="<<",
        variable_end_string=">>",
    )
    folder = wanted.folder
    values = {
        "branch": _scalar(wanted.branch),
        "count": len(wanted.pythons),
        "is_matrix": len(wanted.pythons) > 1,
        "folder": _scalar(folder) if folder else "",
        "measured": wanted.measured,
        "prefix": f"{folder}/" if folder else "",
        "project": f' --project "{folder}"' if folder else "",
        "pythons": ", ".join(json.dumps(one) for one in wanted.pythons),
        "trusted": wanted.trusted,
        **_ACTIONS,
    }
    names = (*_NAMES, _ACCEPT) if wanted.has_accept_command else _NAMES
    return {
        f"{_FOLDER}/{name}": environment.get_template(f"{name}.jinja").render(values)
        for name in names
    }


def _scalar(text: str) -> str:
    """Write a text in YAML, quoted where it could be read as something else."""
    is_plain = re.fullmatch(r"[A-Za-z][\w./-]*", text, re.ASCII) is not None
    return text if is_plain and text.lower() not in _NO_TEXT else json.dumps(text)
