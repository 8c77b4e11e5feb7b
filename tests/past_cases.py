"""A past to show: a benchmark that became slower, one that did not, on two kinds of machine."""

import hashlib
import random

from perfgate.commands.history import Past
from perfgate.history.approvals import Approval
from perfgate.history.findings import Finding
from perfgate.history.past import History, PastCommit, PastRun, Series, Shift
from perfgate.model import Environment
from perfgate.stats.changepoint import ChangeKind

_MACHINE = Environment(system="linux", machine="x86_64", implementation="cpython", python="3.12.4")


def past(
    runs: int = 60,
    benchmarks: int = 3,
    *,
    name: str = "benchmarks/test_shop.py::test_order",
    text: str = "Sum with a loop",
    suite: str = "shop",
) -> Past:
    """Build a past; ``text`` is what every field from outside says."""
    draw = random.Random(3)
    ids = [hashlib.sha1(f"{at}".encode()).hexdigest() for at in range(runs)]  # noqa: S324 - as git
    series = tuple(
        _series(draw, f"{name}[{number}]", ids, suite, text, shifts=number == 0)
        for number in range(benchmarks)
    )
    elsewhere = _series(draw, f"{name}[0]", ids[: runs // 2], suite, "", shifts=False)
    slower = series[0].shifts
    return Past(
        history=History(
            tip=ids[-1],
            commits={
                each: PastCommit(id=each, committed=1_700_000_000 + at, author=text, subject=text)
                for at, each in enumerate(ids)
            },
            runs=tuple(
                PastRun(
                    commit=each,
                    recorded=1_700_000_000.0 + 86_400 * at,
                    environment=_MACHINE,
                    title="",
                    name="",
                )
                for at, each in enumerate(ids)
            ),
            series=(*series, elsewhere),
            approvals=(
                Approval(
                    commit=ids[0],
                    environment=_MACHINE.key,
                    suite=suite,
                    benchmark=f"{name}[0]",
                    old_s=None,
                    new_s=1e-4,
                    reason=text,
                ),
            ),
            renames={},
            warnings=(f"1 damaged line left out: {text}",),
        ),
        findings=tuple(Finding(series=series[0], shift=shift) for shift in slower),
        is_long_enough=True,
    )


def _series(
    draw: random.Random, benchmark: str, ids: list[str], suite: str, text: str, *, shifts: bool
) -> Series:
    runs = len(ids)
    at = 2 * runs // 3
    low_s = [1e-4 * draw.uniform(0.98, 1.02) for _ in range(runs)]
    if shifts:
        low_s[at:] = [1.2 * value for value in low_s[at:]]
        low_s[5] *= 1.5
    shift = Shift(
        kind=ChangeKind.STEP,
        last_good=ids[at - 1],
        first_changed=ids[at],
        commits=1,
        before_s=1e-4,
        after_s=1.2e-4,
        log_ratio=0.182,
        superiority=1.0,
        at=at,
        moved_together=0,
        left=0.182,
        environment_change="",
    )
    return Series(
        suite=suite,
        benchmark=benchmark,
        environment=_MACHINE.key,
        cpu=f"AMD EPYC {text}" if text else "Apple M2",
        title="",
        runs=tuple(range(runs)),
        low_s=tuple(low_s),
        shifts=(shift,) if shifts else (),
        spikes=(5,) if shifts else (),
        drift=None,
        is_bimodal=False,
        noise=0.012,
    )
