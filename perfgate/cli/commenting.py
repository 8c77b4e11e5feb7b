"""Commands that talk to GitHub: comment and accept-comment."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfgate.cli.options import Shared, shared_options
from perfgate.cli.printing import REPORT, read_report, say
from perfgate.errors import MissingPermissionError, NothingToDoError, ReadOnlyError

if TYPE_CHECKING:
    from perfgate.github.connection import Connection
    from perfgate.github.repository import GitHubRepository

__all__ = ["accept_comment", "comment"]


@click.command()
@click.option(
    "--mode",
    type=click.Choice(["always", "on-change", "on-regression"]),
    default="always",
    help="What is worth a new comment; one that exists is always brought up to date.",
)
@click.option(
    "--workflow",
    metavar="PATH",
    default=".github/workflows/perfgate.yml",
    help="The gate's workflow file.",
)
@click.option(
    "--artifact", metavar="NAME", default="perfgate-report", help="What the gate uploads."
)
@click.option(
    "--id",
    "id_",
    metavar="NAME",
    default="perfgate",
    help="Keeps comments of several suites apart.",
)
@click.option(
    "--author",
    metavar="LOGIN",
    default="github-actions[bot]",
    help="The account that the token writes as.",
)
@click.option(
    "--branch",
    metavar="NAME",
    default="perfgate-data",
    help="Where `perfgate record` keeps runs; shows trends where it exists.",
)
@click.option(
    "--project",
    metavar="DIR",
    show_default="the whole repository",
    help="Folder of the project in its repository.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    show_default=f"{REPORT}, outside GitHub Actions",
    help="Print the comment for this report, and post nothing.",
)
@shared_options
def comment(shared: Shared, /, report: Path | None, **options: Any) -> int:
    """Bring the comment on a pull request up to date, in a workflow_run of the gate's workflow.

    Judges the uploaded report again by the base branch's settings. A missing permission is a
    notice: the gate's verdict is its own job's.
    """
    del shared
    if report is not None or os.environ.get("GITHUB_ACTIONS") != "true":
        from perfgate.commands.comment import preview

        print(preview(read_report(report or Path(REPORT))), end="")
        return 0
    return _done(lambda: _comment(options))


@click.command(name="accept-comment")
@shared_options
def accept_comment(shared: Shared, /) -> int:
    """Record `/perfgate accept SHA REASON`, in a workflow that issue_comment starts.

    Who has write access may accept; the approval is a status of that commit, so a push voids it.
    """
    del shared
    return _done(_accept)


def _comment(options: dict[str, Any]) -> str:
    import datetime as dt

    from perfgate.commands.comment import CommentOptions, Mode, Place
    from perfgate.commands.comment import comment as run_comment
    from perfgate.github.events import refuse_pull_request_target

    refuse_pull_request_target(os.environ)
    wanted = CommentOptions(
        workflow=options["workflow"],
        artifact=options["artifact"],
        id=options["id_"],
        mode=Mode(options["mode"]),
        author=options["author"],
        data_branch=options["branch"],
        folder=(options["project"] or "").removeprefix("./").strip("/"),
    )
    with _github() as (connection, repository):
        place = Place(
            environ=os.environ,
            connection=connection,
            repository=repository,
            today=dt.datetime.now(tz=dt.UTC).date(),
        )
        return run_comment(wanted, place)


def _accept() -> str:
    from perfgate.commands.accept_comment import accept_comment as run_accept_comment
    from perfgate.github.events import refuse_pull_request_target

    refuse_pull_request_target(os.environ)
    with _github() as (_, repository):
        return run_accept_comment(os.environ, repository)


@contextmanager
def _github() -> "Iterator[tuple[Connection, GitHubRepository]]":
    from perfgate.github.client import Client
    from perfgate.github.connection import SystemClock, connection_from
    from perfgate.github.repository import GitHubRepository

    connection = connection_from(os.environ)
    client = Client(connection, SystemClock())
    try:
        yield connection, GitHubRepository(client, os.environ.get("GITHUB_REPOSITORY", ""))
    finally:
        client.close()


def _done(act: Callable[[], str]) -> int:
    """Say what was done; nothing to do, no permission, a locked conversation are notices."""
    try:
        say(f"perfgate: {act()}")
    except (NothingToDoError, MissingPermissionError, ReadOnlyError) as error:
        from perfgate.github.actions import Annotation, AnnotationLevel, annotations
        from perfgate.report.text import visible

        text = visible(str(error))
        say(f"perfgate: {text}")
        if os.environ.get("GITHUB_ACTIONS") == "true":
            notice = Annotation(level=AnnotationLevel.NOTICE, title="perfgate", message=text)
            print(*annotations([notice]), sep="\n")
    return 0
