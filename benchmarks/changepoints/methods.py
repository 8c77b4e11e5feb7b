"""The methods that are compared; each takes values, oldest first, and gives first new points.

What they need (numpy, ruptures, apache-otava) is nothing that perfgate needs, and only asked for
here. Penalties are in variances of the noise, which all get from the same robust estimate.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from perfgate.stats.changepoint import describe

__all__ = ["METHODS", "Method"]

Found = Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to find change points, with the settings that are tried."""

    name: str
    needs: str
    """The package that has it; empty: perfgate or what stands in this file."""
    settings: Mapping[str, Callable[[Sequence[float]], Found]]
    """By what they are called; the first is the method's default."""


def _ours(values: Sequence[float], penalty: float, superiority: float) -> Found:
    shape = describe(values, penalty=penalty, superiority=superiority)
    return [change.index for change in shape.changes]


def _otava(values: Sequence[float], p_value: float, magnitude: float) -> Found:
    """E-divisive with a t-test (Matteson & James 2014; Fleming et al. 2023)."""
    from otava.analysis import compute_change_points

    found, _ = compute_change_points(
        list(values), window_len=50, max_pvalue=p_value, min_magnitude=magnitude
    )
    return [int(point.index) for point in found]


def _scaled(values: Sequence[float]) -> Any:
    import numpy as np

    logs = np.log(np.asarray(values))
    moves = np.diff(logs)
    noise = 1.4826 * np.median(np.abs(moves - np.median(moves))) / math.sqrt(2)
    return (logs / max(float(noise), 1e-6)).reshape(-1, 1)


def _ranked(values: Sequence[float]) -> Any:
    from scipy.stats import rankdata

    return (rankdata(values) / len(values) * math.sqrt(12)).reshape(-1, 1)


def _kernel(values: Sequence[float], kernel: str, penalty: float) -> Found:
    import ruptures

    search = ruptures.KernelCPD(kernel=kernel, min_size=2).fit(_scaled(values))
    return list(search.predict(pen=penalty)[:-1])


def _ranks(values: Sequence[float], penalty: float) -> Found:
    """Return levels of ranks instead of values (Lung-Yut-Fong et al. 2015)."""
    import ruptures

    search = ruptures.KernelCPD(kernel="linear", min_size=2).fit(_ranked(values))
    return list(search.predict(pen=penalty)[:-1])


def _pelt(values: Sequence[float], model: str, penalty: float) -> Found:
    """Killick et al. 2012; every fifth place, which the tolerance forgives, or it takes minutes."""
    import ruptures

    search = ruptures.Pelt(model=model, min_size=4, jump=5).fit(_scaled(values))
    return list(search.predict(pen=penalty)[:-1])


def _bayesian(values: Sequence[float], expected_length: float, strength: float) -> Found:
    """Follow the most probable run length online (Adams & MacKay 2007), Student's t predictive."""
    import numpy as np
    from scipy.special import gammaln

    points = _scaled(values).ravel()
    points = points - np.median(points)
    hazard = 1 / expected_length
    mean, kappa, alpha, beta = (
        np.zeros(1),
        np.full(1, 0.01),
        np.full(1, strength),
        np.full(1, strength),
    )
    log_run = np.zeros(1)
    lengths = []
    for point in points:
        scale = beta * (kappa + 1) / (alpha * kappa)
        log_p = (
            gammaln(alpha + 0.5)
            - gammaln(alpha)
            - 0.5 * np.log(2 * alpha * math.pi * scale)
            - (alpha + 0.5) * np.log1p((point - mean) ** 2 / (2 * alpha * scale))
        )
        grown = log_run + log_p + math.log1p(-hazard)
        fresh = np.logaddexp.reduce(log_run + log_p + math.log(hazard))
        log_run = np.concatenate(([fresh], grown))
        log_run -= np.logaddexp.reduce(log_run)
        beta_new = beta + kappa * (point - mean) ** 2 / (2 * (kappa + 1))
        mean = np.concatenate(([0.0], (kappa * mean + point) / (kappa + 1)))
        kappa = np.concatenate(([0.01], kappa + 1))
        alpha = np.concatenate(([strength], alpha + 0.5))
        beta = np.concatenate(([strength], beta_new))
        lengths.append(int(np.argmax(log_run)))
    cuts = []
    at = len(lengths) - 1
    while at >= 0 and lengths[at] <= at and at - lengths[at] + 1 > 0:
        cut = at - lengths[at] + 1
        cuts.append(cut)
        at = cut - 1
    return cuts[::-1]


PENALTIES: Final = (200, 50, 100, 400, 800, 1600)

METHODS: Final = (
    Method(
        name="perfgate",
        needs="",
        settings={
            f"penalty {p}, delta {d}": partial(_ours, penalty=p, superiority=d)
            for p in (100, 60, 150, 200)
            for d in (0.7, 0.6, 0.8, 0.9)
        },
    ),
    Method(
        name="Otava (E-divisive)",
        needs="otava",
        settings={
            f"p {p}, magnitude {m}": partial(_otava, p_value=p, magnitude=m)
            for p in (1e-3, 1e-5, 1e-7)
            for m in (0.0, 0.02, 0.05)
        },
    ),
    Method(
        name="KernelCPD linear",
        needs="ruptures",
        settings={f"penalty {p}": partial(_kernel, kernel="linear", penalty=p) for p in PENALTIES},
    ),
    Method(
        name="KernelCPD rbf",
        needs="ruptures",
        settings={
            f"penalty {p}": partial(_kernel, kernel="rbf", penalty=p) for p in (20, 5, 10, 40)
        },
    ),
    Method(
        name="PELT l1",
        needs="ruptures",
        settings={f"penalty {p}": partial(_pelt, model="l1", penalty=p) for p in (50, 25)},
    ),
    Method(
        name="levels of ranks",
        needs="ruptures",
        settings={f"penalty {p}": partial(_ranks, penalty=p) for p in (20, 10, 40, 80)},
    ),
    Method(
        name="Bayesian online",
        needs="scipy",
        settings={
            f"length {n}, strength {s}": partial(_bayesian, expected_length=n, strength=s)
            for n in (1e3, 1e6, 1e12)
            for s in (1.0, 10.0)
        },
    ),
)
