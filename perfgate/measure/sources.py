"""Where a project keeps what it lets others import, told from its files without running them.

With these paths first on PYTHONPATH a process imports this tree, whatever is installed: PYTHONPATH
stands before site-packages, where ``.pth`` lines of editable installs are appended, and the finders
of the other kind of editable install are appended to ``sys.meta_path`` behind the one that walks
the path. A top-level name that only the other tree has would still come from there: hence look
at the modules of both trees together when checking what was imported.
"""

import ast
import configparser
import contextlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["SourceLayout", "read_pyproject", "setup_keywords", "source_layout"]

# Folders and files at the top of a flat layout that are not the product; the folders after
# setuptools (FlatLayoutPackageFinder.DEFAULT_EXCLUDE).
_NOT_PRODUCT: Final = re.compile(
    r"""(?x)
    (tests?|unit_tests?|bench(es|marks?)?)(_\w*)? | \w+_tests?
    | ci | bin | debian | docs? | documentation | manpages | news | newsfragments | changelog
    | examples? | scripts | tools | utils? | python | build | dist | exercises? | htmlcov | tasks
    | fabfile | site_scons | venv | env | node_modules
    | setup | conftest | noxfile | toxfile | versioneer | dodo | pavement | wscript
    """
)
_SUITE_FILE: Final = re.compile(r"(test_|bench_)\w*\.py|\w+_test\.py|conftest\.py")
_NAMESPACE_DEPTH: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLayout:
    """What a project's code is imported from; both empty where no code could be found."""

    paths: tuple[Path, ...]
    """Folders for the module path."""
    modules: tuple[str, ...]
    """Importable names: top-level modules and packages; below a namespace its own members."""
    files: tuple[Path, ...]
    """The file or folder of each module, in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """One folder for the module path; without names, whatever is found in it."""

    folder: str
    names: tuple[str, ...] = ()


def source_layout(root: Path) -> SourceLayout:
    """Find a project's code: where its packaging metadata says, else ``src/``, else the root.

    Empty for a project that holds no code (its benchmarks then measure what is installed) or hides
    it in a way that only running its build could tell.
    """
    root = root.resolve()
    declared = [
        entry for entry in _declarations(root) if (root / entry.folder).resolve().is_dir()
    ] or [_Declared(folder="src"), _Declared(folder=".")]
    found: dict[str, tuple[Path, Path]] = {}
    for entry in declared:
        folder = (root / entry.folder).resolve()
        if entry.names:
            modules = [pair for name in entry.names for pair in _named_module(folder, name)]
        else:
            modules = list(_modules_in(folder, is_flat=folder == root))
        for name, file in modules:
            found.setdefault(name, (folder, file))
        if found and len(declared) > 1 and entry == _Declared(folder="src"):
            break  # a src layout: what lies beside src is not the product
    return SourceLayout(
        paths=tuple(dict.fromkeys(folder for folder, _ in found.values())),
        modules=tuple(found),
        files=tuple(file for _, file in found.values()),
    )


def read_pyproject(root: Path) -> Mapping[str, Any]:
    """Return a project's pyproject.toml; empty where it is absent or malformed."""
    try:
        return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def setup_keywords(root: Path) -> Mapping[str, ast.expr]:
    """Return the arguments of ``setup()`` in a project's setup.py, unevaluated."""
    try:
        module = ast.parse((root / "setup.py").read_bytes())
    except (FileNotFoundError, SyntaxError, ValueError):
        return {}
    return {
        keyword.arg: keyword.value
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and _last_name(node.func) == "setup"
        for keyword in node.keywords
        if keyword.arg is not None
    }


def _last_name(expression: ast.expr) -> str:
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""


# --- what the metadata says --------------------------------------------------------------------


def _declarations(root: Path) -> list[_Declared]:
    tool = _table(read_pyproject(root), "tool")
    entries = [
        *_setuptools(_table(tool, "setuptools")),
        *_package_paths(_texts(_table(tool, "hatch", "build", "targets", "wheel"), "packages")),
        *_package_paths(_texts(_table(tool, "scikit-build", "wheel"), "packages")),
        *_poetry(_table(tool, "poetry").get("packages")),
        *_folders(_texts(_table(tool, "hatch", "build"), "dev-mode-dirs")),
        *_folders(_texts(_table(tool, "pdm", "build"), "package-dir")),
        *_folders(_texts(_table(tool, "maturin"), "python-source")),
        *_folders(_texts(_table(tool, "uv", "build-backend"), "module-root")),
        *_setup_cfg(root / "setup.cfg"),
        *_setup_py(setup_keywords(root)),
    ]
    return list(dict.fromkeys(entries))


def _setuptools(table: Mapping[str, Any]) -> Iterator[_Declared]:
    base = _table(table, "package-dir").get("")
    folder = base if isinstance(base, str) else "."
    names = (*_texts(table, "packages"), *_texts(table, "py-modules"))
    if names:
        yield _Declared(folder=folder, names=names)
    elif isinstance(base, str):
        yield _Declared(folder=base)
    yield from _folders(
        where for where in _texts(_table(table, "packages", "find"), "where") if where != "."
    )


def _package_paths(paths: Sequence[str]) -> Iterator[_Declared]:
    """Understand ``src/name``: a package and the folder that it is imported from."""
    for path in paths:
        folder, _, name = path.strip("/").rpartition("/")
        yield _Declared(folder=folder or ".", names=(name,))


def _poetry(packages: object) -> Iterator[_Declared]:
    for package in packages if isinstance(packages, list) else ():
        if isinstance(package, dict) and isinstance(package.get("include"), str):
            name = package["include"].split("/")[0].removesuffix(".py")
            yield _Declared(folder=str(package.get("from") or "."), names=(name,))


def _folders(folders: Iterable[str]) -> Iterator[_Declared]:
    for folder in folders:
        yield _Declared(folder=folder or ".")


def _setup_cfg(file: Path) -> Iterator[_Declared]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return
    base = re.search(r"(?m)^\s*=\s*(\S+)", parser.get("options", "package_dir", fallback=""))
    names = [
        name
        for key in ("packages", "py_modules")
        for name in re.split(r"[\s,]+", parser.get("options", key, fallback=""))
        if name and not name.startswith("find")
    ]
    if names:
        yield _Declared(folder=base[1] if base else ".", names=tuple(names))
    elif base:
        yield _Declared(folder=base[1])
    yield from _folders(parser.get("options.packages.find", "where", fallback="").split())


def _setup_py(keywords: Mapping[str, ast.expr]) -> Iterator[_Declared]:
    literals = {}
    for name, expression in keywords.items():
        with contextlib.suppress(ValueError):
            literals[name] = ast.literal_eval(expression)
    yield from _setuptools(
        {
            "package-dir": literals.get("package_dir"),
            "packages": literals.get("packages"),
            "py-modules": literals.get("py_modules"),
        }
    )


def _table(table: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for key in path:
        value = table.get(key)
        table = value if isinstance(value, dict) else {}
    return table


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key)
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


# --- what the folders hold ---------------------------------------------------------------------


def _named_module(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    top = name.split(".", maxsplit=1)[0]
    if (folder / top).is_dir():
        if (folder / top / "__init__.py").is_file():
            yield top, folder / top
        else:
            yield from _namespace(folder / top, top, _NAMESPACE_DEPTH)
    elif (folder / f"{top}.py").is_file():
        yield top, folder / f"{top}.py"


def _modules_in(folder: Path, *, is_flat: bool) -> Iterator[tuple[str, Path]]:
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = _module_name(entry)
        if not name.isidentifier() or (is_flat and _NOT_PRODUCT.fullmatch(name)):
            continue
        if entry.is_file() or (entry / "__init__.py").is_file():
            yield name, entry
        elif not (is_flat and _holds_suites(entry)):
            yield from _namespace(entry, name, _NAMESPACE_DEPTH)


def _holds_suites(folder: Path) -> bool:
    """Say whether a folder without an __init__.py is there for pytest, whatever it is called."""
    return any(_SUITE_FILE.fullmatch(entry.name) for entry in folder.rglob("*.py"))


def _namespace(folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, Path]]:
    """Name the members of a namespace package, which has no file of its own to be known by."""
    for entry in sorted(folder.iterdir()):
        name = _module_name(entry)
        if not name.isidentifier():
            continue
        if entry.is_file() or (entry / "__init__.py").is_file():
            yield f"{prefix}.{name}", entry
        elif depth > 1:
            yield from _namespace(entry, f"{prefix}.{name}", depth - 1)


def _module_name(entry: Path) -> str:
    """Return the name that an entry is imported by; empty for what cannot be imported."""
    if entry.is_dir():
        return "" if entry.name == "__pycache__" else entry.name
    return entry.name.split(".")[0] if entry.suffix in {".py", ".so", ".pyd"} else ""
