"""Whether `perfgate explain` names the function that was slowed: seeded slowdowns of a project.

Ten functions of one benchmark, each slowed once in Python and once in C that it calls, by about a
tenth of the whole call.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

__all__ = ["slowdowns"]

_FUNCTIONS: Final = 10
_GIT: Final = ("git", "-c", "user.name=perfgate", "-c", "user.email=perfgate@example.com")
_BODIES: Final = (
    "    return sum(number * number for number in range(size))",
    "    return len(sorted(str(number) for number in range(size)))",
    "    return len({number: [number] for number in range(size)})",
    '    return ",".join([f"{number:x}" for number in range(size)]).count("a")',
    "    total = 0\n    for number in range(size):\n        total ^= number\n    return total",
)
_IN_PYTHON: Final = (
    "    for number in range({work}):\n        number * 3",
    "    step = {work}\n    while step:\n        step -= 1",
)
_IN_C: Final = ("    sum(range({work}))", "    sorted(range({work}))", "    max(range({work}))")
_SUITE: Final = "from work import whole\n\ndef test_whole(benchmark):\n    benchmark(whole, 100)\n"
_NAME: Final = "benchmarks/test_work.py::test_whole"


def slowdowns(environ: Mapping[str, str], seed: int) -> Iterator[tuple[str, str, str, float]]:
    """Yield what was slowed, where, which function came first, and how much the call took more."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        bodies = [rng.choice(_BODIES) for _ in range(_FUNCTIONS)]
        _write(root, bodies)
        for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "before")):
            subprocess.run([*_GIT, *arguments], cwd=root, check=True)
        for number in range(_FUNCTIONS):
            for kind, choices, work in (("Python", _IN_PYTHON, 350), ("C", _IN_C, 900)):
                slower = list(bodies)
                added = rng.choice(choices).format(work=work)
                slower[number] = f"{added}\n{bodies[number]}"
                _write(root, slower)
                first, growth = _explained(root, environ, Path(folder))
                yield f"part_{number}", kind, first, growth


def _write(root: Path, bodies: list[str]) -> None:
    functions = [f"def part_{number}(size):\n{body}\n" for number, body in enumerate(bodies)]
    calls = ", ".join(f"part_{number}(size)" for number in range(len(bodies)))
    functions.append(f"def whole(size):\n    return [{calls}]\n")
    for name, text in {
        "src/work.py": "\n\n".join(functions),
        "benchmarks/test_work.py": _SUITE,
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\n',
        ".gitignore": ".perfgate/\n__pycache__/\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def _explained(root: Path, environ: Mapping[str, str], folder: Path) -> tuple[str, float]:
    """Return the function of the project that grew most; callgrind has no say in it."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    git = shutil.which("git")
    if git is not None and not (tools / "git").exists():
        (tools / "git").symlink_to(git)
    done = subprocess.run(
        [sys.executable, "-m", "perfgate", "explain", _NAME, "--base", "HEAD", "--json", "-"],
        cwd=root,
        env={**environ, "PATH": str(tools), "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        check=True,
    )
    found = json.loads(done.stdout)
    growth = found["seconds_after"] / found["seconds_before"] - 1
    return (found["python"][0]["name"] if found["python"] else "nothing"), growth


def main() -> None:
    """Print every slowdown and what was named."""
    named = 0
    found = list(slowdowns(dict(os.environ), seed=1))
    for function, kind, first, growth in found:
        named += function == first
        print(f"{function} slowed in {kind}: named {first} ({growth:+.1%} under the profiler)")
    print(f"named: {named} of {len(found)}")


if __name__ == "__main__":
    main()
