"""What the repository says was approved, before and by this change."""

from collections.abc import Mapping
from dataclasses import dataclass

from perfgate.baselines.provenance import approved_commits, edited_baselines
from perfgate.baselines.store import baseline_path, load_baselines, nearest_environment
from perfgate.config import Config, Suite
from perfgate.git import Repository
from perfgate.model import Baseline, BaselineEdit, Environment, Evidence, suite_name

__all__ = ["Approved", "read_approved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The baselines that count here, and which commits they came with."""

    baselines: Mapping[str, tuple[str, Baseline]]
    """Suite and line by benchmark; of edited lines the old one."""
    edits: Mapping[str, BaselineEdit]
    commits: Mapping[str, str | None]
    environment: str
    """Where the baselines are from, if not from this environment; else empty."""

    @property
    def lines(self) -> Mapping[str, Baseline]:
        """The baselines by benchmark, whatever their suite."""
        return {name: line for name, (_, line) in self.baselines.items()}

    def evidence(
        self, measured: Mapping[str, str], suites: tuple[Suite, ...]
    ) -> tuple[Evidence, ...]:
        """Return what was approved of each benchmark that was measured, or is of one of the suites.

        Args:
            measured: the suite of each benchmark that this run knows.
            suites: those that were chosen.
        """
        chosen = {suite.name for suite in suites}
        known = {name: suite for name, (suite, _) in self.baselines.items() if suite in chosen}
        left = {name: suite for name, suite in known.items() if name not in measured}
        return tuple(self._evidence_of(*one) for one in {**measured, **left}.items())

    def _evidence_of(self, name: str, suite: str) -> Evidence:
        line = self.baselines.get(name)
        return Evidence(
            benchmark=name,
            suite=suite,
            baseline=line[1] if line else None,
            baseline_environment=self.environment if line else "",
            edit=self.edits.get(name),
        )


def read_approved(
    config: Config,
    environment: Environment,
    repository: Repository | None,
    base_commit: str | None,
) -> Approved:
    """Read the baselines of this environment, else of the nearest, as the base commit has them.

    Args:
        config: the settings, which say where the baselines lie.
        environment: that of this run.
        repository: what tells which commit approved a line; None: nothing does.
        base_commit: what edits are told by; None: no edit is looked for.

    Raises:
        BaselineError: a file is damaged.
    """
    folder = config.root / "baselines"
    key = environment.key
    nearest = key if load_baselines(folder, key) else nearest_environment(folder, key)
    files = load_baselines(folder, nearest) if nearest else ()
    lines = {name: (file.suite, line) for file in files for name, line in file.baselines.items()}
    other = "" if nearest == key else nearest or ""
    if repository is None:
        return Approved(baselines=lines, edits={}, commits={}, environment=other)
    paths = [baseline_path(folder, nearest or key, file.suite) for file in files]
    edits = dict(edited_baselines(repository, base_commit, paths)) if base_commit else {}
    for name, edit in edits.items():
        if edit.old is not None:
            suite = lines[name][0] if name in lines else suite_name(name.partition("::")[0])
            lines[name] = (suite, edit.old)
        else:
            lines.pop(name, None)
    commits = approved_commits(repository, paths)
    return Approved(
        baselines=lines,
        edits=edits,
        # What this change itself approves is the candidate's own code: nothing to compare with.
        commits={name: commit for name, commit in commits.items() if name not in edits},
        environment=other,
    )
