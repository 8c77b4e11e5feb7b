"""``perfgate init``: settings, a first suite and workflows; what exists is never changed."""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from perfgate import __version__
from perfgate.commands.own_suites import find_own_suites, has_usual_suites, suite_settings
from perfgate.commands.workflows import Workflows, render_workflows
from perfgate.errors import ConfigError, UsageError
from perfgate.files import write_file
from perfgate.git import Repository, open_repository

__all__ = ["InitOptions", "initialise"]

_SUITE: Final = "benchmarks/test_first.py"
_SHOWN: Final = 5
"""Files that are named."""
_RELEASED: Final = f"perfgate=={__version__}"
_OLDEST_MINOR: Final = 11
_USUAL_DEFAULTS: Final = ("main", "master", "trunk")
_ODD: Final = re.compile(r"""[\s"'$`\\]|\$\{\{""")
_TABLE: Final = "[tool.perfgate]"
_IGNORED: Final = ".perfgate/"
_NO_PACKAGES: Final = ("benchmarks", "docs", "examples", "test", "tests", "tools")
_NO_MODULES: Final = ("conftest.py", "dodo.py", "fabfile.py", "noxfile.py", "setup.py", "tasks.py")


class _BuildSystem(msgspec.Struct, frozen=True):
    backend: str = msgspec.field(default="", name="build-backend")


class _Tool(msgspec.Struct, frozen=True):
    setuptools: dict[str, object] = {}


class _Packaging(msgspec.Struct, frozen=True):
    """What of pyproject.toml says how a project is built."""

    project: dict[str, object] | None = None
    build_system: _BuildSystem = msgspec.field(default_factory=_BuildSystem, name="build-system")
    tool: _Tool = msgspec.field(default_factory=_Tool)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """What the command line asks for."""

    has_matrix: bool = False
    """Measure with several versions of Python, each in a job of its own."""
    has_accept_command: bool = False
    """Take ``/perfgate accept`` below a pull request for an approval."""


def initialise(root: Path, options: InitOptions, environ: Mapping[str, str]) -> Iterator[str]:
    """Write what is missing into a project; yield a line for each file.

    Raises:
        ConfigError: pyproject.toml cannot be read, so that nothing can be added to it.
        UsageError: a file cannot be written.
    """
    repository = _repository(root, environ)
    top = repository.top_level if repository is not None else root
    folder = _folder(repository)
    yield from _begin(root)
    wanted = Workflows(
        branch=_default_branch(repository),
        folder=folder,
        measured=f"-e . {_RELEASED}" if _is_installable(root) else _RELEASED,
        trusted=_RELEASED,
        pythons=_pythons(sys.version_info.minor, has_matrix=options.has_matrix),
        has_accept_command=options.has_accept_command,
    )
    for name, text in render_workflows(wanted).items():  # to the top, where GitHub looks for them
        yield _create(top / name, text.encode(), name)
    yield _ignore(root / ".gitignore")
    yield from _packaging(root)
    yield 'next: perfgate update-baselines --reason "first numbers", and commit what it wrote'


def _template(name: str) -> bytes:
    return resources.files("perfgate.commands").joinpath("templates", name).read_bytes()


def _begin(root: Path) -> Iterator[str]:
    """Write settings, and a first suite where the project has none."""
    path = root / "pyproject.toml"
    table = _table(path)
    has_suites = has_usual_suites(root) or "suites" in (table or {})
    own = {} if has_suites else find_own_suites(root)
    if table is None:
        yield _settings(path, suite_settings(own))
    elif own:
        yield f"{path.name}: has {_TABLE} already; add to it\n{suite_settings(own)}"
    else:
        yield f"{path.name}: has {_TABLE} already"
    if has_suites:
        yield "benchmarks: has suites already"
    elif own:
        files = [file for suite in own.values() for file in suite]
        yield f"benchmarks: found in {', '.join(files[:_SHOWN])}{_and_more(files)}"
    else:
        yield _create(root / _SUITE, _template("first_suite.py.txt"), _SUITE)


def _and_more(files: Sequence[str]) -> str:
    return f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""


def _table(path: Path) -> Mapping[str, object] | None:
    """Return the project's settings for perfgate; None where there are none."""
    tool = _parsed(path, _content(path)).get("tool", {})
    table = tool.get("perfgate") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _settings(path: Path, suites: str) -> str:
    old = _content(path)
    new = _appended(old, _template("settings.toml.txt") + suites.encode(), gap=bool(old))
    try:
        _parsed(path, new)
    except ConfigError as error:  # such as an inline table: tool = {...}
        raise ConfigError(path, "tool", f"cannot be extended; add {_TABLE} by hand") from error
    write_file(path, new)
    return f"{path.name}: {'added' if old else 'written with'} {_TABLE}"


def _parsed(path: Path, content: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(content.decode())
    except ValueError as error:  # not UTF-8, or no TOML
        raise ConfigError(path, "", f"no valid TOML: {error}") from error


def _ignore(path: Path) -> str:
    old = _content(path)
    if _IGNORED in old.decode(errors="replace").splitlines():
        return f"{path.name}: ignores {_IGNORED} already"
    write_file(path, _appended(old, f"{_IGNORED}\n".encode(), gap=False))
    return f"{path.name}: ignores {_IGNORED} now"


def _packaging(root: Path) -> Iterator[str]:
    """Warn where setuptools finds packages by itself: it would take baselines/ for one.

    Then it refuses to install a project with packages in its top folder, and leaves out modules
    (setuptools.pypa.io, "Package Discovery", flat-layout).
    """
    path = root / "pyproject.toml"
    try:
        settings = msgspec.convert(_parsed(path, _content(path)), _Packaging)
    except msgspec.ValidationError:  # whoever builds it will say more
        return
    backend = settings.build_system.backend or "setuptools"
    own = settings.tool.setuptools
    is_found = "packages" not in own and "py-modules" not in own
    if settings.project is None or not backend.startswith("setuptools") or not is_found:
        return
    packages = sorted(file.parent.name for file in root.glob("*/__init__.py"))
    packages = [name for name in packages if name not in _NO_PACKAGES]
    modules = sorted(file.stem for file in root.glob("*.py") if file.name not in _NO_MODULES)
    if packages:
        names = ", ".join(f'"{name}*"' for name in packages)
        advice = f"[tool.setuptools.packages.find] include = [{names}]"
    elif modules:
        names = ", ".join(f'"{name}"' for name in modules)
        advice = f"[tool.setuptools] py-modules = [{names}]"
    else:
        return
    yield f"{path.name}: setuptools would take baselines/ for a package; add {advice}"


def _create(path: Path, content: bytes, name: str) -> str:
    if path.exists():
        return f"{name}: exists already"
    write_file(path, content)
    return f"{name}: written"


# --- workflows ---------------------------------------------------------------------------------


def _repository(root: Path, environ: Mapping[str, str]) -> Repository | None:
    """Open the repository that a project is part of, and not one that ignores its folder."""
    repository = open_repository(root, environ)
    if repository is None or repository.prefix == PurePosixPath():
        return repository
    # check-ignore refuses literal paths, and ls-files to be started in a folder that is ignored.
    query = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "--")
    path = repository.prefix.as_posix()
    ignored = repository.line("-C", str(repository.top_level), *query, path) or ""
    is_ignored = f"{path}/".startswith(tuple(ignored.splitlines()))
    return None if is_ignored else repository


def _folder(repository: Repository | None) -> str:
    """Return the way from the repository's top to the project; empty where there is none."""
    if repository is None or repository.prefix == PurePosixPath():
        return ""
    folder = repository.prefix.as_posix()
    if _ODD.search(folder):
        raise UsageError(
            f"{folder}: no folder that a workflow can name: a shell reads spaces, quotes and $"
        )
    return folder


def _pythons(minor: int, *, has_matrix: bool) -> tuple[str, ...]:
    """Choose the version that runs here, which baselines will be of; for a matrix one more."""
    last = max(minor, _OLDEST_MINOR + 1) if has_matrix else minor
    return tuple(f"3.{one}" for one in range(last - 1 if has_matrix else last, last + 1))


def _default_branch(repository: Repository | None) -> str:
    """Say what the remote calls its default branch, else a usual one, else the one that is here."""
    if repository is None:
        return _USUAL_DEFAULTS[0]
    remote = repository.remote()
    head = f"refs/remotes/{remote}/HEAD"
    target = repository.line("symbolic-ref", "--quiet", head) if remote else None
    if target is not None:
        return target.removeprefix(head.removesuffix("HEAD"))
    usual = [name for name in _USUAL_DEFAULTS if repository.commit(f"refs/heads/{name}")]
    return usual[0] if usual else repository.branch() or _USUAL_DEFAULTS[0]


def _is_installable(root: Path) -> bool:
    path = root / "pyproject.toml"
    settings = _parsed(path, _content(path))
    is_described = "project" in settings or "build-system" in settings
    return is_described or (root / "setup.py").exists()


def _content(path: Path) -> bytes:
    """Return what a file holds; nothing where it does not exist."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _appended(old: bytes, new: bytes, *, gap: bool) -> bytes:
    """Add lines at the end with the line ends of what is there, every byte of which stays."""
    end = b"\r\n" if b"\r\n" in old else b"\n"
    between = (b"" if not old or old.endswith(b"\n") else end) + (end if gap else b"")
    return old + between + new.replace(b"\r\n", b"\n").replace(b"\n", end)
