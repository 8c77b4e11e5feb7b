import datetime as dt
from pathlib import Path

import pytest

from perfgate.config import Config, load_config, write_settings
from perfgate.errors import ConfigError

PYPROJECT = """\
# ours
[project]
name = "shop"   # do not rename

[tool.perfgate]
threshold = "3%"  # strict
floor = "1us"

[[tool.perfgate.benchmarks]]
match = "benchmarks/test_a.py::test_b"
floor = "2us"

[tool.other]
x = 1
"""


def load(root: Path) -> Config:
    return load_config(root, today=dt.date(2026, 1, 1))


def test_settings_change_and_all_else_stays(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(PYPROJECT)
    thresholds = {"benchmarks/test_a.py::test_b": 0.075, "benchmarks/test_a.py::test_c[x]": 0.2}
    assert write_settings(load(tmp_path), {"threshold": "5%", "rounds": 48}, thresholds) == file
    config = load(tmp_path)
    assert (config.threshold, config.rounds, config.floor_s) == (0.05, 48, 1e-6)
    first = config.rule_for("benchmarks/test_a.py::test_b", "a")
    assert first.threshold == pytest.approx(0.075)
    assert first.floor_s == 2e-6
    assert config.rule_for("benchmarks/test_a.py::test_c[x]", "a").threshold == 0.2
    text = file.read_text()
    assert text.startswith('# ours\n[project]\nname = "shop"   # do not rename\n')
    assert '"5%"  # strict' in text
    assert text.endswith("[tool.other]\nx = 1\n")


def test_a_table_that_is_not_there_yet_is_added(tmp_path: Path) -> None:
    write_settings(Config(root=tmp_path), {"threshold": "10%"}, {"benchmarks/t.py::test": 0.5})
    config = load(tmp_path)
    assert config.threshold == 0.1
    assert config.rule_for("benchmarks/t.py::test", "t").threshold == 0.5


def test_a_file_that_cannot_be_changed_stays_as_it_is(tmp_path: Path) -> None:
    text = "[tool.perfgate\n"
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="cannot be changed"):
        write_settings(Config(root=tmp_path), {"threshold": "10%"}, {})
    assert file.read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]
