"""What SciPy, scikit-learn and statsmodels would take over from hoigen.core.stats: lines, megabytes, start-up, and
whether they say the same on the project's own cases.

pip install --target SITE scipy scikit-learn statsmodels && python -m compileall -q SITE
PYTHONPATH=tests/core/stats python benchmarks/statistics_libraries.py SITE

The libraries are no dependency. `lines` are those of hoigen that would go, and those of the call below that would come.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

SITE = Path(sys.argv[1])
sys.path.append(str(SITE))

import numpy as np  # noqa: E402
from imports import cpu  # noqa: E402
from interval_coverage import drawn, hallucination  # noqa: E402
from machine import headline  # noqa: E402

from hoigen.core.stats import agreement, paired, ranks, resample, thresholds  # noqa: E402
from hoigen.core.stats.resample import Draws  # noqa: E402

RNG = np.random.default_rng(7)
STUDIES = 200


def scipy_interval(columns: Any, seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    def rate(top: Any, bottom: Any, axis: int = -1) -> Any:
        return top.sum(axis=axis) / bottom.sum(axis=axis)

    data = (columns[:, 0], columns[:, 1])
    found = bootstrap(data, rate, paired=True, vectorized=True, n_resamples=1000, method="BCa", rng=seed)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def our_interval(columns: Any, seed: int) -> tuple[float, float]:
    found = resample.estimate_of(columns, Draws(draws=1000, seed=seed).totals(columns), hallucination, "")
    return (float("nan"),) * 2 if found.low is None or found.high is None else (found.low, found.high)


def scipy_swap(first: Any, second: Any, draws: int) -> float:
    from scipy.stats import permutation_test

    def apart(one: Any, other: Any, axis: int = -1) -> Any:
        a, b = one.sum(axis=axis), other.sum(axis=axis)
        return a / len(first) - b / len(first)

    found = permutation_test(
        (first, second), apart, permutation_type="samples", vectorized=True, n_resamples=draws, rng=0
    )
    return float(found.pvalue)


def scipy_share(yes: int, of: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    found = binomtest(yes, of).proportion_ci(0.95, "wilson")
    return float(found.low), float(found.high)


def sklearn_auc(values: Any, said: Any) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(said, values))


def sklearn_curve(values: Any, said: Any) -> tuple[Any, Any]:
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(said, values)
    return precision[:-1], recall[:-1]


def statsmodels_mcnemar(first: Any, second: Any) -> float:
    from statsmodels.stats.contingency_tables import mcnemar

    table = [[int((a & b).sum()) for b in (second, ~second)] for a in (first, ~first)]
    return float(mcnemar(table, exact=True).pvalue)


def statsmodels_holm(p_values: Any) -> list[float]:
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def sklearn_kappa(first: Any, second: Any) -> float:
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(first, second))


def scipy_ranks(x: Any, y: Any, clusters: Any, draws: int) -> tuple[list[float], list[float]]:
    """The resampled values: videos of the prompts drawn, one resample after the other."""
    from scipy.stats import kendalltau, spearmanr

    rng = np.random.default_rng(0)
    members = [np.flatnonzero(clusters == at) for at in range(int(clusters.max()) + 1)]
    rho, tau = [], []
    for _ in range(draws):
        at = np.concatenate([members[each] for each in rng.integers(0, len(members), len(members))])
        rho.append(float(spearmanr(x[at], y[at]).statistic))
        tau.append(float(kendalltau(x[at], y[at]).statistic))
    return rho, tau


def ms(what: Callable[[], Any], times: int) -> float:
    """Milliseconds of one call, the least of three series."""
    found = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(times):
            what()
        found.append((time.perf_counter() - start) / times * 1000)
    return min(found)


def lines(*functions: Any) -> int:
    return sum(len(inspect.getsource(each).splitlines()) for each in functions)


def row(name: str, ours: int, theirs: int, cases: str, times: tuple[float, float] | None) -> None:
    took = f"{times[0]:10.3f} {times[1]:10.3f}" if times else f"{'':21}"
    print(f"{name:26} {ours:5} {theirs:6} {took}  {cases}")


def folder_mb(*names: str) -> float:
    """Megabytes of what a library lays beside the core."""
    files = [path for name in names for path in SITE.glob(f"{name}*/**/*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e6


def start_up() -> None:
    env = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path[1:], str(SITE)])}
    os.environ.update(env)
    bare = cpu([sys.executable, "-c", "import numpy"])
    sizes = {
        "scipy.stats": ("scipy",),
        "sklearn.metrics": ("scipy", "sklearn", "scikit_learn", "joblib", "threadpoolctl", "narwhals"),
        "statsmodels.stats.multitest": ("scipy", "statsmodels", "pandas", "patsy", "dateutil", "python_dateutil"),
        "hoigen.core.stats.ranks": (),
    }
    print("library                       MB on the disk   import, CPU ms beyond NumPy")
    for name, folders in sizes.items():
        print(f"{name:30} {folder_mb(*folders):13.0f} {cpu([sys.executable, '-c', f'import {name}']) - bare:13.0f}")
    code = "from importlib.metadata import version as v; print(v('scipy'), v('scikit-learn'), v('statsmodels'))"
    print("versions", subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)


def intervals() -> None:
    truth = {
        error: float(hallucination(drawn(np.random.default_rng(1), 1_000_000, error).sum(axis=0)))
        for error in (0.03, 0.2)
    }
    for clips, error in ((8, 0.2), (20, 0.03), (40, 0.2), (100, 0.03)):
        rng = np.random.default_rng(clips)
        held, none, apart = [0, 0], [0, 0], []
        for study in range(STUDIES):
            columns = drawn(rng, clips, error)[:, :2]
            both = [interval(columns, study) for interval in (our_interval, scipy_interval)]
            for at, (low, high) in enumerate(both):
                none[at] += bool(np.isnan(low))
                held[at] += low <= truth[error] <= high
            if not any(np.isnan(both).ravel()):
                apart.append(np.abs(np.subtract(*both)).max() / np.ptp(both[1]))
        shares = [held[at] / max(1, STUDIES - none[at]) for at in (0, 1)]
        told = f"{clips} clips, rate {error:.0%}: hold the truth {shares[0]:.1%} / {shares[1]:.1%}, "
        told += (
            f"no interval {none[0]} / {none[1]} of {STUDIES}, ends apart {np.median(apart):.1%} of the width (median)"
        )
        took = (ms(lambda c=columns: our_interval(c, 0), 20), ms(lambda c=columns: scipy_interval(c, 0), 20))
        row("bootstrap, BCa", lines(resample._tails), lines(scipy_interval), told, took)


def others() -> None:
    from scipy.stats import t

    freedoms = range(7, 500)
    worst = max(abs(resample._student(q, f) - float(t.ppf(q, f))) for f in freedoms for q in (0.975, 0.8))
    row("Student's quantile", lines(resample._student), 1, f"largest difference {worst:.1e}, 7 to 499 freedoms", None)
    shares = [(int(yes), of) for of in (1, 8, 30, 300) for yes in {0, 1, of // 3, of}]
    gaps = [np.abs(np.subtract(resample.share_interval(*each), scipy_share(*each))).max() for each in shares]
    wider = sum(gap > 1e-6 for gap in gaps)
    told = f"{len(shares)} cases: never narrower, wider by the bootstrap in {wider}, by {max(gaps):.3f} at most"
    row("interval of a share", lines(resample.share_interval), lines(scipy_share), told,
        (ms(lambda: resample.share_interval(20, 30), 100), ms(lambda: scipy_share(20, 30), 100)))  # fmt: skip
    worst = 0.0
    for _ in range(300):
        size = int(RNG.integers(2, 60))
        values, said = RNG.integers(0, 6, size) / 5, RNG.random(size) < 0.5
        if len(set(said.tolist())) == 2:
            worst = max(worst, abs(thresholds.auc(values, said) - sklearn_auc(values, said)))
    values, said = RNG.normal(size=100_000), RNG.random(100_000) < 0.3
    took = (ms(lambda: thresholds.auc(values, said), 5), ms(lambda: sklearn_auc(values, said), 5))
    row(
        "AUC", lines(thresholds.auc, thresholds._checked), lines(sklearn_auc), f"300 cases with ties: {worst:.0e}", took
    )
    worst, odd = 0.0, 0
    for _ in range(300):
        values, said = RNG.integers(0, 9, 40) / 8, np.append(RNG.random(39) < 0.5, True)
        found, (precision, recall) = thresholds.curve(values, said, "min"), sklearn_curve(values, said)
        odd += len(precision) != len(found.precision)
        size = min(len(precision), len(found.precision))
        for ours, theirs in ((found.precision, precision), (found.recall, recall)):
            worst = max(worst, np.abs(ours[:size] - theirs[:size]).max())
    took = (ms(lambda: thresholds.curve(values, said, "min"), 50), ms(lambda: sklearn_curve(values, said), 50))
    told = f"300 cases: {worst:.0e}, {odd} of another length; thresholds are values there, numbers to paste here"
    row("precision-recall curve", lines(thresholds.curve), lines(sklearn_curve), told, took)
    gaps = []
    for size in (6, 10, 40, 120):
        one, other = (np.stack([RNG.random(size), np.ones(size)], axis=1) for _ in "ab")
        ours = paired.swap_test(one, other, Draws(draws=9999)) or 0.0
        gaps.append(abs(ours - scipy_swap(one[:, 0], other[:, 0], 9999)))
    took = (
        ms(lambda: paired.swap_test(one, other, Draws(draws=9999)), 3),
        ms(lambda: scipy_swap(one[:, 0], other[:, 0], 9999), 3),
    )
    told = f"6 to 120 prompts, means: p apart by {max(gaps):.3f} at most (chance)"
    row("swap test", lines(paired.swap_test, paired._difference, Draws.swaps), lines(scipy_swap), told, took)
    worst = 0.0
    for _ in range(200):
        first = RNG.random(int(RNG.integers(1, 60))) < 0.4
        second = RNG.random(len(first)) < 0.5
        worst = max(worst, abs(paired.mcnemar(first, second).exact - statsmodels_mcnemar(first, second)))
    row(
        "McNemar, exact",
        lines(paired.mcnemar),
        lines(statsmodels_mcnemar),
        f"200 cases: {worst:.0e}; no mid-p there",
        None,
    )
    worst = max(
        np.abs(np.subtract(paired.holm(p), statsmodels_holm(p))).max()
        for p in (list(RNG.choice([0.001, 0.02, 0.02, 0.3, 1.0], int(RNG.integers(1, 9)))) for _ in range(200))
    )
    row("Holm", lines(paired.holm), lines(statsmodels_holm), f"200 cases: {worst:.0e}; SciPy has none", None)
    worst = 0.0
    for _ in range(100):
        first, second = (RNG.choice(list("tfc"), 40) for _ in "ab")
        units = [(f"c{at}", {"a": str(a), "b": str(b)}) for at, (a, b) in enumerate(zip(first, second, strict=True))]
        kappa = agreement.agreement(units, Draws(draws=10)).kappa.value or 0.0
        worst = max(worst, abs(kappa - sklearn_kappa(first, second)))
    told = f"100 cases: {worst:.0e}; AC1, alpha, gaps and more than two annotators: none there"
    row("Cohen's kappa", lines(agreement._kappa), lines(sklearn_kappa), told, None)


def rank_resamples() -> None:
    clusters = np.repeat(np.arange(60), 4)
    x = RNG.normal(size=240)
    y = np.round(x + RNG.normal(size=240))
    draws, few = Draws(draws=2000), 200
    start = time.perf_counter()
    ours = ranks.spearman(x, y, clusters, draws), ranks.kendall(x, y, clusters, draws)
    took = (time.perf_counter() - start) * 1000
    start = time.perf_counter()
    rho, tau = scipy_ranks(x, y, clusters, few)
    theirs = (time.perf_counter() - start) * 1000 * 2000 / few
    gaps = [
        abs((mine.draws_sd or 0) - float(np.std(other, ddof=1))) for mine, other in zip(ours, (rho, tau), strict=True)
    ]
    told = f"240 videos of 60 prompts, 2,000 resamples; standard errors apart by {max(gaps):.4f} (chance)"
    own = (ranks._spearman, ranks._correlation, ranks._ranks, ranks._forms, ranks._tau)
    row("Spearman and Kendall", lines(*own), lines(scipy_ranks), told, (took, theirs))


def main() -> None:
    warnings.simplefilter("ignore")
    print(headline())
    start_up()
    print(f"{'':26} {'lines':>12} {'ms a call':>21}")
    print(f"{'':26} {'ours':>5} {'theirs':>6} {'ours':>10} {'theirs':>10}  largest difference; cases")
    intervals()
    others()
    rank_resamples()


if __name__ == "__main__":
    main()
