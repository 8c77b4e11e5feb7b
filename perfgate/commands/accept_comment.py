"""``perfgate accept-comment``: an approval that a maintainer wrote below the pull request."""

from collections.abc import Mapping

from perfgate.github.acceptance import accept
from perfgate.github.events import read_comment_event
from perfgate.github.repository import GitHubRepository

__all__ = ["accept_comment"]


def accept_comment(environ: Mapping[str, str], repository: GitHubRepository) -> str:
    """Record the approval in the comment that started the workflow; say what was done.

    Raises:
        UsageError: another event started this.
        NothingToDoError: nothing was approved, with the reason.
        MissingPermissionError: the token must not do what is needed.
        GitHubError: GitHub did not do it.
    """
    return accept(repository, read_comment_event(environ))
