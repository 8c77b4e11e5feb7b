"""The candidate's benchmarks laid over another tree, so that every side runs the same harness.

Whole folders that hold suites go over, what is deleted in them goes away, and what is not committed
counts. Where a suite lies among the code that it measures, only its own file, the conftest.py files
above it and the helpers that these import go over. Of a file that holds more than pytest's
configuration (pyproject.toml, tox.ini, setup.cfg) a copy under another name goes over: the tree
keeps its own metadata.
"""

import ast
import configparser
import importlib.metadata
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from perfgate.errors import UsageError
from perfgate.measure.slots import remove_folder
from perfgate.measure.sources import read_pyproject, source_layout

__all__ = ["COPIED_CONFIGURATION", "Overlay", "find_overlay", "lay_over"]

_SUITE_FILES: Final = ("test_*.py", "*_test.py", "bench_*.py")
_HARNESS_NAME: Final = re.compile(r"(tests?|testing|bench(es|marks?)?|perf(ormance)?)(_\w*)?")
_NOT_COPIED: Final = frozenset(
    {
        "__pycache__", ".benchmarks", ".git", ".hypothesis", ".mypy_cache", ".perfgate",
        ".pytest_cache", ".ruff_cache", ".tox", ".nox", ".venv", "node_modules",
    }
)  # fmt: skip
COPIED_CONFIGURATION: Final = ".perfgate-pytest"
_NATIVE_TOML_MAJOR: Final = 9  # the pytest that began to read pytest.toml and [tool.pytest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What is laid over; the paths are seen from the root of the project."""

    root: Path
    folders: tuple[PurePosixPath, ...]
    """Replaced as a whole."""
    files: tuple[PurePosixPath, ...]
    """Replaced, or removed where the candidate has none."""
    configuration: PurePosixPath | None
    """The file that configures pytest; None where the defaults hold."""

    @property
    def configuration_file(self) -> PurePosixPath:
        """Where pytest's configuration lies in a tree that this was laid over."""
        file = self.configuration
        if file is None:
            return PurePosixPath(f"{COPIED_CONFIGURATION}.ini")
        if file.name.lstrip(".").startswith("pytest."):
            return file
        return file.with_name(f"{COPIED_CONFIGURATION}{file.suffix}")


def find_overlay(root: Path, suites: Sequence[str]) -> Overlay:
    """Find what the suites of a project consist of; suites are files or folders below the root.

    Raises:
        UsageError: a suite lies outside the project.
    """
    root = root.resolve()
    paths = [_below(root, suite) for suite in suites]
    search = _Search(root)
    for path in paths:
        search.add_suite(path)
    return Overlay(
        root=root,
        folders=search.topmost_folders(),
        files=search.lone_files(),
        configuration=_configuration(root, paths),
    )


def lay_over(overlay: Overlay, project: Path) -> None:
    """Lay the candidate's harness over the tree of a project.

    Nothing outside the tree is written, whatever links the tree contains.
    """
    for folder in overlay.folders:
        target = _clear(project, folder)
        shutil.copytree(overlay.root / folder, target, symlinks=True, ignore=_left_out)
    for file in overlay.files:
        target = _clear(project, file)
        source = overlay.root / file
        if source.is_file() or source.is_symlink():
            shutil.copy2(source, target, follow_symlinks=False)
    target = _clear(project, overlay.configuration_file)
    if overlay.configuration is None:
        target.touch()
    else:
        shutil.copy2(overlay.root / overlay.configuration, target)


def _below(root: Path, suite: str) -> PurePosixPath:
    path = Path(os.path.normpath(root / suite))
    if not path.is_relative_to(root):
        raise UsageError(f"{suite}: lies outside the project {root}")
    return PurePosixPath(path.relative_to(root).as_posix())


def _clear(project: Path, path: PurePosixPath) -> Path:
    """Make room for a path; links on the way are replaced by folders, never followed."""
    target = project
    for part in path.parent.parts:
        target /= part
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            target.unlink()
        target.mkdir(exist_ok=True)
    target = project / path
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir():
        remove_folder(target)
    return target


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Leave out caches, environments, and what is neither file, folder nor link."""

    def is_left_out(name: str) -> bool:
        path = Path(folder, name)
        is_plain = path.is_symlink() or path.is_file() or path.is_dir()
        return name in _NOT_COPIED or not is_plain or (path / "pyvenv.cfg").is_file()

    return {name for name in names if is_left_out(name)}


# --- which folders and files -------------------------------------------------------------------


class _Search:
    """Follows suites to the folders and files that they need."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._sources = [
            PurePosixPath(file.relative_to(root).as_posix())
            for file in source_layout(root).files
            if file.is_relative_to(root)
        ]
        self._folders: set[PurePosixPath] = set()
        self._files: set[PurePosixPath] = set()

    def topmost_folders(self) -> tuple[PurePosixPath, ...]:
        folders = self._folders
        return tuple(sorted(f for f in folders if not folders.intersection(f.parents)))

    def lone_files(self) -> tuple[PurePosixPath, ...]:
        folders = self._folders
        return tuple(sorted(f for f in self._files if not folders.intersection(f.parents)))

    def add_suite(self, path: PurePosixPath) -> None:
        here = self._root / path
        folder = self._harness_folder(path if here.is_dir() else path.parent)
        if folder is not None:
            self._add_folder(folder)
        elif here.is_dir():
            for file in sorted(f for pattern in _SUITE_FILES for f in here.rglob(pattern)):
                inner = PurePosixPath(file.relative_to(self._root).as_posix())
                if not _NOT_COPIED.intersection(inner.parts):
                    self.add_suite(inner)
        else:
            self._add_file(path)
        for parent in (*path.parents, *((path,) if here.is_dir() else ())):
            self._add_file(parent / "conftest.py")

    def _harness_folder(self, path: PurePosixPath) -> PurePosixPath | None:
        """Return the topmost folder on the way that is not, and does not hold, measured code."""
        for folder in (*reversed(path.parents), path):
            if not folder.parts or any(s.is_relative_to(folder) for s in self._sources):
                continue
            is_inside = any(folder.is_relative_to(source) for source in self._sources)
            if not is_inside or _HARNESS_NAME.fullmatch(folder.name):
                return folder
        return None

    def _add_folder(self, folder: PurePosixPath) -> None:
        if folder in self._folders or self._folders.intersection(folder.parents):
            return
        if not (self._root / folder).is_dir():
            return
        self._folders.add(folder)
        for file in sorted((self._root / folder).rglob("*.py")):
            inner = PurePosixPath(file.relative_to(self._root).as_posix())
            if not _NOT_COPIED.intersection(inner.parts):
                self._add_imports(inner)

    def _add_file(self, file: PurePosixPath) -> None:
        if file not in self._files:
            self._files.add(file)
            self._add_imports(file)

    def _add_imports(self, file: PurePosixPath) -> None:
        """Add the helpers that a file imports: what is beside it or at the root, and not code."""
        for name in sorted(_imported_names(self._root / file)):
            for folder in dict.fromkeys((file.parent, PurePosixPath())):
                if (self._root / folder / f"{name}.py").is_file():
                    if not self._is_source(folder / f"{name}.py"):
                        self._add_file(folder / f"{name}.py")
                    break
                if (self._root / folder / name).is_dir():
                    harness = self._harness_folder(folder / name)
                    if harness is not None:
                        self._add_folder(harness)
                    break

    def _is_source(self, file: PurePosixPath) -> bool:
        return any(file.is_relative_to(source) for source in self._sources)


def _imported_names(file: Path) -> Iterator[str]:
    """Yield the top-level names that a file imports or names as a pytest plugin."""
    try:
        module = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytest_plugins"
            for target in node.targets
        ):
            yield from (
                inner.value.split(".")[0]
                for inner in ast.walk(node.value)
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
            )


# --- pytest's configuration --------------------------------------------------------------------


def _configuration(root: Path, suites: Sequence[PurePosixPath]) -> PurePosixPath | None:
    """Find the file that pytest would read, in pytest's own order, from the suites upwards."""
    folders = [path if (root / path).is_dir() else path.parent for path in suites]
    common = PurePosixPath(os.path.commonpath(folders)) if folders else PurePosixPath()
    for folder in (common, *common.parents):
        for name in _configuration_names(root / folder):
            return folder / name
    return None


def _configuration_names(folder: Path) -> Iterator[str]:
    has_native_toml = int(importlib.metadata.version("pytest").split(".")[0]) >= _NATIVE_TOML_MAJOR
    dedicated = ("pytest.toml", ".pytest.toml") if has_native_toml else ()
    for name in (*dedicated, "pytest.ini", ".pytest.ini"):
        if (folder / name).is_file():
            yield name
    tool = read_pyproject(folder).get("tool", {})
    table = tool.get("pytest", {}) if isinstance(tool, dict) else {}
    if "ini_options" in table or (has_native_toml and table):
        yield "pyproject.toml"
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        if _has_section(folder / name, section):
            yield name


def _has_section(file: Path, section: str) -> bool:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return False
    return parser.has_section(section)
