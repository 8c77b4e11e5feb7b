import json
from pathlib import Path

import pytest

from tests.command_line import SHOP, files_in, measured, perfgate, write_results


@pytest.fixture
def report(tmp_path: Path) -> Path:
    old = write_results(tmp_path / "old.json", measured("test_a"), measured("test_b"))
    new = write_results(tmp_path / "new.json", measured("test_a", 2e-3), measured("test_b"))
    done = perfgate(tmp_path, "compare", new, "--against", old, "--report", "report.json")
    assert (done.status, done.err) == (1, "")
    return tmp_path / "report.json"


def test_the_table_is_that_of_the_command_that_judged(report: Path) -> None:
    done = perfgate(report.parent, "report", report)
    judged = perfgate(report.parent, "compare", "new.json", "--against", "old.json")
    assert (done.status, done.err) == (0, "")
    assert done.out == judged.out
    assert "regressed" in done.out


def test_every_format_goes_to_a_file_or_standard_output(report: Path) -> None:
    folder = report.parent
    options = ("--markdown", "r.md", "--junit", "r.xml", "--html", "r.html", "--json", "r.json")
    done = perfgate(folder, "report", report, *options)
    assert (done.status, done.out, done.err) == (0, "", "")
    assert (folder / "r.md").read_text().startswith("<!-- perfgate -->")
    assert (folder / "r.xml").read_text().count("<failure") == 1
    assert (folder / "r.html").read_text().count('id="benchmark:') == 2
    assert (folder / "r.json").read_bytes() == report.read_bytes()
    for option, name in zip(options[::2], options[1::2], strict=True):
        shown = perfgate(folder, "report", report, option, "-")
        assert (shown.status, shown.err) == (0, "")
        assert shown.out == (folder / name).read_text()


def test_only_one_format_fits_standard_output(report: Path) -> None:
    before = files_in(report.parent)
    done = perfgate(
        report.parent, "report", report, "--markdown", "-", "--json", "-", "--junit", "r.xml"
    )
    assert (done.status, done.out) == (2, "")
    assert "only one of" in done.err
    assert files_in(report.parent) == before


def test_results_are_no_report(report: Path) -> None:
    done = perfgate(report.parent, "report", "new.json", "--json", "-")
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("perfgate: new.json: ")


def test_verbose_explains_what_passed(report: Path) -> None:
    assert SHOP + "test_b" in perfgate(report.parent, "report", report, "-v").out
    assert json.loads(report.read_text())["exit_status"] == 1
