import base64
import contextlib
import random
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from perfgate.errors import DataBranchError
from perfgate.git import Repository, create_bare
from perfgate.github.data_branch import Patience, append_lines, authorised, read_files
from tests.git_repository import ENVIRON, GitRepository

BRANCH = "perfgate-data"
FILE = "runs/linux/2026-11.jsonl"


class Waiting:
    """A clock that only waiting moves, and what happens while somebody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits: list[float] = []

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += max(seconds, 0.5)

    def patience(self, budget_s: float = 60.0) -> Patience:
        return Patience(
            budget_s=budget_s, clock=lambda: self.now_s, pause=self.pause, chance=random.Random(1)
        )


@pytest.fixture
def origin(tmp_path: Path) -> GitRepository:
    """A bare repository as a server keeps it, with a default branch of its own."""
    source = GitRepository.create(tmp_path / "source")
    source.commit(readme="text")
    source.git("clone", "--quiet", "--bare", str(source.path), str(tmp_path / "origin.git"))
    bare = GitRepository(path=tmp_path / "origin.git")
    bare.git("config", "uploadpack.allowFilter", "true")
    bare.git("config", "uploadpack.allowAnySHA1InWant", "true")
    return bare


def writer(origin: GitRepository, folder: Path) -> Repository:
    folder.mkdir()
    return create_bare(folder, origin.path.as_uri(), ENVIRON)


def append(
    repository: Repository,
    *lines: bytes,
    file: str = FILE,
    patience: Patience | None = None,
) -> int:
    additions: Mapping[str, Sequence[bytes]] = {file: lines}
    patience = patience or Waiting().patience()
    return append_lines(
        repository, BRANCH, additions, message="Record a run", patience=patience
    ).tries


def content(origin: GitRepository, file: str = FILE) -> bytes:
    done = subprocess.run(
        ["git", "cat-file", "blob", f"{BRANCH}:{file}"],
        cwd=origin.path,
        env=ENVIRON,
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_the_first_line_makes_the_branch_without_any_history_of_the_code(
    origin: GitRepository, tmp_path: Path
) -> None:
    assert append(writer(origin, tmp_path / "a"), b"1\n") == 1
    assert content(origin) == b"1\n"
    assert origin.git("ls-tree", "-r", "--name-only", BRANCH) == FILE
    assert origin.git("rev-list", "--count", BRANCH) == "1"
    assert origin.git("log", "-1", "--format=%an %s", BRANCH) == "Ada Record a run"


@pytest.mark.parametrize("filters", ["true", "false"])
def test_lines_are_added_behind_what_is_there_and_other_files_stay(
    origin: GitRepository, tmp_path: Path, filters: str
) -> None:
    origin.git("config", "uploadpack.allowFilter", filters)
    append(writer(origin, tmp_path / "a"), b"1\n", b"2\n")
    append(writer(origin, tmp_path / "b"), b"x\n", file="runs/darwin/2026-11.jsonl")
    append(writer(origin, tmp_path / "c"), b"y\n", file="notes.txt")
    append(writer(origin, tmp_path / "d"), b"3\n")
    assert content(origin) == b"1\n2\n3\n"
    assert content(origin, "runs/darwin/2026-11.jsonl") == b"x\n"
    assert content(origin, "notes.txt") == b"y\n"
    assert origin.git("rev-list", "--count", BRANCH) == "4"


def test_a_line_that_is_there_already_writes_nothing(origin: GitRepository, tmp_path: Path) -> None:
    append(writer(origin, tmp_path / "a"), b"1\n")
    tip = origin.git("rev-parse", BRANCH)
    append(writer(origin, tmp_path / "b"), b"1\n")
    assert origin.git("rev-parse", BRANCH) == tip


def test_half_a_line_at_the_end_gets_its_newline(origin: GitRepository, tmp_path: Path) -> None:
    append(writer(origin, tmp_path / "a"), b"half")
    append(writer(origin, tmp_path / "b"), b"1\n")
    assert content(origin) == b"half\n1\n"


def test_other_branches_and_names_of_the_repository_stay(
    origin: GitRepository, tmp_path: Path
) -> None:
    before = origin.git("show-ref")
    append(writer(origin, tmp_path / "a"), b"1\n")
    after = [line for line in origin.git("show-ref").splitlines() if BRANCH not in line]
    assert "\n".join(after) == before


class Meanwhile(dict[str, Sequence[bytes]]):
    """Additions that are looked at after the tip, when another writer was there."""

    def __init__(self, additions: Mapping[str, Sequence[bytes]], other: Repository) -> None:
        super().__init__(additions)
        self._others = [other]

    def items(self) -> Any:
        while self._others:
            append(self._others.pop(), b"1\n")
        return super().items()


def test_a_tip_that_moved_since_it_was_seen_is_never_overwritten(
    origin: GitRepository, tmp_path: Path
) -> None:
    append(writer(origin, tmp_path / "a"), b"0\n")
    additions = Meanwhile({FILE: [b"2\n"]}, writer(origin, tmp_path / "b"))
    waiting = Waiting()
    appended = append_lines(
        writer(origin, tmp_path / "c"), BRANCH, additions, message="x", patience=waiting.patience()
    )
    assert (appended.tries, len(waiting.waits)) == (2, 1)
    assert content(origin) == b"0\n1\n2\n"


def test_two_that_make_the_branch_at_once_both_stay(origin: GitRepository, tmp_path: Path) -> None:
    additions = Meanwhile({FILE: [b"2\n"]}, writer(origin, tmp_path / "b"))
    append_lines(
        writer(origin, tmp_path / "c"),
        BRANCH,
        additions,
        message="x",
        patience=Waiting().patience(),
    )
    assert content(origin) == b"1\n2\n"


def test_a_tip_that_moves_while_we_push_is_built_on(origin: GitRepository, tmp_path: Path) -> None:
    """The other writer is a hook of the server."""
    other = writer(origin, tmp_path / "other")
    append(other, b"0\n")
    slow = writer(origin, tmp_path / "slow")
    _move_tip_before_the_first_push(origin)
    assert append(slow, b"2\n") == 2
    assert content(origin) == b"0\n1\n2\n"


def _move_tip_before_the_first_push(origin: GitRepository) -> None:
    blob = origin.path / "blob"
    blob.write_bytes(b"0\n1\n")
    script = f"""#!/bin/sh
test -e moved && exit 0
touch moved
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
blob=$(git hash-object -w blob)
month=$(printf '100644 blob %s\\t2026-11.jsonl\\n' $blob | git mktree)
linux=$(printf '040000 tree %s\\tlinux\\n' $month | git mktree)
runs=$(printf '040000 tree %s\\truns\\n' $linux | git mktree)
git update-ref refs/heads/{BRANCH} $(git commit-tree -p {BRANCH} -m other $runs)
"""
    hook = origin.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(script)
    hook.chmod(0o755)


def test_a_server_that_refuses_is_given_up_with_its_reason(
    origin: GitRepository, tmp_path: Path
) -> None:
    hook = origin.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'error: GH006: Protected branch update failed' >&2\nexit 1\n")
    hook.chmod(0o755)
    waiting = Waiting()
    with pytest.raises(DataBranchError, match="after 4 tries: GH006: Protected branch"):
        append(writer(origin, tmp_path / "a"), b"1\n", patience=waiting.patience())
    assert len(waiting.waits) == 3
    assert all(0 <= wait <= 5 for wait in waiting.waits)


def test_waiting_ends_with_the_budget(origin: GitRepository, tmp_path: Path) -> None:
    hook = origin.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(DataBranchError, match="after 2 tries"):
        append(writer(origin, tmp_path / "a"), b"1\n", patience=Waiting().patience(0.4))


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = GitRepository(path=tmp_path / "nowhere")
    with pytest.raises(DataBranchError, match="branch perfgate-data: cannot be read"):
        append(writer(nowhere, tmp_path / "a"), b"1\n")


@pytest.mark.parametrize("file", ["runs", "runs/linux/2026-11.jsonl/below"])
def test_what_is_in_the_way_is_never_replaced(
    origin: GitRepository, tmp_path: Path, file: str
) -> None:
    append(writer(origin, tmp_path / "a"), b"1\n")
    with pytest.raises(DataBranchError, match="is no f"):
        append(writer(origin, tmp_path / "b"), b"2\n", file=file)
    assert content(origin) == b"1\n"


def test_files_are_read_by_folder(origin: GitRepository, tmp_path: Path) -> None:
    assert read_files(writer(origin, tmp_path / "a"), BRANCH, "runs/linux") == {}
    append(writer(origin, tmp_path / "b"), b"1\n")
    append(writer(origin, tmp_path / "c"), b"2\n", file="runs/linux/2026-12.jsonl")
    reader = writer(origin, tmp_path / "d")
    assert read_files(reader, BRANCH, "runs/linux") == {
        FILE: b"1\n",
        "runs/linux/2026-12.jsonl": b"2\n",
    }
    assert read_files(reader, BRANCH, "runs/other") == {}


def test_the_token_is_shown_to_one_server_and_stands_in_no_argument() -> None:
    letters = "abcdef"
    environ = authorised(
        {"PATH": "/bin", "GIT_CONFIG_COUNT": "1"},
        server_url="https://github.example/",
        token=letters,
    )
    pairs = dict(_settings(environ))
    shown = base64.b64encode(f"x-access-token:{letters}".encode()).decode()
    assert pairs == {
        "http.https://github.example/.extraHeader": f"Authorization: Basic {shown}",
        "http.followRedirects": "false",
    }
    assert environ["GIT_CONFIG_COUNT"] == "3"
    elsewhere = subprocess.run(
        ["git", "config", "--get-urlmatch", "http.extraHeader", "https://evil.example/x"],
        env={**ENVIRON, **environ, "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c"},
        capture_output=True,
        check=False,
    )
    assert elsewhere.stdout == b""


class Recorder(BaseHTTPRequestHandler):
    """Notes what it is shown, and sends every request to another server, if there is one."""

    def do_GET(self) -> None:
        assert isinstance(self.server, RecordingServer)
        self.server.shown.append(self.headers.get("Authorization"))
        self.send_response(302 if self.server.elsewhere else 404)
        if self.server.elsewhere:
            self.send_header("Location", self.server.elsewhere + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


class RecordingServer(ThreadingHTTPServer):
    def __init__(self, elsewhere: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Recorder)
        self.elsewhere = elsewhere
        self.shown: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def serving(server: RecordingServer) -> Iterator[RecordingServer]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_token_is_not_carried_to_where_a_server_redirects(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with serving(RecordingServer()) as other, serving(RecordingServer(other.url)) as own:
        environ = authorised(ENVIRON, server_url=own.url, token="letters")  # noqa: S106 - of a test
        repository = create_bare(tmp_path / "a", f"{own.url}/owner/shop", environ)
        with pytest.raises(DataBranchError, match="cannot be read") as failure:
            append(repository, b"1\n")
    secret = base64.b64encode(b"x-access-token:letters").decode()
    assert set(own.shown) == {f"Basic {secret}"}
    assert other.shown == []
    assert secret not in str(failure.value)


def _settings(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for place in range(1, int(environ["GIT_CONFIG_COUNT"])):
        yield environ[f"GIT_CONFIG_KEY_{place}"], environ[f"GIT_CONFIG_VALUE_{place}"]


# --- many writers at once ----------------------------------------------------------------------


def _write_runs(origin: GitRepository, folder: Path, pushes: int) -> None:
    repository = writer(origin, folder)
    for number in range(pushes):
        append(repository, f"{folder.name} {number}\n".encode(), patience=Patience())


@pytest.mark.parametrize(
    "pushes", [pytest.param(4, id="few"), pytest.param(25, id="many", marks=pytest.mark.scenarios)]
)
def test_no_run_of_four_writers_at_once_is_lost(
    origin: GitRepository, tmp_path: Path, pushes: int
) -> None:
    folders = [tmp_path / f"writer-{number}" for number in range(4)]
    with ThreadPoolExecutor(len(folders)) as pool:
        list(pool.map(lambda folder: _write_runs(origin, folder, pushes), folders))
    expected = {f"{f.name} {number}".encode() for f in folders for number in range(pushes)}
    lines = content(origin).splitlines()
    assert sorted(lines) == sorted(expected)
    assert origin.git("rev-list", "--count", BRANCH) == str(4 * pushes)
