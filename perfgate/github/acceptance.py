"""``/perfgate accept SHA REASON``: a slowdown approved below the pull request, for one commit.

Who may approve is asked of GitHub: ``author_association`` calls hidden members strangers and lets
readers through. The approval is a status of the commit that it names, so a push voids it.
"""

import dataclasses
import re
from typing import Final

from perfgate.errors import NothingToDoError
from perfgate.github.events import CommentEvent
from perfgate.github.repository import GitHubRepository
from perfgate.github.values import Status

__all__ = ["CONTEXT", "Acceptance", "accept", "parse_command"]

CONTEXT: Final = "perfgate/accepted"
"""Name of the status; a ruleset may ask for it."""
_COMMAND: Final = re.compile(
    r"/perfgate[ \t]+accept[ \t]+(?P<sha>[0-9a-f]{40})[ \t]+(?P<reason>\S.*)"
)
_FORM: Final = "write `/perfgate accept SHA REASON` with all 40 digits of the head's SHA"
_MAY_ACCEPT: Final = frozenset({"admin", "write"})
"""GitHub answers "write" for maintainers too."""
_DESCRIPTION_LIMIT: Final = 140
"""GitHub refuses a longer description of a status."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A command, as it was written."""

    sha: str
    reason: str


def parse_command(body: str) -> Acceptance:
    """Read the first line of a comment.

    Raises:
        NothingToDoError: it is no command, or one that cannot be understood.
    """
    first = body.partition("\n")[0].strip()
    if not re.match(r"/perfgate\b", first):
        raise NothingToDoError("the comment is no command")
    found = _COMMAND.fullmatch(first)
    if found is None:
        raise NothingToDoError(_FORM)
    return Acceptance(sha=found["sha"], reason=found["reason"].strip())


def accept(repository: GitHubRepository, event: CommentEvent) -> str:
    """Record an approval as a status of the head that it names; say what was done.

    Raises:
        NothingToDoError: no command, nobody who may approve, or another commit than the head.
        MissingPermissionError: the token must not do what is needed.
        GitHubError: GitHub did not do it.
    """
    wanted = parse_command(event.comment.body)
    number, login = event.issue.number, event.sender.login
    if event.comment.user is None or event.comment.user.login != login:
        raise NothingToDoError(f"#{number}: the comment is not by the one who sent it")
    permission = repository.permission_of(login)
    if permission not in _MAY_ACCEPT:
        raise NothingToDoError(
            f"#{number}: {login} may {permission} here; accepting takes write access"
        )
    pull_request = repository.pull_request(number)
    if pull_request.state != "open" or pull_request.head.sha != wanted.sha:
        raise NothingToDoError(
            f"#{number}: {wanted.sha[:10]} is not the head of an open pull request, which is "
            f"{pull_request.head.sha[:10]}"
        )
    status = Status(
        context=CONTEXT, state="success", description=_description(login, wanted.reason)
    )
    if status in repository.statuses(wanted.sha):
        return f"#{number}: {wanted.sha[:10]} is accepted already"
    repository.create_status(wanted.sha, status, target_url=event.comment.html_url)
    return f"#{number}: {wanted.sha[:10]} is accepted by {login}"


def _description(login: str, reason: str) -> str:
    """Put who and why into what a status can hold, on one line."""
    shown = "".join(char if char.isprintable() else " " for char in reason)
    text = f"{login}: {' '.join(shown.split())}"
    return text if len(text) <= _DESCRIPTION_LIMIT else text[: _DESCRIPTION_LIMIT - 1] + "…"
