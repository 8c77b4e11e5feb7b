"""Draw docs/comment.png: ``python -m docs.make_picture``, with Chromium on PATH and Pillow.

The comment is what ``render_comment`` says of an example, read by GitHub's own Markdown engine; the
style sheet has GitHub's colours and sizes.
"""

import math
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import cmarkgfm
from cmarkgfm.cmark import Options
from PIL import Image

from perfgate.model import Report
from perfgate.report.comment import ChangedPart, CommentContext, GateChange, render_comment
from tests import report_cases

_PICTURE: Final = Path(__file__).with_name("comment.png")
_SIZE: Final = (880, 768)
_STYLE: Final = """
body { margin: 0; font: 14px/1.5 "Noto Sans", "Segoe UI", Helvetica, Arial, sans-serif;
  color: #1f2328; background: #fff }
article { border: 1px solid #d1d9e0; border-radius: 6px; padding: 4px 16px; margin: 8px }
h2 { font-size: 1.5em; margin: 16px 0; padding-bottom: .3em; border-bottom: 1px solid #d1d9e0b3 }
h3 { font-size: 1.25em; margin: 24px 0 16px }
h2, h3, th { font-weight: 600 }
p, table, blockquote, pre, details { margin: 0 0 16px }
table { border-collapse: collapse; display: block; overflow: auto }
th, td { border: 1px solid #d1d9e0; padding: 6px 13px }
blockquote { border-left: .25em solid #d1d9e0; padding: 0 1em; color: #59636e }
code { font: 85% "DejaVu Sans Mono", monospace; background: #818b981f; border-radius: 6px;
  padding: .2em .4em }
pre { background: #f6f8fa; border-radius: 6px; padding: 16px; overflow: hidden }
pre code { background: none; padding: 0 }
hr { border: 0; height: .25em; background: #d1d9e0; margin: 24px 0 }
a { color: #0969da } ul { padding-left: 2em; margin: 0 0 16px }
"""


def main() -> None:
    """Render the example, and let a browser take its picture."""
    markdown = render_comment(_report(), _context())
    body = cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "comment.html"
        page.write_text(
            f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><article>{body}</article>",
            encoding="utf-8",
        )
        width, height = _SIZE
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--disable-lcd-text",
                f"--window-size={width},{height}", f"--screenshot={_PICTURE}", page.as_uri(),
            ],
            check=True,
        )  # fmt: skip
    with Image.open(_PICTURE) as picture:  # a third of the size with a palette
        drawn = picture.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE)
    drawn.save(_PICTURE, optimize=True)


def _report() -> Report:
    accepted = report_cases.mixture().judgements[9]
    regression = report_cases.regression().judgements
    return report_cases.report(*regression, accepted, exit_status=1)


def _context() -> CommentContext:
    name = f"{report_cases.STRIPE}::test_create_customer[card]"
    return CommentContext(
        head="c0ffee1234567890c0ffee1234567890c0ffee12",
        run_url="https://github.com/owner/repository/actions/runs/1",
        is_self_reported=False,
        changes=(
            GateChange(
                part=ChangedPart.BASELINES, path="baselines/linux-x86_64-cpython-3.12/stripe.json"
            ),
        ),
        history_s={name: [1.2e-5 * math.exp(0.03 * math.sin(7 * run)) for run in range(16)]},
    )


if __name__ == "__main__":
    main()
