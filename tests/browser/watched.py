"""A page of which everything is noted that it should not do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

_SOURCE = Path(__file__).parents[2] / "perfgate/report/web/source"
AXE = _SOURCE / "node_modules/axe-core/axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Watched:
    page: "Page"
    within: str = ""
    """Where a site lies, whose own files may be asked for."""
    said: list[str] = field(default_factory=list)
    """What the console got, errors that nobody caught, and dialogs."""
    requests: list[str] = field(default_factory=list)
    """What was asked of anything but the page's own file."""

    def visit(self, address: str) -> None:
        own = address.partition("#")[0]
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self._note(request.url, own))
        self.page.goto(address)
        self.wait()

    def wait(self) -> None:
        """Wait until the page's script has come to its end."""
        self.page.locator("html[data-ready]").wait_for(state="attached")

    def _note(self, url: str, own: str) -> None:
        is_ours = bool(self.within) and url.startswith(self.within)
        if url.partition("#")[0] != own and not is_ours and not url.startswith("data:"):
            self.requests.append(url)

    @property
    def rows(self) -> "Locator":
        return self.page.locator("#table > tbody > tr:not(.details):visible")

    @property
    def links(self) -> "Locator":
        return self.rows.locator("th a")

    @property
    def details(self) -> "Locator":
        return self.page.locator("#table tr.details:visible")

    def names(self) -> list[str]:
        return self.links.all_inner_texts()

    def verdicts(self) -> list[str]:
        return [
            text.split(maxsplit=1)[1] for text in self.rows.locator("td.verdict").all_inner_texts()
        ]

    def heading(self, name: str) -> "Locator":
        return self.page.locator("#table thead").get_by_role("button", name=name)

    def overflow_px(self) -> int:
        """How much wider than the window the page is."""
        element = "document.documentElement"
        width: int = self.page.evaluate(f"{element}.scrollWidth - {element}.clientWidth")
        return width

    def violations(self) -> list[str]:
        """What axe finds against the accessibility rules, each with the element."""
        # A debugger's own world: neither the page's policy nor its script has a say in it.
        self.page.evaluate(AXE.read_text(encoding="utf-8") + "; null")
        found: dict[str, Any] = self.page.evaluate(
            "(tags) => axe.run({runOnly: {type: 'tag', values: tags}, preload: false})",
            _RULES,
        )
        return [
            f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]
