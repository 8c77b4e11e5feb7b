import datetime as dt
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfgate.config import (
    BenchmarkOverride,
    Config,
    DriftPolicy,
    Limit,
    NewPolicy,
    Suite,
    UndecidedPolicy,
    Waiver,
    check_limits,
    check_waivers,
    discover_suites,
    find_root,
    load_config,
    parse_limit,
)
from perfgate.errors import ConfigError
from perfgate.model import Benchmark, ProcessRun

TODAY = dt.date(2026, 6, 1)

FULL = """\
[tool.perfgate]
threshold = "10%"
memory_threshold = "15%"
false_alarms = "2%"
floor = "2us"
budget = "5m"
timeout = "30s"
new = "fail"
undecided = "warn"
drift = "fail"
processes = 7
pairs = 12
rounds = 32
setup = "uv sync --frozen"

[tool.perfgate.suites.stripe]
paths = ["benchmarks/test_stripe.py"]
limits = ["p95 < 500ms", "success_rate > 95%", "memory_growth < 50MB", "ops_per_s >= 5"]

[[tool.perfgate.benchmarks]]
match = "benchmarks/test_stripe.py::test_create*"
threshold = "20%"
memory_threshold = "40%"
limits = ["p95 < 1s"]

[[tool.perfgate.benchmarks]]
match = "benchmarks/test_stripe.py::test_create[a]"
floor = "1ms"

[[tool.perfgate.waivers]]
benchmark = "benchmarks/test_stripe.py::test_refund[*]"
max_slowdown = "20%"
reason = "waiting for the upstream fix"
expires = 2026-06-01
"""


def _load(folder: Path, text: str) -> Config:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return load_config(folder, today=TODAY)


def test_every_setting_is_read(tmp_path: Path) -> None:
    config = _load(tmp_path, FULL)
    assert config.file == tmp_path / "pyproject.toml"
    assert (config.threshold, config.false_alarms) == (0.1, 0.02)
    assert config.memory_threshold == 0.15
    assert (config.floor_s, config.budget_s, config.timeout_s) == (2e-6, 300.0, 30.0)
    assert (config.new, config.undecided, config.drift) == (
        NewPolicy.FAIL,
        UndecidedPolicy.WARN,
        DriftPolicy.FAIL,
    )
    assert (config.processes, config.setup) == (7, "uv sync --frozen")
    assert (config.pairs, config.rounds) == (12, 32)
    (suite,) = config.suites
    assert (suite.name, suite.paths) == ("stripe", ("benchmarks/test_stripe.py",))
    assert [(each.metric, each.is_upper, each.bound) for each in suite.limits] == [
        ("p95", True, 0.5),
        ("success_rate", False, 0.95),
        ("memory_growth", True, 50e6),
        ("ops_per_s", False, 5.0),
    ]
    assert config.waivers == (
        Waiver(
            benchmark="benchmarks/test_stripe.py::test_refund[*]",
            max_slowdown=0.2,
            reason="waiting for the upstream fix",
            expires=TODAY,
        ),
    )


@pytest.mark.parametrize("text", ["", "[tool.other]\nx = 1\n", "[tool.perfgate]\n"])
def test_without_settings_the_defaults_hold(tmp_path: Path, text: str) -> None:
    defaults = load_config(tmp_path, today=TODAY)
    assert defaults == Config(root=tmp_path)
    assert (defaults.threshold, defaults.false_alarms, defaults.budget_s) == (0.05, 0.01, 600.0)
    assert _load(tmp_path, text) == Config(root=tmp_path, file=tmp_path / "pyproject.toml")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param(
            'threshold = "10%"',
            'thresold = "10%"',
            "tool.perfgate.thresold: unknown setting; did you mean threshold?",
            id="unknown-key",
        ),
        pytest.param(
            "limits = [",
            "limit = [",
            "tool.perfgate.suites.stripe.limit: unknown setting; did you mean limits?",
            id="unknown-key-in-a-suite",
        ),
        pytest.param(
            "reason =", "xyz =", "waivers[0].xyz: unknown setting; known: benchmark", id="no-guess"
        ),
        pytest.param('"10%"', "0.1", "threshold: must be a text in quotes, not 0.1", id="number"),
        pytest.param('"10%"', '"0%"', 'threshold: "0%" is out of range', id="no-threshold"),
        pytest.param('"10%"', '"1000%"', 'threshold: "1000%" is out of range', id="threshold"),
        pytest.param('"2%"', '"0%"', 'false_alarms: "0%" is out of range', id="no-alarms"),
        pytest.param('"2%"', '"51%"', 'false_alarms: "51%" is out of range', id="alarms"),
        pytest.param('"2us"', '"2"', 'floor: "2" has no unit', id="floor-without-unit"),
        pytest.param('"5m"', '"0"', 'budget: "0" leaves no time', id="no-budget"),
        pytest.param('"30s"', '"5ms"', 'timeout: "5ms" is too short', id="no-timeout"),
        pytest.param('"warn"', '"wran"', 'undecided: must be one of "fail", "warn"', id="policy"),
        pytest.param('"warn"', "true", "undecided: must be one of", id="policy-boolean"),
        pytest.param('"warn"', "[]", "undecided: must be one of", id="policy-list"),
        pytest.param("= 7", "= 0", "processes: must be a whole number from 1", id="none"),
        pytest.param("= 7", "= true", "from 1 to 1000, not true", id="boolean-as-number"),
        pytest.param("= 7", "= 7.0", "processes: must be a whole number", id="fraction"),
        pytest.param("= 12", "= 7", "pairs: must be a whole number from 8 to 30", id="few-pairs"),
        pytest.param("= 32", "= 1001", "rounds: must be a whole number from 8", id="many-rounds"),
        pytest.param('"uv sync --frozen"', '" "', "setup: must not be empty", id="blank-setup"),
        pytest.param('["benchmarks/test_stripe.py"]', "[]", "paths: missing", id="no-paths"),
        pytest.param(
            '["benchmarks/test_stripe.py"]', '"x"', 'paths: must be a list, not "x"', id="paths"
        ),
        pytest.param('"benchmarks/test_stripe.py"', '"../x"', "is not a path from", id="outside"),
        pytest.param('"benchmarks/test_stripe.py"', '"/x"', "is not a path from", id="absolute"),
        pytest.param('"benchmarks/test_stripe.py"', "3", "paths[0]: must be a text", id="path"),
        pytest.param(".stripe]", '."../x"]', "a suite's name becomes a file name", id="suite-name"),
        pytest.param(
            "limits = [", 'limits = ["p95 < 1s", ', "limits[1]: says the same", id="limit-twice"
        ),
        pytest.param("< 500ms", "< 5", 'stripe.limits[0]: the bound of p95: "5"', id="no-unit"),
        pytest.param("< 500ms", "= 5ms", 'limits[0]: "p95 = 5ms" is not a limit', id="operator"),
        pytest.param("< 50MB", "< 50ms", "limits[2]: the bound of memory_growth", id="wrong-unit"),
        pytest.param('floor = "1ms"', "", "benchmarks[1]: changes nothing", id="idle-override"),
        pytest.param("test_create[a]", "test_create*", "benchmarks[1]: says the same", id="match"),
        pytest.param("2026-06-01", "2026-05-31", "test_refund[*] expired on 2026-05-31", id="late"),
        pytest.param("2026-06-01", '"2026-06-01"', "expires: must be a date without", id="quoted"),
        pytest.param("2026-06-01", "2026-06-01T00:00:00", "must be a date", id="time"),
        pytest.param("expires = 2026-06-01", "", "and is missing", id="never-expires"),
        pytest.param('reason = "waiting for the upstream fix"', "", "reason: missing", id="why"),
        pytest.param("[[tool.perfgate.waivers]]", "[tool.perfgate.waivers]", "list", id="table"),
    ],
)
def test_a_wrong_setting_is_an_error_with_file_and_place(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in FULL
    with pytest.raises(ConfigError, match=r"^[^\n]*pyproject\.toml: tool\.[^\n]+$") as error:
        _load(tmp_path, FULL.replace(old, new, 1))
    assert problem in str(error.value)


def test_a_second_waiver_for_a_benchmark_is_refused(tmp_path: Path) -> None:
    waiver = FULL[FULL.index("[[tool.perfgate.waivers]]") :]
    with pytest.raises(ConfigError, match=r"waivers\[1\]: says the same thing as entry 0"):
        _load(tmp_path, FULL + waiver)


def test_suites_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"suites.*says the same"):
        _load(tmp_path, FULL + '[tool.perfgate.suites.Stripe]\npaths = ["x.py"]\n')


@pytest.mark.parametrize("text", ["tool = 1\n", "[tool]\nperfgate = []\n"])
def test_what_should_be_a_table_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="must be a table"):
        _load(tmp_path, text)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"[a]\nx = 1\ny =\n", "line 3: no valid TOML", id="value"),
        pytest.param(b"[a]\nx = 1\nx = 2\n", "line 3: no valid TOML", id="key-twice"),
        pytest.param(b"[a]\nx = '''\n", "line 3: no valid TOML", id="open-end"),
        pytest.param(b"[a]\nx = '\xff'\n", "line 2: is not UTF-8", id="not-utf-8"),
    ],
)
def test_a_file_that_is_no_toml_is_an_error_with_its_line(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    (tmp_path / "pyproject.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=r"^[^\n]+$") as error:
        load_config(tmp_path, today=TODAY)
    assert problem in str(error.value)


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    with pytest.raises(ConfigError, match=r"pyproject\.toml: cannot be read"):
        load_config(tmp_path, today=TODAY)


def test_the_root_is_the_nearest_folder_with_a_project_or_a_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    assert find_root(tmp_path / "sub" / "deep") == tmp_path.resolve()
    (tmp_path / "sub" / "pyproject.toml").touch()
    assert find_root(tmp_path / "sub" / "deep") == (tmp_path / "sub").resolve()


# --- what holds for one benchmark --------------------------------------------------------------


def test_a_benchmark_without_override_follows_project_and_suite(tmp_path: Path) -> None:
    config = _load(tmp_path, FULL)
    rule = config.rule_for("benchmarks/test_stripe.py::test_refund", "stripe")
    assert (rule.threshold, rule.floor_s) == (0.1, 2e-6)
    assert rule.limits == config.suites[0].limits
    assert config.rule_for("benchmarks/test_other.py::test_x", "other").limits == ()


def test_an_override_changes_what_it_names_and_keeps_the_rest(tmp_path: Path) -> None:
    rule = _load(tmp_path, FULL).rule_for("benchmarks/test_stripe.py::test_create_two", "stripe")
    assert (rule.threshold, rule.floor_s) == (0.2, 2e-6)
    assert rule.memory_threshold == 0.4
    assert [each.expression for each in rule.limits] == [
        "success_rate > 95%",
        "memory_growth < 50MB",
        "ops_per_s >= 5",
        "p95 < 1s",
    ]


def test_an_exact_id_wins_over_an_earlier_glob(tmp_path: Path) -> None:
    rule = _load(tmp_path, FULL).rule_for("benchmarks/test_stripe.py::test_create[a]", "stripe")
    assert (rule.threshold, rule.floor_s) == (0.1, 1e-3)
    assert rule.memory_threshold == 0.15


def test_of_two_globs_the_first_wins(tmp_path: Path) -> None:
    overrides = tuple(
        BenchmarkOverride(match=match, threshold=threshold, floor_s=None, limits=())
        for match, threshold in (("*x", 0.3), ("*", 0.4))
    )
    config = Config(root=tmp_path, overrides=overrides)
    assert config.rule_for("ax", "s").threshold == 0.3
    assert config.rule_for("a", "s").threshold == 0.4


@pytest.mark.parametrize(
    ("match", "name", "is_covered"),
    [
        pytest.param("t.py::a[1-2]", "t.py::a[1-2]", True, id="brackets-are-literal"),
        pytest.param("t.py::a[1-2]", "t.py::a1", False, id="no-character-class"),
        pytest.param("t.py::a[*]", "t.py::a[x]", True, id="star-in-brackets"),
        pytest.param("t.py::?", "t.py::a", True, id="question-mark"),
        pytest.param("t.py::?", "t.py::ab", False, id="one-character"),
        pytest.param("t.py::a", "t.py::ab", False, id="whole-id"),
        pytest.param("t.py::A*", "t.py::ab", False, id="case"),
    ],
)
def test_a_glob_knows_star_and_question_mark_alone(
    match: str, name: str, *, is_covered: bool
) -> None:
    override = BenchmarkOverride(match=match, threshold=None, floor_s=None, limits=())
    assert override.is_for(name) is is_covered


@given(st.text())
def test_every_id_is_covered_by_itself_as_a_glob(name: str) -> None:
    override = BenchmarkOverride(match=name, threshold=None, floor_s=None, limits=())
    assert override.is_for(name)


def test_a_waiver_covers_its_exact_id_alone(tmp_path: Path) -> None:
    config = _load(tmp_path, FULL)
    assert config.waiver_for("benchmarks/test_stripe.py::test_refund[*]") == config.waivers[0]
    assert config.waiver_for("benchmarks/test_stripe.py::test_refund[a]") is None


# --- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "kept", "broken"),
    [
        pytest.param("p95 < 500ms", 0.499, 0.5, id="below"),
        pytest.param("p95 <= 500ms", 0.5, 0.501, id="at-most"),
        pytest.param("ops_per_s > 5", 5.1, 5.0, id="above"),
        pytest.param("ops_per_s >= 5/s", 5.0, 4.9, id="at-least"),
        pytest.param("success_rate>95%", 0.96, 0.95, id="percent-of-its-own"),
        pytest.param("retries <= 3", 3.0, 4.0, id="count-of-its-own"),
    ],
)
def test_a_limit_is_kept_or_broken(expression: str, kept: float, broken: float) -> None:
    limit = parse_limit(expression)
    assert limit.is_kept(kept)
    assert not limit.is_kept(broken)
    assert not limit.is_kept(float("nan"))


@pytest.mark.parametrize(
    "expression",
    ["", "p95", "p95 <", "< 5ms", "p95 << 5ms", "p95 == 5ms", "p95 < 5ms < 6ms", "9 < 5"],
)
def test_what_is_no_limit_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        parse_limit(expression)


# --- suites and what measuring finds -----------------------------------------------------------


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def _suite(name: str, *paths: str, limits: tuple[Limit, ...] = ()) -> Suite:
    return Suite(name=name, paths=paths, limits=limits)


def test_suites_are_found_by_their_file_names(tmp_path: Path) -> None:
    _touch(tmp_path, "benchmarks/test_b.py", "benchmarks/bench_a.py", "benchmarks/conftest.py")
    assert discover_suites(Config(root=tmp_path)) == (
        _suite("a", "benchmarks/bench_a.py"),
        _suite("b", "benchmarks/test_b.py"),
    )


def test_nothing_to_find_is_no_suite(tmp_path: Path) -> None:
    assert discover_suites(Config(root=tmp_path)) == ()


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        pytest.param(("test_a.py", "bench_a.py"), "would both be the suite a", id="same-name"),
        pytest.param(("test_.py",), r"name a suite for benchmarks/test_\.py", id="no-name"),
    ],
)
def test_found_files_without_a_name_of_their_own_need_a_setting(
    tmp_path: Path, names: tuple[str, ...], problem: str
) -> None:
    _touch(tmp_path, *(f"benchmarks/{name}" for name in names))
    with pytest.raises(ConfigError, match=problem):
        discover_suites(Config(root=tmp_path))


def test_configured_paths_are_files_folders_or_globs(tmp_path: Path) -> None:
    _touch(tmp_path, "a/test_1.py", "a/test_2.py", "b/test_3.py", "c/test_[4].py")
    suites = (_suite("all", "./b", "a/test_*.py", "a/test_1.py", "c/test_[4].py"),)
    (suite,) = discover_suites(Config(root=tmp_path, suites=suites))
    assert suite.paths == ("a/test_1.py", "a/test_2.py", "b", "c/test_[4].py")


@pytest.mark.parametrize("path", ["missing.py", "a/test_*.py", "**x"])
def test_a_path_that_matches_nothing_is_an_error(tmp_path: Path, path: str) -> None:
    config = Config(root=tmp_path, suites=(_suite("s", path),))
    with pytest.raises(ConfigError, match=r"suites\.s\.paths\[0\]: .* matches no file"):
        discover_suites(config)


@pytest.mark.parametrize("path", ["a/test_1.py", "a", "."])
def test_two_suites_never_measure_the_same_file(tmp_path: Path, path: str) -> None:
    _touch(tmp_path, "a/test_1.py")
    config = Config(root=tmp_path, suites=(_suite("s", "a/test_1.py"), _suite("t", path)))
    with pytest.raises(ConfigError, match=r"suites\.s\.paths: a/test_1\.py belongs to the suite t"):
        discover_suites(config)


def test_a_waiver_that_matches_nothing_is_an_error_with_a_guess(tmp_path: Path) -> None:
    config = _load(tmp_path, FULL)
    waived = "benchmarks/test_stripe.py::test_refund[*]"
    check_waivers(config, {waived})
    with pytest.raises(ConfigError, match=r"waivers\[0\]\.benchmark: no benchmark has") as error:
        check_waivers(config, {"benchmarks/test_stripe.py::test_refund[x]", "other"})
    assert str(error.value).endswith("did you mean benchmarks/test_stripe.py::test_refund[x]?")


def _benchmark(name: str, **metrics: float) -> Benchmark:
    run = ProcessRun(rounds=1, iterations=1, min_s=1, median_s=1, metrics=metrics)
    return Benchmark(id=name, suite="stripe", runs=(run,))


def test_a_limit_on_a_metric_that_is_never_reported_is_an_error(tmp_path: Path) -> None:
    config = _load(tmp_path, FULL)
    check_limits(config, ())
    check_limits(config, (_benchmark("a", success_rate=0.5), _benchmark("b")))
    with pytest.raises(
        ConfigError, match=r"suites\.stripe\.limits\[1\]: .* metric success_rate; did"
    ):
        check_limits(config, (_benchmark("a", sucess_rate=0.5),))


def test_an_override_s_limit_is_held_against_its_own_benchmarks(tmp_path: Path) -> None:
    limits = (parse_limit("retries < 3"),)
    override = BenchmarkOverride(match="a*", threshold=None, floor_s=None, limits=limits)
    config = Config(root=tmp_path, overrides=(override,))
    check_limits(config, (_benchmark("b"),))
    with pytest.raises(
        ConfigError, match=r"tool\.perfgate\.benchmarks\[0\]\.limits\[0\]: .*retries"
    ):
        check_limits(config, (_benchmark("ab"), _benchmark("b", retries=1)))


def test_this_repository_s_own_settings_are_valid() -> None:
    root = Path(__file__).parents[1]
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["perfgate"]
    assert load_config(root, today=TODAY).threshold == float(table["threshold"].strip("%")) / 100
