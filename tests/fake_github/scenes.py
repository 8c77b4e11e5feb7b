"""Pull requests with a finished run and its report, and the command that comments on them."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from perfgate.commands.comment import CommentOptions, Mode, Place, comment
from perfgate.commands.compare import finished_report
from perfgate.config import Config
from perfgate.github.client import Client
from perfgate.github.connection import connection_from
from perfgate.github.repository import GitHubRepository
from perfgate.model import Evidence, ReferenceKind, Report, Revision
from perfgate.report.document import encode_report
from perfgate.stats.paired import pairs_needed
from tests.evidence import baseline, measured, pairs, results
from tests.fake_github.description import merged
from tests.fake_github.server import FakeGitHub
from tests.fake_github.state import BASE, BOT, HOME, HOME_ID, WORKFLOW, archive

PAYLOADS = Path(__file__).with_name("payloads")
TOKEN = "ghs_secret"  # noqa: S105 - of nobody
TODAY = dt.date(2026, 1, 2)
NAME = "benchmarks/test_api.py::test_call"


@dataclass
class FakeClock:
    """Time that passes when it is told to."""

    slept_s: list[float] = field(default_factory=list)

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 2, tzinfo=dt.UTC) + dt.timedelta(seconds=sum(self.slept_s))

    def monotonic_s(self) -> float:
        return sum(self.slept_s)

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)


def report_of(*percents: float, config: Config | None = None) -> Report:
    """Return the report of benchmarks that became slower by so much against the merge base."""
    settings = config or Config(root=Path("project"))
    named = {NAME if i == 0 else f"{NAME}[{i}]": percent for i, percent in enumerate(percents)}
    confirmed = pairs_needed(sum(map(_is_suspect, percents)), settings.false_alarms)
    evidence = tuple(_evidence(name, percent, confirmed) for name, percent in named.items())
    found = results(*(measured(name=name) for name in named))
    report = finished_report(evidence, found, settings)
    return msgspec.structs.replace(report, base=Revision(commit=BASE))


def _evidence(name: str, percent: float, count: int) -> Evidence:
    confirmed = percent if _is_suspect(percent) else None
    return Evidence(
        benchmark=name,
        suite="api",
        baseline=baseline(cpu="MOS 6502"),
        pairs=(pairs(ReferenceKind.MERGE_BASE, percent, confirmed, count=count),),
    )


def _is_suspect(percent: float) -> bool:
    return abs(percent) > 1


def zipped(report: Report) -> bytes:
    return archive(("report.json", encode_report(report)))


def payload(name: str, **fields: Any) -> Any:
    found = json.loads((PAYLOADS / f"{name}.json").read_bytes())
    home = {"id": HOME_ID, "full_name": HOME}
    return merged(merged(found, {"repository": home}), fields)


def event_of(run: dict[str, Any], name: str = "workflow_run-pull_request") -> Any:
    """Return the real event with this run in it."""
    kept = ("id", "workflow_id", "run_number", "run_attempt", "event", "path", "conclusion")
    fields = {key: run[key] for key in (*kept, "head_sha", "head_branch", "head_repository")}
    return payload(name, workflow_run=fields)


OPTIONS = CommentOptions(
    workflow=WORKFLOW,
    artifact="perfgate-report",
    id="perfgate",
    mode=Mode.ALWAYS,
    author=BOT,
    data_branch="perfgate-data",
    folder="",
)


@dataclass(kw_only=True)
class Scene:
    """A GitHub and the folder that events are written to."""

    github: FakeGitHub
    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)

    def environ(self, event: Any, name: str = "workflow_run", **more: str) -> dict[str, str]:
        file = self.folder / "event.json"
        file.write_text(json.dumps(event), encoding="utf-8")
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(file),
            "GITHUB_REPOSITORY": HOME,
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_TOKEN": TOKEN,
            **more,
        }

    def asked(self, environ: dict[str, str], act: "Callable[[Place], str]") -> str:
        connection = connection_from(environ)
        client = Client(connection, self.clock)
        try:
            repository = GitHubRepository(client, HOME)
            place = Place(
                environ=environ, connection=connection, repository=repository, today=TODAY
            )
            return act(place)
        finally:
            client.close()

    def comment(self, event: Any, options: CommentOptions = OPTIONS, **environ: str) -> str:
        """Run the command on an event; return what it says."""
        return self.asked(self.environ(event, **environ), lambda place: comment(options, place))

    def finish(self, report: Report | bytes, number: int = 45, **run: Any) -> Any:
        """Let a run of the pull request end with this report; return its event."""
        content = report if isinstance(report, bytes) else zipped(report)
        found = self.github.state.add_run(number, **run)
        self.github.state.add_artifact(found, content)
        return event_of(found)

    @property
    def bodies(self) -> list[str]:
        """Return the comments by the bot."""
        every = self.github.state.comments_of(7)
        return [one["body"] for one in every if one["user"]["login"] == BOT]
