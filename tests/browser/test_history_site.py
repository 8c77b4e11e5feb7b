"""The site of the past, in a real browser and from disk."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from perfgate.commands.history_site import write_site
from tests.browser.watched import Watched
from tests.past_cases import past

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
Visit = Callable[..., Watched]
HOSTILE = [
    pytest.param("</script><script>alert(1)</script>", id="end-of-script"),
    pytest.param('"><img src=x onerror=alert(1)>', id="image"),
    pytest.param("x" * 10_000, id="long"),
    pytest.param("\u202e שלום ../../etc\x00\ud800", id="right-to-left"),
]


@pytest.fixture
def visit(browser: "Browser", tmp_path: Path) -> Iterator[Visit]:
    """Open the overview of a past; whatever was asked for lies in the site."""
    pages: list[Watched] = []

    def visit_site(width: int = 1200, scheme: Any = "light", **fields: Any) -> Watched:
        write_site(past(**fields), tmp_path)
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(20_000)
        watched = Watched(page=context.new_page(), within=tmp_path.as_uri())
        pages.append(watched)
        watched.visit((tmp_path / "index.html").as_uri())
        return watched

    yield visit_site
    for watched in pages:
        assert watched.said == []
        assert watched.requests == []
        watched.page.context.close()


def test_the_overview_leads_to_each_benchmark_and_back(visit: Visit) -> None:
    shown = visit()
    assert shown.verdicts() == ["slower", "steady", "steady", "steady"]
    shown.links.first.click()
    shown.wait()
    heading = shown.page.get_by_role("heading", level=1).inner_text()
    assert heading == "✗benchmarks/test_shop.py::test_order[0]: slower".replace("✗", "✗\n")
    assert shown.page.get_by_role("img", name="Time of each run").count() == 2
    assert shown.page.get_by_text("no gate has shown it").is_visible()
    shown.page.get_by_role("link", name="All benchmarks").click()
    shown.wait()
    assert shown.rows.count() == 4


def test_a_change_is_a_link_to_its_line(visit: Visit) -> None:
    shown = visit()
    shown.page.locator("#changes ~ ul a").first.click()
    shown.wait()
    line = shown.page.locator("tr:target")
    assert "+20.0 %" in line.inner_text()
    assert "Sum with a loop" in line.inner_text()


def test_machines_and_names_filter_the_overview(visit: Visit) -> None:
    shown = visit()
    shown.page.get_by_label("Machine").select_option(label="linux-x86_64-cpython-3.12 · Apple M2")
    assert shown.rows.count() == 1
    shown.page.get_by_label("Machine").select_option(label="all")
    shown.page.get_by_label("Name contains").fill("[2]")
    assert shown.rows.count() == 1


@pytest.mark.parametrize(("scheme", "width"), [("light", 380), ("dark", 1200)])
def test_axe_finds_nothing_against_the_rules(visit: Visit, scheme: str, width: int) -> None:
    shown = visit(scheme=scheme, width=width)
    assert shown.violations() == []
    assert shown.overflow_px() == 0
    shown.links.first.click()
    shown.wait()
    assert shown.violations() == []
    assert shown.overflow_px() == 0


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_from_outside_runs_nothing_and_breaks_nothing(visit: Visit, text: str) -> None:
    shown = visit(width=380, name=text, text=text, suite=text)
    assert shown.overflow_px() == 0
    shown.links.first.click()
    shown.wait()
    assert shown.page.locator("img, iframe").count() == 0
    assert shown.overflow_px() == 0
