"""``perfgate init``: settings, a first suite and a workflow; what exists is never changed."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

from perfgate.errors import UsageError

__all__ = ["initialise"]

_FILES: Final = (
    ("first_suite.py.txt", "benchmarks/test_first.py"),
    ("perfgate.yml.txt", ".github/workflows/perfgate.yml"),
)
_TABLE: Final = "[tool.perfgate]"


def initialise(root: Path) -> Iterator[str]:
    """Write what is missing into a project; yield a line for each file.

    Raises:
        UsageError: a file cannot be written.
    """
    yield _settings(root / "pyproject.toml")
    has_suites = any((root / "benchmarks").glob("*.py"))
    for template, target in _FILES:
        if target.startswith("benchmarks") and has_suites:
            yield "benchmarks: has suites already"
            continue
        yield _create(root / target, _template(template), target)
    yield _ignore(root / ".gitignore")
    yield 'next: perfgate update-baselines --reason "first numbers", and commit what it wrote'


def _template(name: str) -> str:
    return resources.files("perfgate.commands").joinpath("templates", name).read_text("utf-8")


def _settings(path: Path) -> str:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if any(line.strip() == _TABLE for line in text.splitlines()):
        return f"{path.name}: has {_TABLE} already"
    gap = "\n" if text else ""
    _write(path, text + gap + _template("settings.toml.txt"))
    return f"{path.name}: {'added' if text else 'written with'} {_TABLE}"


def _ignore(path: Path) -> str:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if ".perfgate/" in text.splitlines():
        return f"{path.name}: ignores .perfgate/ already"
    gap = "\n" if text and not text.endswith("\n") else ""
    _write(path, f"{text}{gap}.perfgate/\n")
    return f"{path.name}: ignores .perfgate/ now"


def _create(path: Path, text: str, name: str) -> str:
    if path.exists():
        return f"{name}: exists already"
    _write(path, text)
    return f"{name}: written"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
