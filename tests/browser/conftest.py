"""A headless Chromium that opens pages from disk, and tells what a page did."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.watched import Watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: "Browser", tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    """Open a page; at the end nothing may have been said on its console or asked of a network."""
    pages: list[Watched] = []

    def open_page(content: bytes, *, link: str = "", width: int = 1200, **options: Any) -> Watched:
        path = tmp_path / f"page{len(pages)}.html"
        path.write_bytes(content)
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(5_000)
        watched = Watched(page=context.new_page())
        pages.append(watched)
        watched.visit(path.as_uri() + link)
        return watched

    yield open_page
    for watched in pages:
        assert watched.said == []
        assert watched.requests == []
        watched.page.context.close()
