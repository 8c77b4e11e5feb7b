"""The files of the site, without a browser."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec

from perfgate.commands.history_site import write_site
from perfgate.commands.history_view import file_name
from tests.command_line import perfgate
from tests.past_cases import past
from tests.past_repository import NAME, noisy, run_of, write_commits, write_runs
from tests.past_repository import Commit as Written

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def _files(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_every_link_of_the_site_leads_to_one_of_its_files(tmp_path: Path) -> None:
    count = write_site(past(), tmp_path)
    files = _files(tmp_path)
    assert len(files) == count
    for name, content in files.items():
        for link in re.findall(r'(?:href|src)="([^"#]+)(?:#[^"]*)?"', content.decode()):
            if name.endswith(".html") and link != "data:,":
                assert (tmp_path / name).parent.joinpath(link).resolve().is_file(), (name, link)


def test_the_same_past_makes_the_same_site(tmp_path: Path) -> None:
    write_site(past(), tmp_path / "one")
    write_site(past(), tmp_path / "two")
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


def test_what_else_lies_in_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "CNAME").write_text("perf.example.org")
    write_site(past(), tmp_path)
    assert (tmp_path / "CNAME").read_text() == "perf.example.org"


def test_pages_let_in_nothing_inline_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    write_site(past(), tmp_path)
    pages = [text.decode() for name, text in _files(tmp_path).items() if name.endswith(".html")]
    assert len(pages) == 4
    for page in pages:
        assert "script-src &#39;self&#39;; style-src &#39;self&#39;" in page
        assert "unsafe" not in page
        assert not re.search(r"<script>|<style|\sstyle=|\son\w+=|https?://", page)


def test_a_name_is_never_a_way_out_of_the_folder(tmp_path: Path) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]+\.html", file_name("../..", "../../x::../../y\0/é"))
    write_site(past(name="../../outside::..", suite="../../.."), tmp_path / "site")
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_equal_names_in_two_suites_have_two_pages() -> None:
    assert file_name("one", "test_a") != file_name("two", "test_a")


def test_the_feed_tells_each_change_once_with_a_link_to_its_line(tmp_path: Path) -> None:
    write_site(past(), tmp_path)
    feed = ET.parse(tmp_path / "changes.atom").getroot()  # noqa: S314 - our own file
    (entry,) = feed.findall("a:entry", ATOM)
    assert entry.findtext("a:title", "", ATOM) == "benchmarks/test_shop.py::test_order[0]: +20.0 %"
    assert "Sum with a loop" in entry.findtext("a:summary", "", ATOM)
    assert entry.findtext("a:updated", "", ATOM) == "2023-12-24T22:13:20Z"
    link = entry.find("a:link", ATOM)
    assert link is not None
    page, _, anchor = link.attrib["href"].partition("#")
    assert f'id="{anchor}"' in (tmp_path / page).read_text()
    for name in ("id", "updated", "title"):
        assert feed.findtext(f"a:{name}", "", ATOM)


def test_a_feed_holds_no_character_that_xml_forbids(tmp_path: Path) -> None:
    write_site(past(name="\x00\x1b\ud800<&", text="\x0b]]>\ufffe"), tmp_path)
    assert ET.parse(tmp_path / "changes.atom").getroot().tag  # noqa: S314 - our own file


def test_a_past_without_a_run_is_a_site_that_says_so(tmp_path: Path) -> None:
    known = past()
    history = msgspec.structs.replace(known.history, runs=(), series=())
    empty = type(known)(history=history, findings=(), is_long_enough=False)
    write_site(empty, tmp_path)
    assert "No run is recorded." in (tmp_path / "index.html").read_text()
    assert "too few runs to tell" in (tmp_path / "index.html").read_text()


def test_the_command_writes_the_site_and_says_so(tmp_path: Path) -> None:
    levels = [1.0] * 20 + [1.2] * 20
    repository, ids = write_commits(
        tmp_path / "shop", [Written(subject=f"Change {at}") for at in range(40)]
    )
    name = NAME.format("a")
    times = zip(ids, noisy(levels), strict=True)
    write_runs(
        repository, [run_of(one, at, {name: time_s}) for at, (one, time_s) in enumerate(times)]
    )
    done = perfgate(repository.path, "history", "--html", "site", "--check")
    assert done.status == 1
    assert "site: 7 files" in done.err
    assert ids[20][:10] in done.out  # the check is told as ever
    page = (repository.path / "site" / "benchmarks" / file_name("shop", name)).read_text()
    assert "Change 20" in page
    assert "no gate has shown it" in page
    assert ids[20][:10] in page


def test_a_site_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    repository, ids = write_commits(tmp_path / "shop", [Written()])
    write_runs(repository, [run_of(ids[0], 0, {NAME.format("a"): 1e-3})])
    (repository.path / "site").write_text("a file")
    done = perfgate(repository.path, "history", "--html", "site")
    assert (done.status, done.out) == (2, "")
    assert "cannot be written" in done.err
