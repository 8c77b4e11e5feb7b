"""How settings are changed in pyproject.toml: its comments and its order stay."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perfgate.errors import ConfigError

if TYPE_CHECKING:
    from tomlkit.items import Table

__all__ = ["edited_settings", "exact_percent"]


def exact_percent(ratio: float) -> str:
    """Write a ratio as settings take it: 0.075 is 7.5%."""
    return f"{100 * ratio:.4g}%"


def edited_settings(
    file: Path, content: bytes, settings: Mapping[str, str | int], thresholds: Mapping[str, float]
) -> bytes:
    """Return a pyproject.toml with keys of ``[tool.perfgate]`` and thresholds of single benchmarks.

    Raises:
        ConfigError: the content is no TOML, or has no room for them.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(content)
        tool = document.setdefault("tool", tomlkit.table(is_super_table=True))
        table = tool.setdefault("perfgate", tomlkit.table())
        table.update(settings)
        _set_thresholds(table, thresholds)
        return tomlkit.dumps(document).encode()
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError(file, "", f"cannot be changed: {error}") from error


def _set_thresholds(table: "Table", thresholds: Mapping[str, float]) -> None:
    import tomlkit

    if not thresholds:
        return
    entries = table.setdefault("benchmarks", tomlkit.aot())
    known = {entry.get("match"): entry for entry in entries}
    for name, threshold in thresholds.items():
        if name not in known:
            known[name] = tomlkit.table()
            known[name]["match"] = name
            entries.append(known[name])
        known[name]["threshold"] = exact_percent(threshold)
