"""The one comment of ours on a pull request: found again, kept newest, never doubled."""

import dataclasses
import enum
import re
from collections.abc import Callable, Sequence
from typing import Final

from perfgate.errors import GitHubError
from perfgate.github.repository import GitHubRepository
from perfgate.github.values import Comment, PullRequest

__all__ = ["Done", "Draft", "Marker", "Upsert", "is_comment_id", "marker_of", "put_comment"]

_MARKER: Final = re.compile(
    r"<!-- perfgate id=(?P<id>[a-z0-9][a-z0-9-]{0,39}) run=(?P<run>[0-9]{1,18}) "
    r"attempt=(?P<attempt>[0-9]{1,9}) sha=(?P<sha>[0-9a-f]{40,64}) -->(?:\r?\n|\Z)"
)
_ID: Final = re.compile(r"[a-z0-9](?:-?[a-z0-9]){0,19}")
_TOO_LONG: Final = 422
_GONE: Final = frozenset({404, 410})
_SHORT_CHARS: Final = 20_000
"""Of the second try, where GitHub found the first one too long."""

Render = Callable[[str, int | None], str]
"""Takes the marker and a limit of characters (None: the usual one), returns the comment."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """The first line of a comment of ours: whose it is, and which run it shows."""

    id: str
    """Tells several suites of one repository apart."""
    run_number: int
    attempt: int
    sha: str

    @property
    def order(self) -> tuple[int, int]:
        """What tells a newer run from an older one."""
        return self.run_number, self.attempt

    def __str__(self) -> str:
        """Write it as an HTML comment, which nobody sees."""
        run = f"run={self.run_number} attempt={self.attempt}"
        return f"<!-- perfgate id={self.id} {run} sha={self.sha} -->"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to stand on a pull request."""

    marker: Marker
    render: Render
    is_wanted: bool
    """Worth a new comment; one that exists is brought up to date in any case."""
    author: str
    """Login of the account that the token writes as; nobody else's comment is touched."""


class Done(enum.Enum):
    """What became of a draft."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    NEWER = "newer"
    """A newer run has written already."""
    MOVED = "moved"
    """The head of the pull request is another one by now."""
    NOT_WANTED = "not-wanted"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """What was done, and how many comments of ours were too many."""

    done: Done
    removed: int = 0


def is_comment_id(text: str) -> bool:
    """Say whether a marker can bear this id."""
    return _ID.fullmatch(text) is not None


def marker_of(body: str) -> Marker | None:
    """Read the marker at the very beginning of a comment; None where there is none."""
    found = _MARKER.match(body)
    if found is None:
        return None
    return Marker(
        id=found["id"],
        run_number=int(found["run"]),
        attempt=int(found["attempt"]),
        sha=found["sha"],
    )


def put_comment(repository: GitHubRepository, number: int, draft: Draft) -> Upsert:
    """Make exactly one comment of ours show the draft.

    Raises:
        MissingPermissionError: the token must not write.
        GitHubError: it was not done.
    """
    own = _own(repository, number, draft)
    if not own:
        return _create(repository, number, draft)
    done = _update(repository, number, own, draft)
    return Upsert(done=done, removed=_remove(repository, own[1:]) if _is_settled(done) else 0)


def _own(repository: GitHubRepository, number: int, draft: Draft) -> list[Comment]:
    """Return the comments of ours, the oldest first: a marker of anybody else counts nothing."""
    found = [
        one
        for one in repository.comments(number)
        if one.user is not None
        and one.user.login == draft.author
        and (one.user.type == "Bot" or not draft.author.endswith("[bot]"))
        and (marker := marker_of(one.body)) is not None
        and marker.id == draft.marker.id
    ]
    return sorted(found, key=lambda one: one.id)


def _update(
    repository: GitHubRepository, number: int, own: Sequence[Comment], draft: Draft
) -> Done:
    newest = max(marker.order for one in own if (marker := marker_of(one.body)) is not None)
    if newest > draft.marker.order:
        return Done.NEWER
    body = draft.render(str(draft.marker), None)
    if _text(own[0].body) == _text(body):
        return Done.UNCHANGED
    if _has_moved(repository.pull_request(number), draft):
        return Done.MOVED
    try:
        _write(draft, body, lambda text: repository.update_comment(own[0].id, text))
    except GitHubError as error:
        if error.status not in _GONE:
            raise
        return _create(repository, number, draft).done  # removed since we looked
    return Done.UPDATED


def _create(repository: GitHubRepository, number: int, draft: Draft) -> Upsert:
    if not draft.is_wanted:
        return Upsert(done=Done.NOT_WANTED)
    if _has_moved(repository.pull_request(number), draft):
        return Upsert(done=Done.MOVED)
    body = draft.render(str(draft.marker), None)
    lost: GitHubError | None = None
    try:
        _write(draft, body, lambda text: repository.create_comment(number, text))
    except GitHubError as error:
        if error.status is not None and error.status < 500:  # noqa: PLR2004 - it was refused
            raise
        lost = error  # it may be there all the same
    own = _own(repository, number, draft)
    if not own:
        raise lost or GitHubError(f"#{number}", "the comment was written, but is not there")
    return _after_race(repository, number, own, draft)


def _after_race(
    repository: GitHubRepository, number: int, own: Sequence[Comment], draft: Draft
) -> Upsert:
    """Leave the first of several comments that were created at the same time."""
    if len(own) == 1:
        return Upsert(done=Done.CREATED)
    done = _update(repository, number, own, draft)
    if not _is_settled(done):
        return Upsert(done=done)
    return Upsert(done=Done.CREATED, removed=_remove(repository, own[1:]))


def _is_settled(done: Done) -> bool:
    """Say whether the oldest comment shows the draft, so that the others are copies."""
    return done in {Done.UPDATED, Done.UNCHANGED}


def _remove(repository: GitHubRepository, copies: Sequence[Comment]) -> int:
    for one in copies:
        try:
            repository.delete_comment(one.id)
        except GitHubError as error:
            if error.status not in _GONE:
                raise
    return len(copies)


def _write(draft: Draft, body: str, write: Callable[[str], object]) -> None:
    """Write a text, and a much shorter one where GitHub finds it too long."""
    try:
        write(body)
    except GitHubError as error:
        if error.status != _TOO_LONG or "too long" not in error.problem:
            raise
        write(draft.render(str(draft.marker), _SHORT_CHARS))


def _has_moved(pull_request: PullRequest, draft: Draft) -> bool:
    return pull_request.state != "open" or pull_request.head.sha != draft.marker.sha


def _text(body: str) -> str:
    """Return what people see of a comment: the marker names the run, and says nothing to them."""
    return "\n".join(_MARKER.sub("", body, count=1).splitlines()).strip()
