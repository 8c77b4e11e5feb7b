import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import approve, environ_for, measured, perfgate, write_results

SHOP = """
import asyncio

async def look():
    await asyncio.sleep(0.002)

async def fail():
    await asyncio.sleep(0.002)
    raise LookupError("<b>no such | cart</b>")

def block():
    sum(range(20_000))

async def forgets():
    asyncio.sleep(0.002)
"""
MARK = """
async def mark():
    print("under way", flush=True)
    await asyncio.sleep(0.01)
"""
SETTINGS = """
[tool.perfgate.load.checkout]
operation = "shop.py:look"
users = 1
operations = 400
limits = ["p95 < 5s"]

[tool.perfgate.load.slow]
operation = "shop.py:look"
rate = "200/s"
time = "1s"
limits = ["p50 < 1us"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / "shop.py").write_text(SHOP)
    (project / "pyproject.toml").write_text(SETTINGS)
    return project


def _read(file: Path) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(file.read_bytes())
    return run


def test_a_load_by_name_is_held_against_its_limits(folder: Path) -> None:
    done = perfgate(folder, "load", "checkout", "--json", "load.json")
    assert done.status == 0, done.err
    assert done.out.endswith("checkout: passed\n")
    assert done.err == ""  # no progress where nobody waits at a terminal
    run = _read(folder / "load.json")
    assert (run["total"]["ok"], run["demand"]["users"]) == (400, 1)
    assert run["outcome"] == "passed"


def test_a_broken_limit_fails_and_is_told_with_its_number(folder: Path) -> None:
    done = perfgate(folder, "load", "slow")
    assert done.status == 1
    assert re.search(r"^failed: p50 < 1us: was [0-9.]+ ms$", done.out, re.MULTILINE)
    assert done.out.endswith("slow: failed\n")


def test_options_stand_over_settings_and_limits_add_up(folder: Path) -> None:
    done = perfgate(
        folder,
        *("load", "checkout", "--operations", "100", "--name", "shop-front"),
        *("--limit", "success_rate > 99%", "--json", "load.json"),
    )
    assert done.status == 0, done.err
    run = _read(folder / "load.json")
    assert run["limits"] == ["p95 < 5s", "success_rate > 99%"]
    assert (run["name"], run["total"]["ok"]) == ("shop-front", 100)


def test_a_load_may_change_in_stages(folder: Path) -> None:
    done = perfgate(
        folder,
        *("load", "shop.py:look", "--stage", "0.4s:100/s", "--stage", "0.4s:100/s"),
        *("--json", "load.json"),
    )
    assert done.status in {0, 3}, done.err  # 3: this machine was too busy to start in time
    run = _read(folder / "load.json")
    assert run["total"]["ok"] == 60
    assert run["demand"]["stages"] == [[0.4, 100], [0.4, 100]]
    assert run["total"]["service"] is not None


def test_an_operation_that_blocks_and_a_warm_up_are_fine(folder: Path) -> None:
    done = perfgate(
        folder,
        *("load", "shop.py:block", "--operations", "50", "--warmup", "0.1s", "--json", "-"),
    )
    assert done.status == 0, done.err
    assert json.loads(done.out)["total"]["ok"] == 50


def test_a_hopeless_load_ends_early(folder: Path) -> None:
    done = perfgate(
        folder,
        *("load", "shop.py:fail", "--users", "2", "--time", "60s", "--limit", "error_rate < 1%"),
        *("--abort-on-fail", "--grace", "0s", "--json", "load.json"),
    )
    assert done.status == 1
    run = _read(folder / "load.json")
    assert run["wall_s"] < 10
    (failure,) = run["failures"]
    assert failure == "error_rate < 1%: was 100 % after 1 s: ended early"


def test_what_the_settings_name_is_found_from_any_folder_of_the_project(folder: Path) -> None:
    (folder / "deep").mkdir()
    done = perfgate(folder / "deep", "load", "checkout")
    assert done.status == 0, done.err


@pytest.mark.parametrize(("variables", "is_shown"), [({}, True), ({"CI": "true"}, False)])
def test_progress_is_shown_at_a_terminal_and_not_in_ci(
    folder: Path, variables: dict[str, str], *, is_shown: bool
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "perfgate", "load", "shop.py:look", "--time", "2.5s"],
        cwd=folder,
        env=environ_for(folder, **variables),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    process.wait(timeout=60)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux: everything was read, and nobody writes any more
        while chunk := os.read(ours, 65536):
            shown += chunk
    os.close(ours)
    assert (re.search(rb"\r\d\.\d s  \d[\d,]* ok  0 failed  \d", shown) is not None) is is_shown
    assert shown.endswith(b"\r\x1b[K") is is_shown


def test_an_interrupt_writes_nothing(folder: Path) -> None:
    arguments = ("load", "shop.py:mark", "--time", "60s", "--json", "load.json")
    (folder / "shop.py").write_text(SHOP + MARK)
    process = subprocess.Popen(
        [sys.executable, "-m", "perfgate", *arguments],
        cwd=folder,
        env=environ_for(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()  # it is under way
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == b"perfgate: interrupted: nothing was judged"
    assert not (folder / "load.json").exists()


def test_a_job_of_github_actions_takes_no_commands_from_a_scenario(folder: Path) -> None:
    name = "::warning::x"
    (folder / "shop.py").write_text(
        SHOP + f'class Odd(Exception): pass\nOdd.__name__ = "{name}"\n'
        "async def odd():\n    raise Odd\n"
    )
    done = perfgate(folder, "load", "shop.py:odd", "--operations", "5", GITHUB_ACTIONS="true")
    first, *_, last = done.out.splitlines()
    assert first.startswith("::stop-commands::")
    assert last == f"::{first.removeprefix('::stop-commands::')}::"


def test_nothing_but_failures_is_no_pass_even_without_limits(folder: Path) -> None:
    done = perfgate(folder, "load", "shop.py:fail", "--operations", "10")
    assert done.status == 3
    assert "in doubt: no operation succeeded" in done.out
    assert "10 x exception: LookupError" in done.out


def test_a_coroutine_that_nobody_awaits_is_an_error_and_no_number(folder: Path) -> None:
    done = perfgate(folder, "load", "shop.py:forgets", "--operations", "10")
    assert done.status == 2
    assert "never awaited" in done.err


def test_a_job_of_github_gets_the_load_in_its_summary(folder: Path) -> None:
    summary = folder / "summary.md"
    summary.write_text("# Before\n")
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    perfgate(folder, "load", "shop.py:look", "--operations", "5", **environ)
    assert summary.read_text().startswith("# Before\n## `look`: ")
    summary.write_bytes(b"x" * 1_048_500)
    perfgate(folder, "load", "shop.py:look", "--operations", "5", **environ)
    assert summary.stat().st_size == 1_048_500  # GitHub would refuse it whole


def test_pages_show_text_of_others_as_text(folder: Path) -> None:
    perfgate(
        folder,
        *("load", "shop.py:fail", "--operations", "10", "--html", "load.html"),
        *("--markdown", "load.md", "--limit", "p95 < 5s"),
    )
    page = (folder / "load.html").read_text()
    assert "src=" not in page
    assert "inconclusive" in page
    assert "exception: LookupError" in (folder / "load.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param((), "no scenario: name one: checkout, slow, or", id="nothing"),
        pytest.param(("chekout",), "did you mean checkout?", id="misspelt"),
        pytest.param(("shop.py:look",), "how long is it to last?", id="no-end"),
        pytest.param(
            ("shop.py:look", "--rate", "5", "--users", "4", "--time", "1s"),
            "a load is closed or open",
            id="both-kinds",
        ),
        pytest.param(("shop.py:look", "--rate", "5"), "--rate needs --time", id="rate-only"),
        pytest.param(
            ("shop.py:look", "--stage", "1s:5", "--stage", "1s:5/s"),
            "either all reach users",
            id="mixed-stages",
        ),
        pytest.param(("shop.py:look", "--stage", "1s:0"), "stages: ", id="empty-stages"),
        pytest.param(("shop.py:look", "--stage", "fast"), "is no stage", id="no-stage"),
        pytest.param(("checkout", "--limit", "p95"), "is not a limit", id="no-limit"),
        pytest.param(
            ("checkout", "--limit", "p95 < 120% of baseline"), "knows no baseline", id="relative"
        ),
        pytest.param(("checkout", "--name", "a/b"), "use letters, digits", id="name"),
        pytest.param(("checkout", "--master"), "are for Locust", id="master"),
        pytest.param(("checkout", "--worker"), "gets its scenario from", id="worker"),
        pytest.param(("checkout", "--time", "0s"), "is no time at all", id="no-time"),
        pytest.param(
            ("--locust", "gone.py", "--time", "5s"), "there is no locustfile", id="no-locustfile"
        ),
        pytest.param(
            ("--locust", "shop.py", "--time", "5s", "--warmup", "5s"),
            "leaves nothing of --time",
            id="all-warm-up",
        ),
        pytest.param(
            ("--locust", "shop.py", "--stage", "5s:3"), "write a LoadTestShape", id="shape"
        ),
        pytest.param(
            ("--locust", "shop.py", "--time", "5s", "--master"),
            "needs --expect-workers",
            id="no-number",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    folder: Path, arguments: tuple[str, ...], problem: str
) -> None:
    done = perfgate(folder, "load", *arguments)
    assert done.status == 2, done.out
    assert problem in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        pytest.param('users = "many"', "load.x.users: must be a whole number", id="users"),
        pytest.param('rate = "0/s"', 'load.x.rate: "0/s" lets nothing arrive', id="rate"),
        pytest.param('stages = ["5s"]', "load.x.stages[0]", id="stages"),
        pytest.param('limits = ["p95 < 5"]', "load.x.limits[0]", id="limits"),
        pytest.param('abort_on_fail = "yes"', "load.x.abort_on_fail", id="abort"),
        pytest.param('locustfile = "users.py"', "either an operation or a locustfile", id="two"),
        pytest.param("user = 5", "load.x.user: unknown setting; did you mean users?", id="unknown"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(folder: Path, setting: str, problem: str) -> None:
    settings = f'[tool.perfgate.load.x]\noperation = "shop.py:look"\n{setting}\n'
    (folder / "pyproject.toml").write_text(settings)
    done = perfgate(folder, "load", "x")
    assert done.status == 2
    assert problem in done.err


def test_a_load_is_approved_and_gated_like_any_benchmark(folder: Path) -> None:
    done = perfgate(folder, "load", "checkout", "--json", "first.json")
    assert done.status == 0, done.err
    done = perfgate(
        folder, "update-baselines", "--from", "first.json", "--reason", "as it is on this machine"
    )
    assert done.status == 0, done.err
    assert "load:checkout" in done.out
    (baseline,) = folder.glob("baselines/*/load.checkout.json")
    assert "load:checkout" in baseline.read_text()
    slower = _read(folder / "first.json")
    assert perfgate(folder, "compare", "first.json", "--threshold", "500%").status in {0, 3}
    total = slower["total"]
    buckets = total["times"]["positive"]
    buckets["indices"] = [index + 64 * 4 for index in buckets["indices"]]
    for holder, names in (
        (total["times"], ("min", "max", "sum")),
        (total["metrics"], ("min", "median", "mean", "max", "p50", "p90", "p95", "p99")),
    ):
        holder.update({name: 16 * holder[name] for name in names if name in holder})
    (folder / "slower.json").write_text(json.dumps(slower))
    done = perfgate(folder, "compare", "slower.json", "--against", "first.json")
    assert done.status == 1
    assert "regressed  load:checkout" in done.out
    assert "16x slower" in done.out


def test_pruning_after_a_load_leaves_benchmarks_alone_and_the_other_way_round(
    folder: Path,
) -> None:
    approve(folder, measured("test_pay"))
    perfgate(folder, "load", "checkout", "--json", "load.json")
    update = ("update-baselines", "--prune", "--reason", "as it is here", "--from")
    assert perfgate(folder, *update, "load.json").status == 0
    bench = write_results(folder / "bench.json", measured("test_pay"))
    assert perfgate(folder, *update, bench).status == 0
    kept = {file.name for file in folder.glob("baselines/*/*.json")}
    assert kept == {"load.checkout.json", "shop.json"}


def test_a_load_in_doubt_approves_nothing(folder: Path) -> None:
    done = perfgate(folder, "load", "shop.py:fail", "--operations", "10", "--json", "bad.json")
    assert done.status == 3
    done = perfgate(folder, "update-baselines", "--from", "bad.json", "--reason", "it is broken")
    assert done.status == 3
    assert not (folder / "baselines").exists()
    assert "no operation succeeded" in done.err


def test_a_load_is_held_against_its_own_baselines_alone(folder: Path) -> None:
    """Nothing of the others is missing in a file that cannot hold it."""
    for name in ("checkout", "other"):
        perfgate(folder, "load", "checkout", "--name", name, "--json", f"{name}.json")
        done = perfgate(
            folder, "update-baselines", "--from", f"{name}.json", "--reason", "as it is here"
        )
        assert done.status == 0, done.err
    done = perfgate(folder, "compare", "checkout.json", "--threshold", "500%")
    assert "load:other" not in done.out
    assert "missing" not in done.out.lower()
