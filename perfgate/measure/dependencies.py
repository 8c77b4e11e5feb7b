"""What a tree needs installed, told from its files; whether two trees can share an interpreter."""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from perfgate.measure.sources import read_pyproject, setup_keywords

__all__ = ["compiled_part", "dependency_files", "needs_setup"]

_DEPENDENCY_FILES: Final = (
    "pyproject.toml", "setup.py", "setup.cfg", "requirements*.txt", "requirements*.in",
    "requirements/*.txt", "requirements/*.in", "constraints*.txt", "uv.lock", "poetry.lock",
    "pdm.lock", "pylock*.toml", "Pipfile", "Pipfile.lock", "environment.yml", "environment.yaml",
)  # fmt: skip
_PROJECT_KEYS: Final = ("dependencies", "optional-dependencies", "requires-python")
_OWN_SOURCES: Final = frozenset({"editable", "virtual", "directory"})
_SETUP_KEYS: Final = ("install_requires", "extras_require", "setup_requires", "python_requires")
_COMPILED_KEYS: Final = ("ext_modules", "cffi_modules", "rust_extensions", "ext_package")
_COMPILING_BACKENDS: Final = re.compile(
    r"(?i)^(maturin|scikit-build(-core)?|meson-python|setuptools-rust|cython|mypy|pybind11|nanobind"
    r"|cffi|hatch-cython|hatch-mypyc|poetry-dynamic-cython)(?![\w-])"
)
_COMPILED_FILES: Final = ("*.pyx", "*.pyxbld")
_NOT_OWN: Final = frozenset({"node_modules", "site-packages", "venv"})


def needs_setup(candidate: Path, reference: Path) -> str | None:
    """Say why the candidate's interpreter cannot run the reference; None where it can.

    The order of dependencies, comments, and a project's own version in its lock file do not count.
    """
    for project in (candidate, reference):
        compiled = compiled_part(project)
        if compiled is not None:
            return f"the project has compiled parts ({compiled})"
    mine, theirs = _requirements(candidate), _requirements(reference)
    different = sorted(
        name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)
    )
    return f"dependencies differ in {', '.join(different)}" if different else None


def _requirements(project: Path) -> Mapping[str, object]:
    """Return what each file asks to be installed, in a form that can be compared."""
    return {
        name: asked
        for name, file in dependency_files(project)
        if (asked := _asked(project, file)) not in (None, {}, ())
    }


def dependency_files(project: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and path of each file that may say what to install."""
    for pattern in _DEPENDENCY_FILES:
        for file in sorted(project.glob(pattern)):
            if file.is_file():
                yield file.relative_to(project).as_posix(), file


def _asked(project: Path, file: Path) -> object:
    asked: object
    match file.name:
        case "pyproject.toml":
            asked = _asked_by_pyproject(read_pyproject(project))
        case "setup.py":
            keywords = setup_keywords(project)
            asked = {key: ast.dump(keywords[key]) for key in _SETUP_KEYS if key in keywords}
        case "setup.cfg":
            asked = _asked_by_setup_cfg(file)
        case "uv.lock":
            asked = _asked_by_uv_lock(file)
        case name if name.endswith((".txt", ".in")):
            asked = _asked_by_list(file)
        case _:
            asked = file.read_bytes()
    return asked


def _asked_by_list(file: Path) -> object:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    asked = (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines)
    return tuple(sorted(filter(None, asked)))


def _asked_by_pyproject(document: Mapping[str, Any]) -> object:
    project, tool = document.get("project", {}), document.get("tool", {})
    asked = {
        **{f"project.{key}": project.get(key) for key in _PROJECT_KEYS},
        "build-system.requires": document.get("build-system", {}).get("requires"),
        "dependency-groups": document.get("dependency-groups"),
        "uv": {
            key: tool.get("uv", {}).get(key)
            for key in ("sources", "dev-dependencies", "override-dependencies")
        },
        "poetry": {
            key: tool.get("poetry", {}).get(key)
            for key in ("dependencies", "dev-dependencies", "group", "extras")
        },
        "pdm": tool.get("pdm", {}).get("dev-dependencies"),
    }
    return _without_order(asked)


def _without_order(value: object) -> object:
    """Sort every list and leave out what is empty."""
    if isinstance(value, dict):
        inner = {key: _without_order(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in (None, {}, ())}
    if isinstance(value, list):
        return tuple(sorted((_without_order(item) for item in value), key=repr))
    return value


def _asked_by_setup_cfg(file: Path) -> object:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return file.read_bytes()
    asked = {
        key: tuple(sorted(parser.get("options", key, fallback="").split("\n")))
        for key in _SETUP_KEYS
        if parser.has_option("options", key)
    }
    if parser.has_section("options.extras_require"):
        asked["extras"] = tuple(sorted(map(repr, parser.items("options.extras_require"))))
    return asked


def _asked_by_uv_lock(file: Path) -> object:
    """Leave the version of the project itself out: a release changes it, and installs nothing."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return file.read_bytes()
    for package in document.get("package", ()):
        if _OWN_SOURCES.intersection(package.get("source", {})):
            package.pop("version", None)
    return _without_order(document)


def compiled_part(project: Path) -> str | None:
    """Name what would have to be compiled; None where everything is Python."""
    return next(_compiled_parts(project), None)


def _compiled_parts(project: Path) -> Iterator[str]:
    document = read_pyproject(project)
    for requirement in document.get("build-system", {}).get("requires", ()):
        if isinstance(requirement, str) and _COMPILING_BACKENDS.match(requirement):
            yield f"built with {requirement}"
    if document.get("tool", {}).get("setuptools", {}).get("ext-modules"):
        yield "tool.setuptools.ext-modules"
    keywords = setup_keywords(project)
    yield from (f"{key} in setup.py" for key in _COMPILED_KEYS if key in keywords)
    for pattern in _COMPILED_FILES:
        for file in project.rglob(pattern):
            inner = file.relative_to(project)
            if not any(part.startswith(".") or part in _NOT_OWN for part in inner.parts):
                yield inner.as_posix()
