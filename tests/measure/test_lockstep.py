import math
import os
import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from perfgate.errors import MeasurementError, ReferenceTreeError
from perfgate.measure.lockstep import GroupOutcome, available_cpus
from perfgate.measure.worker import Worker, WorkerSettings
from perfgate.model import Failure, FailureKind, ProcessRun
from tests.measure.behaviours import ASYNC, BROKEN, FEATURES, NAMES
from tests.measure.suites import (
    BUSY,
    FILE,
    candidate_failure,
    candidate_run,
    lockstep,
    pair_plan,
    side_of,
    write,
)

Outcomes = Mapping[str, GroupOutcome]
UNFIT = ("test_function", "test_callable_object", "test_lambda", "test_pedantic_lambda",
         "test_lambda_of_a_generator", "test_tracer", "test_monitoring")  # fmt: skip
FAILED = ("test_skip_call", "test_xfail", "test_raises", "test_target_raises", "test_wrong_answer",
          "test_fixture_raises", "test_teardown_raises", "test_unused", "test_twice",
          "test_twice_by_force", "test_sys_exit")  # fmt: skip
LOST = ("test_hang", "test_exit", "test_kill")
FINE = ("test_before", "test_fork", "test_fork_that_comes_back", "test_prints",
        "test_changes_directory", "test_daemon", "test_after")  # fmt: skip


def measure_alike(root: Path, names: tuple[str, ...]) -> Outcomes:
    """Measure a tree against itself."""
    sides = side_of("candidate", root), side_of("base", root)
    (outcomes,) = lockstep(pair_plan(*sides, benchmarks=names, timeout_s=6.0))
    return outcomes


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return measure_alike(write(tmp_path_factory.mktemp("features"), {FILE: FEATURES}), NAMES)


@pytest.fixture(scope="module")
def unfit(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return measure_alike(write(tmp_path_factory.mktemp("unfit"), {FILE: ASYNC}), UNFIT)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    names = tuple(name for name in (*FINE[:1], *FAILED, *LOST, *FINE[1:]))
    return measure_alike(write(tmp_path_factory.mktemp("broken"), {FILE: BROKEN}), names)


# --- what a suite may do


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_has_an_estimate(features: Outcomes, name: str) -> None:
    outcome = features[name]
    assert candidate_run(outcome).rounds >= 1
    assert outcome.failures == {}
    assert math.isfinite(outcome.log_ratios["base"])


@pytest.mark.parametrize("name", NAMES)
def test_both_sides_run_as_many_rounds_and_iterations(features: Outcomes, name: str) -> None:
    outcome = features[name]
    run, other = candidate_run(outcome), outcome.references["base"]
    assert isinstance(other, ProcessRun)
    assert (run.rounds, run.iterations) == (other.rounds, other.iterations)


def test_both_sides_of_a_pair_have_the_same_hash_seed(features: Outcomes) -> None:
    outcome = features["test_hash_seed"]
    run, other = candidate_run(outcome), outcome.references["base"]
    assert isinstance(other, ProcessRun)
    assert run.metrics == other.metrics
    assert run.hash_seed == other.hash_seed == run.metrics["seed"]


def test_a_pedantic_benchmark_stays_within_its_rounds(features: Outcomes) -> None:
    metrics = candidate_run(features["test_pedantic_teardown"]).metrics
    assert metrics["setup"] == metrics["call"] == metrics["teardown"] <= 12


def test_the_warm_up_that_an_author_asked_for_comes_on_top(features: Outcomes) -> None:
    assert candidate_run(features["test_pedantic_warm_up"]).metrics["calls"] <= 10


def test_a_short_round_holds_as_many_calls_as_fill_it(features: Outcomes) -> None:
    assert candidate_run(features["test_call"]).iterations > 10


def test_numbers_in_extra_info_are_metrics(features: Outcomes) -> None:
    assert candidate_run(features["test_extra_info"]).metrics == {"before": 3.0, "after": 2.5}


# --- what goes wrong hits one benchmark alone


@pytest.mark.parametrize("name", UNFIT)
def test_what_must_not_be_measured_is_unfit(unfit: Outcomes, name: str) -> None:
    assert candidate_failure(unfit[name]).kind is FailureKind.UNFIT
    assert unfit[name].log_ratios == {}


@pytest.mark.parametrize("name", FAILED)
def test_a_failed_benchmark_has_a_reason_and_no_estimate(broken: Outcomes, name: str) -> None:
    assert candidate_failure(broken[name]).kind in {FailureKind.RAISED, FailureKind.SKIPPED}
    assert broken[name].log_ratios == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("test_hang", FailureKind.TIMED_OUT),
        ("test_exit", FailureKind.CRASHED),
        ("test_kill", FailureKind.CRASHED),
    ],
)
def test_a_lost_process_is_one_benchmark_s_failure(
    broken: Outcomes, name: str, kind: FailureKind
) -> None:
    assert candidate_failure(broken[name]).kind is kind


HANGS = """
import threading
from pathlib import Path


def test_hang(benchmark):
    if (Path(__file__).parent / "hangs").exists():
        with (Path(__file__).parent / "begun").open("a") as begun:
            begun.write("once\\n")
        threading.Event().wait()
    benchmark(sum, range(10))
"""


@pytest.mark.parametrize("hanging", ["candidate", "base"])
def test_what_hung_in_one_group_is_begun_in_no_later_one(tmp_path: Path, hanging: str) -> None:
    roots = {name: write(tmp_path / name, {FILE: HANGS}) for name in ("candidate", "base")}
    (roots[hanging] / "hangs").touch()
    sides = [side_of(name, root) for name, root in roots.items()]
    groups = lockstep(pair_plan(*sides, benchmarks=("test_hang",), timeout_s=3.0), groups=6)
    candidates = [group["test_hang"].candidate for group in groups]
    begun = (roots[hanging] / "begun").read_text().splitlines()
    assert 1 <= len(begun) <= len(available_cpus())
    if hanging == "candidate":
        assert {getattr(one, "kind", None) for one in candidates} == {FailureKind.TIMED_OUT}
    else:
        assert all(isinstance(one, ProcessRun) for one in candidates)
        assert all("base" in group["test_hang"].failures for group in groups)


@pytest.mark.parametrize("name", FINE)
def test_a_benchmark_beside_broken_ones_is_measured(broken: Outcomes, name: str) -> None:
    assert candidate_run(broken[name]).rounds >= 1
    assert set(broken[name].log_ratios) == {"base"}


# --- two trees that differ

HARNESS = """
import os, signal
import pytest
import shop

def test_equal(benchmark):
    benchmark(shop.equal)

def test_slower(benchmark):
    benchmark(shop.slower)

def test_raises(benchmark):
    benchmark(shop.raises)

def test_dies(benchmark):
    benchmark(shop.dies)

@pytest.mark.skipif(shop.SIDE == "base", reason="not there yet")
def test_skipped(benchmark):
    benchmark(shop.equal)

def test_candidate_fails(benchmark):
    benchmark(shop.fails_here)

def test_mode(benchmark):
    if shop.SIDE == "base":
        benchmark.pedantic(shop.equal, rounds=9)
    else:
        benchmark(shop.equal)

if shop.SIDE == "candidate":
    def test_new(benchmark):
        benchmark(shop.equal)
else:
    def test_old(benchmark):
        benchmark(shop.equal)

def test_last(benchmark):
    benchmark(shop.equal)
"""
SHOP = (
    BUSY
    + """
import os
SIDE = {side!r}

def equal():
    return busy(2000)

def slower():
    return busy({slower})

def raises():
    if SIDE == "base":
        raise ValueError("not in those days")

def dies():
    if SIDE == "base":
        os._exit(9)

def fails_here():
    if SIDE == "candidate":
        raise ValueError("broken by this change")
"""
)
DIFFERENT = ("test_equal", "test_slower", "test_raises", "test_dies", "test_skipped",
             "test_candidate_fails", "test_mode", "test_new", "test_old", "test_nowhere",
             "test_last")  # fmt: skip


def shop(side: str, *, slower: int = 2000) -> str:
    return SHOP.format(side=side, slower=slower)


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("trees")
    code = {
        "candidate": shop("candidate", slower=3000),
        "base": shop("base"),
        "approved": shop("approved"),
    }
    return {
        name: write(folder / name, {FILE: HARNESS, "shop.py": text}) for name, text in code.items()
    }


@pytest.fixture(scope="module")
def groups(trees: dict[str, Path]) -> tuple[Outcomes, ...]:
    """Two groups of three sides."""
    sides = [side_of(name, root, "shop") for name, root in trees.items()]
    return lockstep(pair_plan(*sides, benchmarks=DIFFERENT), groups=2)


@pytest.fixture(scope="module")
def group(groups: tuple[Outcomes, ...]) -> Outcomes:
    return groups[0]


def test_every_benchmark_has_an_outcome_in_every_group(groups: tuple[Outcomes, ...]) -> None:
    assert [set(group) for group in groups] == [set(DIFFERENT)] * 2


def test_each_group_has_a_hash_seed_of_its_own(groups: tuple[Outcomes, ...]) -> None:
    assert len({candidate_run(group["test_equal"]).hash_seed for group in groups}) == 2


@pytest.mark.parametrize("reference", ["base", "approved"])
def test_half_as_much_work_again_is_seen_on_every_reference(
    groups: tuple[Outcomes, ...], reference: str
) -> None:
    estimate = statistics.fmean(group["test_slower"].log_ratios[reference] for group in groups)
    assert abs(estimate - math.log(1.5)) < 0.2


@pytest.mark.parametrize("reference", ["base", "approved"])
def test_equal_work_is_seen_as_equal(groups: tuple[Outcomes, ...], reference: str) -> None:
    estimate = statistics.fmean(group["test_equal"].log_ratios[reference] for group in groups)
    assert abs(estimate) < 0.2


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("test_raises", FailureKind.RAISED, "ValueError: not in those days"),
        ("test_dies", FailureKind.CRASHED, "its process ended with status 9"),
        ("test_skipped", FailureKind.SKIPPED, "Skipped: not there yet"),
        ("test_new", FailureKind.SKIPPED, "it does not exist there"),
    ],
)
def test_a_reference_without_a_number_says_why_and_the_others_go_on(
    group: Outcomes, name: str, kind: FailureKind, message: str
) -> None:
    outcome = group[name]
    assert outcome.failures["base"] == Failure(kind=kind, message=message)
    assert candidate_run(outcome).rounds >= 1
    assert set(outcome.log_ratios) == (set() if name == "test_new" else {"approved"})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test_candidate_fails", "ValueError: broken by this change"),
        ("test_old", "it does not exist there"),
        ("test_nowhere", "it does not exist there"),
    ],
)
def test_a_candidate_without_a_number_has_no_estimate(
    group: Outcomes, name: str, message: str
) -> None:
    assert candidate_failure(group[name]).message == message
    assert group[name].log_ratios == {}


def test_the_limits_of_one_side_s_author_hold_for_all(group: Outcomes) -> None:
    run = candidate_run(group["test_mode"])
    assert run.iterations == 1
    assert run.rounds <= 9


def test_the_last_benchmark_is_measured_on_all_sides(group: Outcomes) -> None:
    assert set(group["test_last"].log_ratios) == {"base", "approved"}


def test_code_from_another_tree_is_an_error_that_names_it(
    trees: dict[str, Path], tmp_path: Path
) -> None:
    root = write(tmp_path, {FILE: HARNESS})  # without the code that it measures
    wrong = replace(side_of("base", root, "shop"), source_paths=(trees["approved"],))
    sides = side_of("candidate", trees["candidate"], "shop"), wrong
    with pytest.raises(ReferenceTreeError, match=r"module shop was imported from .*approved"):
        lockstep(pair_plan(*sides, benchmarks=("test_equal",)))


def test_a_reference_whose_files_cannot_be_collected_says_so(tmp_path: Path) -> None:
    good = write(tmp_path / "good", {FILE: "def test_one(benchmark): benchmark(int)\n"})
    bad = write(tmp_path / "bad", {FILE: "import no_such_module\n"})
    sides = side_of("candidate", good), side_of("base", bad)
    (outcomes,) = lockstep(pair_plan(*sides, benchmarks=("test_one",)))
    assert "no_such_module" in outcomes["test_one"].failures["base"].message
    assert candidate_run(outcomes["test_one"]).rounds >= 1


def test_a_reference_that_cannot_start_says_so(tmp_path: Path) -> None:
    suite = "def test_one(benchmark): benchmark(int)\n"
    good = write(tmp_path / "good", {FILE: suite})
    bad = write(tmp_path / "bad", {FILE: suite, "conftest.py": "import no_such_module\n"})
    sides = side_of("candidate", good), side_of("base", bad)
    (outcomes,) = lockstep(pair_plan(*sides, benchmarks=("test_one",)))
    assert outcomes["test_one"].failures["base"].kind is FailureKind.CRASHED
    assert "no_such_module" in outcomes["test_one"].failures["base"].message


def test_a_candidate_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    suite = "def test_one(benchmark): benchmark(int)\n"
    bad = write(tmp_path, {FILE: suite, "conftest.py": "import no_such_module\n"})
    with pytest.raises(MeasurementError, match="no_such_module"):
        lockstep(pair_plan(side_of("candidate", bad), benchmarks=("test_one",)))


def test_after_the_deadline_nothing_is_begun(tmp_path: Path) -> None:
    root = write(tmp_path, {FILE: "def test_one(benchmark): benchmark(int)\n"})
    plan = pair_plan(side_of("candidate", root), side_of("base", root), benchmarks=("test_one",))
    assert lockstep(replace(plan, deadline_s=0.0)) == ({},)


# --- where it runs


PLACE = """
import os
def test_place(benchmark):
    benchmark(int)
    benchmark.extra_info["cpus"] = len(getattr(os, "sched_getaffinity", lambda _: [0, 1])(0))
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="pins where the platform can")
def test_both_sides_are_pinned_to_one_cpu(tmp_path: Path) -> None:
    outcome = measure_alike(write(tmp_path, {FILE: PLACE}), ("test_place",))["test_place"]
    other = outcome.references["base"]
    assert isinstance(other, ProcessRun)
    assert candidate_run(outcome).metrics == other.metrics == {"cpus": 1.0}


@pytest.mark.parametrize("cpu", [None, 100_000])
def test_where_pinning_cannot_be_the_process_works_without(tmp_path: Path, cpu: int | None) -> None:
    root = write(tmp_path, {FILE: PLACE})
    side = side_of("candidate", root)
    settings = WorkerSettings(
        python=side.python,
        root=root,
        source_paths=(),
        files=(FILE,),
        environ=os.environ,
        hash_seed=0,
        is_lockstep=True,
        cpu=cpu,
    )
    with Worker(settings) as worker:
        worker.configure()
        collection = worker.collect(60.0)
    assert not collection.is_pinned
    assert [benchmark.id for benchmark in collection.benchmarks] == [f"{FILE}::test_place"]


def test_a_cpu_is_for_one_group_at_a_time_and_there_are_at_most_two() -> None:
    cpus = available_cpus()
    assert 1 <= len(set(cpus)) == len(cpus) <= 2


# --- who runs when

LOG = """
import os, time
LOG = {log!r}
def test_slow(benchmark):
    def target():
        with open(LOG, "a") as file:
            file.write(os.path.basename(os.getcwd())[0])
        time.sleep(0.06)
    benchmark(target)
"""


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Who ran, in two groups of two sides: c for the candidate, b for the base."""
    folder = tmp_path_factory.mktemp("order")
    suite = LOG.format(log=str(folder / "log"))
    sides = [side_of(name, write(folder / name, {FILE: suite})) for name in ("candidate", "base")]
    plan = pair_plan(*sides, benchmarks=("test_slow",))
    with one_cpu():
        lockstep(plan, groups=2)
    ran = (folder / "log").read_text()
    return ran[: len(ran) // 2], ran[len(ran) // 2 :]


@contextmanager
def one_cpu() -> Iterator[None]:
    """Let one group run after the other."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def test_rounds_alternate_and_who_begins_does_too(order: tuple[str, str]) -> None:
    # Both call once to see an answer, once to calibrate, and once for the test at the end.
    assert order[0][4:-2] == "cbbccbbc"


def test_the_next_group_mirrors_the_order(order: tuple[str, str]) -> None:
    assert order[1][4:-2] == "bccbbccb"
