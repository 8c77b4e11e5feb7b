"""How settings are changed in pyproject.toml: its comments and its order stay."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perfgate.config.settings import Config
from perfgate.errors import ConfigError

if TYPE_CHECKING:
    from tomlkit.items import Table

__all__ = ["exact_percent", "write_settings"]


def exact_percent(ratio: float) -> str:
    """Write a ratio as settings take it: 0.075 is 7.5%."""
    return f"{100 * ratio:.4g}%"


def write_settings(
    config: Config, settings: Mapping[str, str | int], thresholds: Mapping[str, float]
) -> Path:
    """Set keys of ``[tool.perfgate]`` and thresholds of single benchmarks; return the file.

    The file is replaced as a whole, or not at all.

    Raises:
        ConfigError: it cannot be read or written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    file = config.root / "pyproject.toml"
    draft = file.with_name(f".{file.name}.tmp")
    try:
        document = tomlkit.parse(file.read_text(encoding="utf-8") if file.exists() else "")
        tool = document.setdefault("tool", tomlkit.table(is_super_table=True))
        table = tool.setdefault("perfgate", tomlkit.table())
        table.update(settings)
        _set_thresholds(table, thresholds)
        draft.write_text(tomlkit.dumps(document), encoding="utf-8")
        draft.replace(file)
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        draft.unlink(missing_ok=True)
        raise ConfigError(file, "", f"cannot be changed: {error}") from error
    return file


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
