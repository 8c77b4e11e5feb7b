"""Markdown as GitHub's own engine reads it, taken apart into our words and outside text."""

from html.parser import HTMLParser
from typing import Final

import cmarkgfm
from cmarkgfm.cmark import Options

__all__ = ["Page", "page"]

ISOLATION: Final = ("span", [("dir", "ltr")])


class Page(HTMLParser):
    """What a page consists of apart from the content of its code: tags and text, in order.

    The element that keeps text of the other direction apart is no part of it: no text of ours.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.code: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._depth and (tag, attrs) != ISOLATION:
            self.parts.append(f"<{tag} {attrs}>")
        if tag == "code":
            self.code.append("")
        self._depth += tag == "code" or bool(self._depth)

    def handle_endtag(self, tag: str) -> None:
        self._depth -= bool(self._depth)
        if not self._depth and tag != ISOLATION[0]:
            self.parts.append(f"</{tag}>")

    def handle_comment(self, data: str) -> None:
        self.parts.append(f"<!--{data}-->")

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.code[-1] += data
        else:
            self.parts.append(data)


def page(markdown: str) -> Page:
    html = cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE)
    found = Page()
    found.feed(html)
    found.close()
    return found
