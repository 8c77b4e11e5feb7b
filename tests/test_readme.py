"""The README against the product: settings, commands, options and examples that it names."""

import dataclasses
import datetime as dt
import re
import shlex
from pathlib import Path

import click
import pytest

from perfgate.cli import cli
from perfgate.config import KNOWN_METRICS, Config, load_config
from perfgate.units import parse_ratio, parse_seconds

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COUNTS = (ROOT / "docs" / "counts.md").read_text(encoding="utf-8")
TABLES = ("root", "file", "suites", "overrides", "waivers", "counters", "counts_threshold")
"""Fields of the settings that are no lines of their own in the table (see also docs/counts.md)."""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def _table() -> dict[str, str]:
    """Return the second column of the table of settings by the first."""
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", TEXT, re.MULTILINE)
    return {name: default.strip("`") for name, default in rows}


def _quoted_commands() -> list[list[str]]:
    """Return every quotation that begins with ``perfgate``, as the words behind it."""
    blocks = "".join(re.findall(r"^```\w*\n.*?^```$", TEXT, re.MULTILINE | re.DOTALL))
    inline = re.findall(
        r"`perfgate ([^`]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    )
    in_blocks = re.findall(r"(?:^|/|\s)perfgate ((?!:).+)$", blocks, re.MULTILINE)
    return [shlex.split(text.replace("\n", " ")) for text in (*inline, *in_blocks)]


def test_it_can_be_read_in_one_go() -> None:
    assert len(TEXT.splitlines()) <= 150


def test_every_setting_stands_in_the_table_and_nothing_else() -> None:
    names = [field.name.removesuffix("_s") for field in dataclasses.fields(Config)]
    assert sorted(_table()) == sorted(name for name in names if name not in TABLES)


def test_every_default_in_the_table_is_that_of_the_settings(tmp_path: Path) -> None:
    settings = dict(_table())
    assert settings.pop("setup") == "none"
    assert settings.pop("pairs") == "as needed"
    lines = "\n".join(f"{name} = {default}" for name, default in settings.items())
    (tmp_path / "pyproject.toml").write_text(f"[tool.perfgate]\n{lines}\n")
    loaded = load_config(tmp_path, today=dt.date(2026, 1, 1))
    assert dataclasses.replace(loaded, file=None) == Config(root=tmp_path)
    defaults = Config(root=tmp_path)
    assert parse_ratio(settings["threshold"].strip('"')) == defaults.threshold
    assert parse_seconds(settings["budget"].strip('"')) == defaults.budget_s


def test_the_examples_of_settings_load(tmp_path: Path) -> None:
    blocks = _blocks("toml")
    assert blocks
    (tmp_path / "pyproject.toml").write_text("\n".join(blocks))
    config = load_config(tmp_path, today=dt.date(2026, 1, 1))
    (suite,) = config.suites
    assert suite.limits
    assert config.overrides
    assert config.waivers


def test_every_known_metric_is_named() -> None:
    (line,) = re.findall(r"^Limits take `([^`]+)`", TEXT, re.MULTILINE)
    assert set(line.split()) == set(KNOWN_METRICS)


def test_every_command_is_named() -> None:
    named = {words[0] for words in _quoted_commands()}
    named |= set(re.findall(r"`perfgate (\w+)", COUNTS))
    assert named >= set(cli.commands)


def test_what_the_table_leaves_to_the_page_on_counts_stands_there() -> None:
    for name in ("counters", "counts_threshold"):
        assert re.search(rf"^{name} = ", COUNTS, re.MULTILINE)


@pytest.mark.parametrize("words", _quoted_commands(), ids=" ".join)
def test_what_is_quoted_can_be_typed(words: list[str]) -> None:
    name, *arguments = words
    command = cli.commands[name]
    # Options may be missing where the text names only the command.
    context = click.Context(command)
    options = {option for parameter in command.get_params(context) for option in parameter.opts}
    assert {word for word in arguments if word.startswith("-")} <= options
    if arguments:
        command.make_context(name, list(arguments))
