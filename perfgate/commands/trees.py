"""The trees that `perfgate check` compares with, ready to be measured."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from perfgate.commands.run import Machine
from perfgate.config import Config
from perfgate.errors import ReferenceTreeError
from perfgate.git import GitFailure, Repository
from perfgate.measure.dependencies import needs_setup
from perfgate.measure.lockstep import Side
from perfgate.measure.overlay import Overlay, find_overlay
from perfgate.measure.preparation import prepare_environment
from perfgate.measure.sources import source_layout
from perfgate.measure.worktree import Tree, reference_tree

__all__ = ["Trees", "optional_side"]


@dataclass(slots=True)
class Trees:
    """Checked-out references, one per commit whose code differs; removed with the stack."""

    config: Config
    machine: Machine
    repository: Repository
    paths: tuple[str, ...]
    """The suites' files."""
    stack: ExitStack
    warnings: list[str] = field(default_factory=list)
    """How far a tree does not run as it did then."""
    dropped: list[str] = field(default_factory=list)
    """Why a tree could not be had."""
    _sides: dict[str, Side] = field(default_factory=dict)
    _overlay: Overlay | None = None

    def side(self, commit: str, what: str) -> Side:
        """Return the tree of a commit, checked out at most once.

        Raises:
            ReferenceTreeError: it cannot be had, or its environment cannot be set up.
        """
        for known, side in self._sides.items():
            if self.is_same_code(known, commit):
                return side
        tree = self.stack.enter_context(
            reference_tree(
                self.repository,
                self.repository.ensure_commit(commit),
                cache_dir=self.machine.cache_dir,
                overlay=self._laid_over(),
            )
        )
        self.warnings += tree.warnings
        side = self._side_of(tree, f"{what} {commit[:10]}")
        self._sides[commit] = side
        return side

    def commits(self) -> Mapping[str, str]:
        """Return each side's commit by its name."""
        return {side.name: commit for commit, side in self._sides.items()}

    def is_same_code(self, first: str, second: str) -> bool:
        """Say whether two commits differ in nothing but baselines and the harness itself."""
        if first == second:
            return True
        try:
            listing = self.repository.run(
                "diff-tree", "-r", "-z", "--name-only", "--no-renames", first, second
            )
        except GitFailure:  # not both are in this clone
            return False
        return all(self._is_no_code(os.fsdecode(name)) for name in listing.split(b"\0")[:-1])

    def _is_no_code(self, name: str) -> bool:
        """Say whether a file, named from the top level, is of no account for what is measured."""
        path = PurePosixPath(name)
        if not path.is_relative_to(self.repository.prefix):
            return False
        inner = path.relative_to(self.repository.prefix)
        overlay = self._laid_over()
        folders = (PurePosixPath("baselines"), *overlay.folders)
        return inner in overlay.files or any(inner.is_relative_to(folder) for folder in folders)

    def _laid_over(self) -> Overlay:
        if self._overlay is None:
            self._overlay = find_overlay(self.config.root, self.paths)
        return self._overlay

    def _side_of(self, tree: Tree, name: str) -> Side:
        layout = source_layout(tree.path)
        own = source_layout(self.config.root)
        return Side(
            name=name,
            python=self._python_for(tree, name),
            root=tree.path,
            source_paths=layout.paths,
            modules=tuple(dict.fromkeys((*own.modules, *layout.modules))),
            pytest_configuration=tree.pytest_configuration,
        )

    def _python_for(self, tree: Tree, name: str) -> Path:
        reason = needs_setup(self.config.root, tree.path)
        if reason is None:
            return self.machine.python
        if self.config.setup is None:
            self.warnings.append(
                f"{name} ran with the candidate's packages although {reason}: "
                "set [tool.perfgate] setup"
            )
            return self.machine.python
        prepared = prepare_environment(
            tree,
            self.config.setup,
            cache_dir=self.machine.cache_dir,
            python=self.machine.python,
            environ=self.machine.environ,
        )
        return prepared.python


def optional_side(trees: Trees, commit: str, what: str) -> Side | None:
    """Return a side, or None where the tree cannot be had."""
    try:
        return trees.side(commit, what)
    except ReferenceTreeError as error:
        trees.dropped.append(str(error))
        return None
