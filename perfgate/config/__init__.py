"""The settings of a project: ``[tool.perfgate]`` in pyproject.toml, read into one frozen Config."""

from perfgate.config.limits import KNOWN_METRICS, Limit, parse_limit
from perfgate.config.loads import (
    parse_duration,
    parse_load_limit,
    parse_positive_rate,
    parse_stage,
    parse_warmup,
)
from perfgate.config.reader import (
    find_root,
    load_config,
    parse_budget,
    parse_config,
    parse_threshold,
)
from perfgate.config.settings import (
    BenchmarkOverride,
    Config,
    Counters,
    DriftPolicy,
    LoadSettings,
    NewPolicy,
    Ramp,
    Rule,
    Suite,
    UndecidedPolicy,
    Waiver,
    is_suite_name,
)
from perfgate.config.suites import check_limits, check_waivers, discover_suites
from perfgate.config.writer import edited_settings, exact_percent

__all__ = [
    "KNOWN_METRICS",
    "BenchmarkOverride",
    "Config",
    "Counters",
    "DriftPolicy",
    "Limit",
    "LoadSettings",
    "NewPolicy",
    "Ramp",
    "Rule",
    "Suite",
    "UndecidedPolicy",
    "Waiver",
    "check_limits",
    "check_waivers",
    "discover_suites",
    "edited_settings",
    "exact_percent",
    "find_root",
    "is_suite_name",
    "load_config",
    "parse_budget",
    "parse_config",
    "parse_duration",
    "parse_limit",
    "parse_load_limit",
    "parse_positive_rate",
    "parse_stage",
    "parse_threshold",
    "parse_warmup",
]
