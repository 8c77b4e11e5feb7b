"""A page that stands alone: a file that needs nothing else, and lets nothing else in.

The table is plain HTML. What a row holds beyond it is data in the page, drawn when it is opened,
so that a thousand rows stay small. Scripts and styles are our own, named by their hashes in the
page's Content-Security-Policy: whatever a name from outside may look like, it cannot run.
"""

import base64
import dataclasses
import functools
import gzip
import hashlib
import re
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import msgspec

from perfgate.report.charts import Axis, Chart, Plot
from perfgate.report.details import Gauge
from perfgate.report.text import PIECE_LIMIT, Quoted, Sentence, plain, shorten

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = [
    "Chip",
    "anchors",
    "assets_of_site",
    "chart_data",
    "chips",
    "link_to",
    "pieces",
    "render_linked",
    "render_page",
]

_ANCHOR_LIMIT: Final = 160
_DATA_LIMIT: Final = 2_000
"""Characters of a piece from outside that an opened row shows."""
_ANCHOR_SAFE: Final = "/:[]@!$'()*,;=-._~"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """How many rows bear a word."""

    symbol: str
    word: str
    tone: str
    count: int


def chips(words: Iterable[tuple[str, str, str]]) -> list[Chip]:
    """Count the rows that bear the same symbol, word and tone."""
    counted = Counter(words)
    return [
        Chip(symbol=symbol, word=word, tone=tone, count=count)
        for (symbol, word, tone), count in counted.items()
    ]


def link_to(anchor: str) -> str:
    """Write the way to a row, for an address line."""
    return "#" + urllib.parse.quote(anchor, safe=_ANCHOR_SAFE)


def anchors(names: Iterable[Quoted]) -> list[str]:
    """Name each row for a link: by its id, so that whoever knows it can write the link."""
    found: dict[str, None] = {}
    for one in names:
        name = re.sub(r"\s", "_", one.text)
        if len(name) > _ANCHOR_LIMIT:
            digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
            name = f"{name[:40]}-{digest[:12]}"
        anchor = f"benchmark:{name}"
        while anchor in found:  # the same id in another suite
            anchor += "'"
        found[anchor] = None
    return list(found)


def chart_data(chart: Chart | Plot, axes: dict[Axis, int]) -> dict[str, Any]:
    """Return a chart for the page's script; axes that are equal are held once."""
    data: dict[str, Any] = msgspec.to_builtins(chart)
    for name, axis in chart.axes.items():
        data[name] = axes.setdefault(axis, len(axes))
    return data


def pieces(sentence: Sentence) -> list[str | list[str]]:
    """Keep what comes from outside apart, as lists of one."""
    return [
        [shorten(piece.text, _DATA_LIMIT)] if isinstance(piece, Quoted) else piece
        for piece in sentence
        if piece
    ]


# --- the page ----------------------------------------------------------------------------------


_SEALED: Final = {
    "default-src": "'none'",
    "img-src": "data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
_ASSETS: Final = ("page.css", "charts.min.js", "page.js")


def render_page(template: str, *, index: object, contents: object, **values: Any) -> bytes:
    """Fill a template with values and with the data of its script, in a file that stands alone.

    ``index`` is at hand at once; ``contents`` may be large and are unpacked after the first paint.
    """
    style, library, script = map(_asset, _ASSETS)
    policy = {"script-src": f"{_hash(library)} {_hash(script)}", "style-src": _hash(style)}
    parts = {"style": style, "library": library, "script": script}
    return _filled(
        template,
        policy=policy,
        assets="",
        index=index,
        contents=contents,
        **{name: _trusted(text) for name, text in parts.items()},
        **values,
    )


def render_linked(
    template: str, *, assets: str, index: object, contents: object, **values: Any
) -> bytes:
    """Fill a template as ``render_page`` does, for a site whose pages share scripts and style.

    ``assets`` is the way to the folder that ``assets_of_site`` fills.
    """
    policy = {"script-src": "'self'", "style-src": "'self'"}
    return _filled(template, policy=policy, assets=assets, index=index, contents=contents, **values)


def assets_of_site() -> dict[str, bytes]:
    """Return the files that linked pages share, by name."""
    return {name: _asset(name).encode() for name in (*_ASSETS, "charts.LICENSE.txt")}


def _filled(
    template: str, *, policy: Mapping[str, str], index: object, contents: object, **values: Any
) -> bytes:
    page = _template(template)(
        policy="; ".join(f"{name} {value}" for name, value in {**_SEALED, **policy}.items()),
        index=_trusted(_json(index)),
        contents=_trusted(_packed(contents)),
        **values,
    )
    return page.encode(errors="replace")  # half a surrogate pair is no text


@functools.cache
def _asset(name: str) -> str:
    return (resources.files("perfgate.report") / "web" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(data: object) -> str:
    """Write data that no parser of HTML takes for an end tag or a comment."""
    text = msgspec.json.encode(data).decode()
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _packed(data: object) -> str:
    """Compress data: numbers of charts repeat each other, and a page has to stay small."""
    packed = gzip.compress(msgspec.json.encode(data), mtime=0)
    return base64.b64encode(packed).decode()


def _trusted(text: str) -> "Markup":
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - our own files, and JSON without any character of markup


def _shown(value: object) -> object:
    """Write a sentence: our words as they are, each piece from outside in an element of its own."""
    from markupsafe import Markup

    if isinstance(value, Quoted):
        value = (value,)
    if not isinstance(value, tuple):
        return value
    quoted = Markup("<bdi>{}</bdi>")
    return Markup().join(
        quoted.format(shorten(piece.text, PIECE_LIMIT)) if isinstance(piece, Quoted) else piece
        for piece in value
    )


@functools.cache
def _template(name: str) -> Callable[..., str]:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("perfgate.report"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        text=plain, short=_short, unbroken=_unbroken, gauge=_gauge, link=link_to
    )
    return environment.get_template(name).render


def _short(text: str) -> str:
    return shorten(text, PIECE_LIMIT)


def _unbroken(text: str) -> str:
    """Keep numbers and their units on one line."""
    return re.sub(r"(?<=\d) (?=\D)(?!to )", "\N{NO-BREAK SPACE}", text)


def _gauge(gauge: Gauge | None) -> "Markup | str":
    """Draw an effect beside "no change" and the threshold; the row says the same in words."""
    if gauge is None:
        return ""
    from markupsafe import Markup

    low, middle, high = (50 + 24 * value for value in (gauge.low, gauge.middle, gauge.high))
    return Markup(
        '<svg viewBox="0 0 100 14" aria-hidden="true">'
        '<path d="M{:.0f} 7H{:.0f}"/><circle cx="{:.0f}" cy="7" r="4"/></svg>'
    ).format(low, max(high, low + 1), middle)
