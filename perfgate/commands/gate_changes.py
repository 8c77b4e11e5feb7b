"""What a pull request changes of what the gate itself goes by, told by GitHub's list of files."""

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from perfgate.github.repository import MOST_CHANGED_FILES
from perfgate.github.values import ChangedFile
from perfgate.report.comment import ChangedPart, GateChange

__all__ = ["edited_suites", "in_folder", "path_changes", "paths_of", "settings_changes"]

_OWNERS = frozenset({"CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS"})
_ACTIONS = frozenset({"action.yml", "action.yaml"})


def in_folder(folder: str, path: str) -> str:
    """Return the path in the repository of a path in the project."""
    return f"{folder}/{path}" if folder else path


def paths_of(files: Iterable[ChangedFile]) -> list[str]:
    """Return every path that is touched; a move touches two."""
    both = (path for file in files for path in (file.filename, file.previous_filename))
    return list(dict.fromkeys(path for path in both if path))


def path_changes(files: Sequence[ChangedFile], folder: str) -> tuple[GateChange, ...]:
    """Return the changes that a path alone gives away: baselines, workflows, their owners."""
    changes = [
        GateChange(part=part, path=path)
        for path in paths_of(files)
        if (part := _part_of(path, folder)) is not None
    ]
    if len(files) >= MOST_CHANGED_FILES:
        rest = f"(GitHub lists {MOST_CHANGED_FILES:,} files; there may be more)"
        changes.append(GateChange(part=ChangedPart.SETTINGS, path=rest))
    return tuple(changes)


def settings_changes(path: str, old: bytes | None, new: bytes | None) -> tuple[GateChange, ...]:
    """Return what changed in ``[tool.perfgate]``; what cannot be read counts as changed."""
    try:
        before, after = _table(old), _table(new)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return (GateChange(part=ChangedPart.SETTINGS, path=path),)
    changes = []
    if before.pop("waivers", None) != after.pop("waivers", None):
        changes.append(GateChange(part=ChangedPart.WAIVERS, path=path))
    if before != after:
        changes.append(GateChange(part=ChangedPart.SETTINGS, path=path))
    return tuple(changes)


def edited_suites(files: Iterable[ChangedFile], folder: str) -> frozenset[str]:
    """Return the suites whose baselines are changed."""
    paths = (path for path in paths_of(files) if _part_of(path, folder) is ChangedPart.BASELINES)
    return frozenset(PurePosixPath(path).stem for path in paths)


def _part_of(path: str, folder: str) -> ChangedPart | None:
    if path.startswith(in_folder(folder, "baselines/")):
        return ChangedPart.BASELINES
    is_workflow = path.startswith((".github/workflows/", ".github/actions/"))
    if is_workflow or path in _OWNERS | _ACTIONS:
        return ChangedPart.WORKFLOWS
    return None


def _table(content: bytes | None) -> dict[str, Any]:
    tool = tomllib.loads((content or b"").decode()).get("tool", {})
    table = tool.get("perfgate", {}) if isinstance(tool, dict) else {}
    return dict(table) if isinstance(table, dict) else {"": table}
