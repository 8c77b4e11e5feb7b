"""The archive that a run left behind, hostile until proven otherwise: one member, in memory.

Nothing is ever extracted. Whoever opens a pull request may have written every byte of it.
"""

import hashlib
import io
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

from perfgate.errors import GitHubError, InputFileError, NothingToDoError
from perfgate.github.repository import GitHubRepository
from perfgate.github.values import Artifact, WorkflowRun

__all__ = ["ARCHIVE_LIMIT_BYTES", "MEMBER", "MEMBER_LIMIT_BYTES", "download_report", "read_member"]

ARCHIVE_LIMIT_BYTES: Final = 16 << 20
MEMBER_LIMIT_BYTES: Final = 64 << 20
"""A report of 20,000 benchmarks in five processes each takes half of it."""
MEMBER: Final = "report.json"
_MOST_MEMBERS: Final = 8
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""The others need far more memory than they bring bytes."""
_ENCRYPTED: Final = 0x1
_GONE: Final = frozenset({404, 410})
_NAME_LIMIT: Final = 80
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,  # a method or version of the format that zipfile does not know
    RuntimeError,
    ValueError,
    OverflowError,
)
"""What zipfile raises, depending on where the bytes are broken."""


def download_report(repository: GitHubRepository, run: WorkflowRun, name: str) -> bytes:
    """Return the document in the newest artifact of a run; attempts leave one each.

    Raises:
        NothingToDoError: the run left none, or it has expired.
        InputFileError: it is not what a gate uploads.
        GitHubError: it cannot be had.
    """
    found = _newest(repository.artifacts(run.id, name), run, name)
    source = f"artifact {name} of run {run.id}"
    if found.size_in_bytes > ARCHIVE_LIMIT_BYTES:
        problem = f"is {found.size_in_bytes:,} bytes, more than {ARCHIVE_LIMIT_BYTES:,}"
        raise InputFileError(source, "", problem)
    archive = _archive(repository, found, source)
    kind, _, digest = (found.digest or "").partition(":")
    if kind == "sha256" and digest != hashlib.sha256(archive).hexdigest():
        raise InputFileError(source, "", "is not what was uploaded: its digest differs")
    return read_member(archive, source)


def read_member(archive: bytes, source: str) -> bytes:
    """Return the one member that counts, whole; ``source`` names the archive in errors.

    Raises:
        InputFileError: too many members, one twice, one that is no plain file or leads elsewhere,
            too many bytes, or no archive at all.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            member = _member(opened.infolist(), source)
            with opened.open(member) as stream:
                data = stream.read(MEMBER_LIMIT_BYTES + 1)
    except _BROKEN as error:
        problem = " ".join(str(error).split())[:_NAME_LIMIT]
        raise InputFileError(source, "", f"is a broken archive: {problem}") from error
    if len(data) != member.file_size:
        raise InputFileError(source, MEMBER, "is not as long as the archive says")
    return data


def _newest(artifacts: Sequence[Artifact], run: WorkflowRun, name: str) -> Artifact:
    """Choose among those that GitHub itself binds to the run and its commit."""
    own = [
        one
        for one in artifacts
        if one.name == name
        and one.workflow_run is not None
        and (one.workflow_run.id, one.workflow_run.head_sha) == (run.id, run.head_sha)
    ]
    usable = [one for one in own if not one.expired]
    if not usable:
        what = "has expired" if own else "is not there"
        raise NothingToDoError(f"run {run.id}: its artifact {name} {what}: nothing to comment on")
    return max(usable, key=lambda one: one.id)


def _archive(repository: GitHubRepository, found: Artifact, source: str) -> bytes:
    try:
        return repository.artifact_zip(found.id, ARCHIVE_LIMIT_BYTES)
    except GitHubError as error:
        if error.status not in _GONE:
            raise
        raise NothingToDoError(f"{source}: has been removed: nothing to comment on") from error


def _member(members: Sequence[zipfile.ZipInfo], source: str) -> zipfile.ZipInfo:
    if len(members) > _MOST_MEMBERS:
        raise InputFileError(source, "", f"has {len(members):,} members, more than {_MOST_MEMBERS}")
    for name, count in Counter(one.filename for one in members).items():
        if count > 1:
            raise InputFileError(source, _named(name), "is in the archive twice")
    for one in members:
        problem = _problem(one)
        if problem:
            raise InputFileError(source, _named(one.orig_filename), problem)
    found = next((one for one in members if one.filename == MEMBER), None)
    if found is None:
        raise InputFileError(source, MEMBER, "is not in the archive")
    return found


def _problem(member: zipfile.ZipInfo) -> str:
    """Say why a member has no place in an artifact of ours; empty where it has."""
    name, kind = member.orig_filename, stat.S_IFMT(member.external_attr >> 16)
    if name.startswith(("/", "\\")) or not {"..", ""}.isdisjoint(
        name.replace("\\", "/").split("/")
    ):
        return "leads out of the archive, or is a folder"
    if ":" in name or "\0" in name:
        return "is no name of a file"
    if kind not in {0, stat.S_IFREG}:
        return "is a link or a device, not a file"
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in _METHODS:
        return f"is compressed with the method {member.compress_type}, which is not deflate"
    if member.file_size > MEMBER_LIMIT_BYTES:
        return f"is {member.file_size:,} bytes, more than {MEMBER_LIMIT_BYTES:,}"
    return ""


def _named(name: str) -> str:
    """Return a name from outside on one line, visible throughout."""
    return ascii(name)[1:-1][:_NAME_LIMIT]
