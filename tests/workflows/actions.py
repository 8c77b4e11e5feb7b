"""The four actions that the workflows use, as far as they use them."""

import fnmatch
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fake_github.state import archive
from tests.git_repository import GitRepository


@dataclass(kw_only=True)
class Place:
    """Where a job runs, and what its run keeps for other jobs."""

    workspace: Path
    origin: GitRepository
    ref: str
    sha: str
    artifacts: dict[str, bytes] = field(default_factory=dict)


def checkout(place: Place, given: Mapping[str, Any]) -> bool:
    """Fetch everything; a branch is checked out by its name, and a merge commit by its id."""
    assert given == {"fetch-depth": "0", "persist-credentials": "false"}
    clone = GitRepository(path=place.workspace)
    clone.git("init", "--quiet")
    clone.git("remote", "add", "origin", place.origin.path.as_uri())
    refs = ["+refs/heads/*:refs/remotes/origin/*", f"{place.sha}:refs/remotes/checked/out"]
    clone.git("fetch", "--quiet", "origin", *refs)
    branch = place.ref.removeprefix("refs/heads/")
    where = ["--detach"] if branch == place.ref else ["-B", branch]
    clone.git("checkout", "--quiet", *where, place.sha)
    return True


def setup_python(place: Place, given: Mapping[str, Any]) -> bool:
    """Take the Python that runs the tests for any version."""
    del place
    return bool(given["python-version"])


def upload(place: Place, given: Mapping[str, Any]) -> bool:
    """Keep one file; those in hidden folders only on demand, as since v4.4."""
    assert given["if-no-files-found"] == "error"
    path = place.workspace / given["path"]
    is_hidden = any(part.startswith(".") for part in Path(given["path"]).parts if part != ".")
    if not path.is_file() or (is_hidden and given.get("include-hidden-files") != "true"):
        return False
    assert given["name"] not in place.artifacts
    place.artifacts[given["name"]] = archive((path.name, path.read_bytes()))
    return True


def download(place: Place, given: Mapping[str, Any]) -> bool:
    """Unpack one artifact, which must be there, or all whose names match, into one folder."""
    if "name" in given:
        names = [given["name"]]
    else:
        assert given["merge-multiple"] == "true"
        names = fnmatch.filter(place.artifacts, given["pattern"])
    if not place.artifacts.keys() >= set(names):
        return False
    for name in names:
        with zipfile.ZipFile(io.BytesIO(place.artifacts[name])) as opened:
            opened.extractall(place.workspace / given["path"])
    return True


ACTIONS: Mapping[str, Callable[[Place, Mapping[str, Any]], bool]] = {
    "actions/checkout": checkout,
    "actions/setup-python": setup_python,
    "actions/upload-artifact": upload,
    "actions/download-artifact": download,
}
