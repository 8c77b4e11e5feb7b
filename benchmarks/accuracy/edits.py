"""Edits of source code: some that change nothing but memory layout, some that make it slower."""

import ast
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.accuracy.subjects import Target

__all__ = ["edit_unrelated", "slow_down"]

_UNRELATED_FILES: Final = 5
_MODULES: Final = ("colorsys", "sched", "this", "wave", "zipapp", "cmd", "code", "netrc")


def edit_unrelated(package: Path, rng: random.Random) -> None:
    """Add functions, docstrings and imports to some modules: nothing that a benchmark runs."""
    modules = sorted(path for path in package.rglob("*.py") if path.name != "__init__.py")
    for path in rng.sample(modules, min(_UNRELATED_FILES, len(modules))):
        added = [f"from {rng.choice(_MODULES[:2])} import __doc__ as _added_doc  # noqa"]
        for number in range(rng.randint(1, 6)):
            lines = [f"    value_{line} = {rng.random()!r}" for line in range(rng.randint(1, 30))]
            words = " ".join(rng.choice(_MODULES) for _ in range(rng.randint(1, 60)))
            body = "\n".join([f'    """{words}"""', *lines, "    return None"])
            added.append(f"def _added_{number}(argument=None):\n{body}")
        path.write_text(path.read_text(encoding="utf-8") + "\n\n" + "\n\n\n".join(added) + "\n")


def slow_down(root: Path, turns: Mapping[Target, int]) -> None:
    """Put so many needless assignments at the start of each function: 10 ns or so each.

    A loop would be shorter to write, but its beginning alone costs as much as ten of them.
    """
    for file in {target.file for target in turns}:
        own = {target: count for target, count in turns.items() if target.file == file and count}
        path = root / file
        source = path.read_text(encoding="utf-8")
        lines = source.splitlines(keepends=True)
        places = {_body(ast.parse(source), target.function): own[target] for target in own}
        for node in sorted(places, key=lambda node: -node.lineno):
            indent = " " * node.col_offset
            lines.insert(node.lineno - 1, f"{indent}_slower = None\n" * places[node])
        path.write_text("".join(lines), encoding="utf-8")


def _body(tree: ast.Module, name: str) -> ast.stmt:
    """Return the first statement of a function after its docstring."""
    *classes, function = name.split(".")
    nodes: Iterable[ast.stmt] = tree.body
    for part in classes:
        nodes = next(n.body for n in nodes if isinstance(n, ast.ClassDef) and n.name == part)
    found = [n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == function]
    body = found[-1].body  # the last one: overloads come before it
    first = body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1] if has_docstring and len(body) > 1 else first
