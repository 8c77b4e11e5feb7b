"""docs/load.md against the product: commands, settings and code that it shows."""

import ast
import datetime as dt
import re
import shlex
from pathlib import Path

import click
import pytest

from perfgate.cli import cli
from perfgate.config import load_config, parse_load_limit
from perfgate.config.loads import LOAD_SETTINGS

TEXT = (Path(__file__).parents[1] / "docs" / "load.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def _commands() -> list[str]:
    lines = "".join(_blocks("sh")).replace("\\\n", "").splitlines()
    return [line for line in lines if line.startswith("perfgate ")]


def test_there_are_commands_for_each_way_to_make_load() -> None:
    text = "\n".join(_commands())
    for option in ("--processes", "--master ", "--worker", "--users", "--time"):
        assert option in text


@pytest.mark.parametrize("command", _commands())
def test_what_is_shown_can_be_typed(command: str) -> None:
    _, name, *arguments = shlex.split(command)
    cli.commands[name].make_context(name, arguments)


@pytest.mark.parametrize(
    "options", re.findall(r"^\| `(--.+?)` \|", TEXT, re.MULTILINE), ids=lambda text: text
)
def test_options_of_the_table_can_be_typed(options: str) -> None:
    cli.commands["load"].make_context("load", ["a.py:b", *shlex.split(options)])


def test_every_option_is_explained() -> None:
    context = click.Context(cli.commands["load"])
    for parameter in cli.commands["load"].get_params(context):
        option = parameter.opts[0]
        if option.startswith("--") and option not in {"--help", "--color"}:
            known = option in TEXT or option in {"--wait", "--master-port", "--name"}
            assert known, option


def test_the_settings_load_and_name_every_key(tmp_path: Path) -> None:
    blocks = _blocks("toml")
    (tmp_path / "pyproject.toml").write_text("\n".join(blocks))
    config = load_config(tmp_path, today=dt.date(2026, 1, 1))
    (load,) = config.loads
    assert load.limits
    assert config.overrides
    shown = set(re.findall(r"(\w+) = ", blocks[0]))
    assert shown == set(LOAD_SETTINGS) - {"operations", "processes", "host"}


def test_the_code_is_python() -> None:
    for block in _blocks("python"):
        ast.parse(block)


def test_limits_that_are_shown_can_be_read() -> None:
    for text in re.findall(r'"([^"]+: p95 < [^"]+)"', TEXT):
        assert parse_load_limit(text) == text
