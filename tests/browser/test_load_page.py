"""The page of a load, in a real browser."""

from collections.abc import Callable

import pytest

from perfgate.report.load_page import render_load_page
from tests.browser.watched import Watched
from tests.load_cases import loads

pytestmark = pytest.mark.browser
Open = Callable[..., Watched]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_load_shows_its_charts_and_breaks_no_rule(opened: Open, scheme: str) -> None:
    shown = opened(render_load_page("checkout", loads()), color_scheme=scheme, width=380)
    assert shown.verdicts() == ["failed", "inconclusive", "passed"]
    shown.links.last.click()
    for name in ("Latency over time", "Percentiles", "How many took how long"):
        assert shown.details.get_by_role("img", name=name).is_visible()
    shown.links.first.click()
    assert shown.details.get_by_role("img", name="Errors by kind").is_visible()
    assert shown.overflow_px() == 0
    assert shown.violations() == []


def test_the_slowest_operation_sorts_first(opened: Open) -> None:
    shown = opened(render_load_page("checkout", loads()))
    shown.heading("p95").click()
    assert shown.names()[0] == "create customer, failing"


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "x" * 10_000]
)
def test_a_name_runs_nothing_and_breaks_nothing(opened: Open, text: str) -> None:
    shown = opened(render_load_page(text, loads(text), [(text[:99],)]), width=380)
    for place in range(3):
        shown.links.nth(place).click()
    assert shown.page.locator("img, iframe").count() == 0
    assert shown.overflow_px() == 0
