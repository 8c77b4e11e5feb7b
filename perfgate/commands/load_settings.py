"""What a load is to be: settings by name, and options of the command line over them."""

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Final, TypeVar

from perfgate.config import (
    Config,
    LoadSettings,
    is_suite_name,
    parse_duration,
    parse_load_limit,
    parse_positive_rate,
    parse_stage,
    parse_warmup,
)
from perfgate.errors import UsageError
from perfgate.units import parse_seconds

__all__ = ["settings_of"]

_T = TypeVar("_T")
_PARSED: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "rate": ("rate_per_s", parse_positive_rate),
    "time": ("duration_s", parse_duration),
    "warmup": ("warmup", parse_warmup),
    "timeout": ("timeout_s", parse_duration),
    "grace": ("grace_s", parse_seconds),
}
_ODD: Final = re.compile(r"[^\w.-]+")


def settings_of(scenario: str | None, options: Mapping[str, Any], config: Config) -> LoadSettings:
    """Return the settings of a scenario, with the options of the command line over them.

    Options that say how much replace all settings that do; limits join those of the settings.

    Raises:
        UsageError: nothing bears that name, or an option cannot be read.
    """
    settings = _named(scenario, options.get("locust"), config)
    if options.get("name"):
        settings = dataclasses.replace(settings, name=options["name"])
    if not is_suite_name(f"load.{settings.name}"):
        raise UsageError(f"--name {settings.name}: use letters, digits, _ - and .")
    changes = _changes(options)
    changes |= _how_much_is_one_choice(changes)
    limits = tuple(_parsed("--limit", text, parse_load_limit) for text in options["limits"])
    changes["limits"] = tuple(dict.fromkeys((*settings.limits, *limits)))
    if options["abort_on_fail"]:
        changes["abort_on_fail"] = True
    return dataclasses.replace(settings, **changes)


def _changes(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the options say, by the fields of the settings."""
    changes = {
        field: _parsed(f"--{option}", options[option], parse)
        for option, (field, parse) in _PARSED.items()
        if options.get(option) is not None
    }
    plain = ("users", "operations", "processes", "host")
    changes |= {field: options[field] for field in plain if options.get(field) is not None}
    if options["stages"]:
        stages = (_parsed("--stage", text, parse_stage) for text in options["stages"])
        changes["stages"] = tuple(stages)
    return changes


def _how_much_is_one_choice(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Drop settings that an option stands against: stages, or another kind of load."""
    if "stages" in changes:
        return {
            name: changes.get(name) for name in ("users", "rate_per_s", "duration_s", "operations")
        }
    dropped: dict[str, Any] = {}
    if changes.keys() & {"users", "rate_per_s", "duration_s", "operations"}:
        dropped["stages"] = ()
    return dropped


def _named(scenario: str | None, locustfile: str | None, config: Config) -> LoadSettings:
    if locustfile is not None:
        if scenario is not None:
            raise UsageError("--locust names a file, so there is no other scenario to run")
        name = _ODD.sub("-", PurePath(locustfile).stem).strip("-.") or "locust"
        return LoadSettings(name=name, locustfile=locustfile)
    if scenario is None:
        known = [load.name for load in config.loads]
        hint = f": {', '.join(known)}, or" if known else ":"
        raise UsageError(f"no scenario: name one{hint} FILE.py:FUNCTION, or a file by --locust")
    for load in config.loads:
        if load.name == scenario:
            return load
    if ":" in scenario:
        return LoadSettings(name=scenario.rpartition(":")[2], operation=scenario)
    close = difflib.get_close_matches(scenario, [load.name for load in config.loads], 1)
    hint = f"did you mean {close[0]}?" if close else "write FILE.py:FUNCTION or module:function"
    raise UsageError(f"no load is called {scenario}; {hint}")


def _parsed(option: str, text: str, parse: Callable[[str], _T]) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
