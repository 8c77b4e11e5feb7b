import subprocess
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfgate.report.text import Quoted, plain, quote_shell, shorten, visible
from tests.report_cases import HOSTILE


@given(st.text())
def test_visible_text_has_one_line_and_no_hidden_character(text: str) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_a_bidirectional_override_is_shown_as_an_escape() -> None:
    assert visible("a\u202eb\x1b[31m\n") == r"a\u202eb\x1b[31m\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("e\u0301", "e\u0301", id="accent"),
        pytest.param("\u0e17\u0e35\u0e48", "\u0e17\u0e35\u0e48", id="thai"),
        pytest.param("\u26a0\ufe0f", "\u26a0\ufe0f", id="emoji"),
        pytest.param("\u0301e", r"\u0301e", id="first"),
        pytest.param("e" + "\u0301" * 6, "e" + "\u0301" * 4 + r"\u0301" * 2, id="piled"),
    ],
)
def test_marks_are_shown_as_they_are_unless_they_paint_over_something(
    text: str, shown: str
) -> None:
    assert visible(text) == shown


@given(st.text())
def test_visible_text_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(st.text(), st.integers(min_value=3, max_value=40))
def test_a_shortened_text_keeps_its_limit_and_its_end(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert not text or short[-1] == text[-1]


def test_plain_text_joins_our_words_and_pieces_from_outside() -> None:
    assert plain(("slower than ", Quoted("a\nb"), ".")) == r"slower than a\nb."


def _echoed(arguments: list[str]) -> list[str]:
    script = f"printf '%s\\0' {' '.join(map(quote_shell, arguments))}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


def test_a_shell_gets_back_every_hostile_name() -> None:
    arguments = [name for name in HOSTILE if "\0" not in name]
    assert _echoed(arguments) == arguments


@settings(max_examples=30)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_a_shell_gets_back_any_text(arguments: list[str]) -> None:
    assert _echoed(arguments) == arguments


@pytest.mark.parametrize("name", HOSTILE)
def test_a_quoted_argument_is_one_visible_line(name: str) -> None:
    assert visible(quote_shell(name)) == quote_shell(name)
