"""Forecasts of ETTh1 and of M4's hourly series, by the recipes of the documentation.

python -m benchmarks.forecast etth1 --horizon 96 [--seeds 0 1 2]
python -m benchmarks.forecast m4 [--seeds 0 1 2]
python -m benchmarks.forecast lstm --peer PYTHON

The data are looked for as `unrolled data fetch` does. ETTh1 is split as the field does: 12 months to train, 4 to
validate, 4 to test; errors are in units of the training part's standard deviation, over every window of the test part.
M4 is scored on the competition's own test values. `lstm` trains an LSTM on M4's hourly series, in as many steps as
neuralforecast, beside neuralforecast itself, run by PYTHON, an interpreter that has it. A line of JSON for each run,
then the medians.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unrolled import EnsembleForecaster, Forecaster
from unrolled.data import fetch, read_series
from unrolled.models.forecasting import metrics

TRAIN, VALIDATION, END = 8640, 11520, 14400
PEER = Path(__file__).with_name("neuralforecast_peer.py")

SEGMENTED = {
    "cell": "gru",
    "hidden_size": 128,
    "loss": "mae",
    "calendar": False,
    "optimizer": "adamw",
    "lr": 1e-3,
    "patience": None,
    "refit": False,
    "season": 24,
}
ETTH1 = {
    **SEGMENTED,
    "hidden_size": 256,
    "window": 720,
    "segment": 48,
    "independent": True,
    "log": False,
    "dropout": 0.5,
}
# Members that start from other places err differently: the last day, its mean, the last value in units of the window.
# Far ahead means say most, and little training is enough.
ETTH1_MEMBERS: dict[int, tuple[dict[str, Any], ...]] = {
    96: (
        {"scaling": "global", "difference": 24, "segment": 24, "lr": 5e-4, "dropout": 0.3, "epochs": 6},
        {"scaling": "level", "difference": None, "epochs": 8},
        {"scaling": "window", "difference": 1, "epochs": 8},
    ),
    720: (
        {"hidden_size": 128, "scaling": "level", "difference": None, "epochs": 2},
        {"hidden_size": 128, "scaling": "window", "difference": None, "epochs": 2},
    ),
}
# Intervals are measured anew so often while the test goes on, on what is known by then.
MONTH = 720
# Of the windows that measure the mean error.
EVERY = 8
M4 = {
    **SEGMENTED,
    "window": 336,
    "segment": 24,
    "log": True,
    "dropout": 0.1,
    "schedule": "one-cycle",
    "batch_size": 256,
    "epochs": 10,
    "windows_per_epoch": 32_768,
    "scaling": "level",
}
M4_MEMBERS: tuple[dict[str, Any], ...] = ({"difference": 168}, {"difference": None})


def etth1(horizon: int, seed: int) -> dict[str, Any]:
    """Trains on the first year, measures intervals on the months after it, tests on those after them."""
    frame = pl.read_csv(fetch("etth1") / "ETTh1.csv")[:END]
    values = frame.select(pl.exclude("date")).to_numpy()
    scale = values[:TRAIN].std(0)
    members = [
        Forecaster(**{**ETTH1, **own}, horizon=horizon, validation=VALIDATION - TRAIN, random_state=seed + number)
        for number, own in enumerate(ETTH1_MEMBERS[horizon])
    ]
    model, took = timed(EnsembleForecaster(members), frame[:VALIDATION])
    data = read_series(frame)

    def said(cutoffs: range) -> tuple[Any, Any, Any]:
        points, quantiles = model.forecast_from(data, [(0, cutoff) for cutoff in cutoffs])
        return np.stack([values[cutoff : cutoff + horizon] for cutoff in cutoffs]), points, quantiles

    shift = mean_error(said, horizon, scale)
    test = range(VALIDATION, END - horizon + 1)
    actual, points, quantiles = said(test)
    told: dict[str, float] = {"horizon": horizon}
    for name, error in (("", points - shift - actual), ("_of_medians", points - actual)):
        told |= {f"mse{name}": float(((error / scale) ** 2).mean()), f"mae{name}": float(np.abs(error / scale).mean())}
    told["coverage_80"] = metrics.coverage(actual, *outer(quantiles))
    monthly = []
    for month in test[::MONTH]:
        model.calibrate(frame[:month], steps=max(MONTH, 2 * horizon))
        actual, _, quantiles = said(range(month, min(month + MONTH, test.stop)))
        monthly.append((len(actual), metrics.coverage(actual, *outer(quantiles))))
    counts, covered = zip(*monthly, strict=True)
    told["coverage_80_monthly"] = float(np.average(covered, weights=counts))
    return {**told, **took}


def mean_error(said: Callable[[range], tuple[Any, Any, Any]], horizon: int, scale: Any) -> Any:
    """The mean error of each column in training, or none if taking it off is wrong on the months after that.

    Trained on absolute errors a net says medians, but squared errors want means.
    """
    actual, points, _ = said(range(ETTH1["window"], TRAIN - horizon + 1, EVERY))
    shift = (points - actual).mean((0, 1))
    actual, points, _ = said(range(TRAIN, VALIDATION - horizon + 1, EVERY))
    helps = (((points - shift - actual) / scale) ** 2).mean() < (((points - actual) / scale) ** 2).mean()
    return shift * helps


def outer(quantiles: Any) -> tuple[Any, Any]:
    """The lowest and the highest quantile."""
    return quantiles[..., 0], quantiles[..., -1]


def m4(seed: int) -> dict[str, Any]:
    """Trains on all series at once, tests on the 48 hours after each."""
    histories, actual = m4_series()
    members = [
        Forecaster(**{**M4, **own}, horizon=48, validation=48, random_state=seed + number)
        for number, own in enumerate(M4_MEMBERS)
    ]
    model, took = timed(EnsembleForecaster(members), histories)
    quantiles = np.stack(model.predict_quantiles())
    told = m4_scores(histories, actual, np.stack(model.predict()))
    return {**told, "coverage_80": metrics.coverage(actual, quantiles[..., 0], quantiles[..., -1]), **took}


def lstm(seed: int) -> dict[str, Any]:
    """One LSTM as neuralforecast's defaults have it: 128 units, 2 layers; 1,000 steps of 32 windows."""
    histories, actual = m4_series()
    model = Forecaster(
        hidden_size=128,
        num_layers=2,
        horizon=48,
        window=144,
        season=24,
        loss="mae",
        lr=1e-3,
        batch_size=32,
        windows_per_epoch=32_000,
        epochs=1,
        calendar=False,
        validation=0,
        random_state=seed,
    )
    model, took = timed(model, histories)
    return {"library": "unrolled", **m4_scores(histories, actual, np.stack(model.predict())), **took}


def m4_series() -> tuple[list[Any], Any]:
    """The 414 series, and what followed each."""
    folder = fetch("m4-hourly")
    parts = []
    for name in ("Hourly-train.csv", "Hourly-test.csv"):
        with (folder / name).open(newline="") as file:
            rows = list(csv.reader(file))[1:]
        parts.append([np.array([float(value) for value in row[1:] if value not in ("", "NA")]) for row in rows])
    return parts[0], np.stack(parts[1])


def m4_scores(histories: list[Any], actual: Any, said: Any) -> dict[str, float]:
    """The competition's two errors."""
    pairs = zip(actual, said, histories, strict=True)
    return {"smape": metrics.smape(actual, said), "mase": float(np.mean([metrics.mase(*own, 24) for own in pairs]))}


def timed(model: Any, data: Any) -> tuple[Any, dict[str, float]]:
    """The trained model; seconds, seconds of processors, and the most memory so far."""
    began, processors = time.perf_counter(), time.process_time()
    model.fit(data)
    taken = {"seconds": time.perf_counter() - began, "processor_seconds": time.process_time() - processors}
    return model, {**taken, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def theirs(python: str, seed: int) -> dict[str, Any]:
    """Has neuralforecast do what `lstm` does."""
    command = [python, str(PEER), str(fetch("m4-hourly")), str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    said = json.loads(done)
    histories, actual = m4_series()
    scores = m4_scores(histories, actual, np.array(said.pop("forecasts")))
    return {**said, **scores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["etth1", "m4", "lstm"])
    parser.add_argument("--horizon", type=int, default=96, choices=ETTH1_MEMBERS, help="of etth1")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter that has neuralforecast, for lstm")
    options = parser.parse_args()
    runs: dict[str, Callable[[int], dict[str, Any]]] = {
        "etth1": lambda seed: etth1(options.horizon, seed),
        "m4": m4,
        "lstm": lstm,
    }
    if options.what == "lstm" and options.peer:
        runs["neuralforecast"] = lambda seed: theirs(options.peer, seed)
    chosen = [options.what, *(name for name in runs if name == "neuralforecast")]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
    for seed in options.seeds:
        for name in chosen:
            found[name].append({"seed": seed, **runs[name](seed)})
            print(json.dumps({"run": name, **found[name][-1]}), flush=True)
    for name, rows in found.items():
        numbers = [key for key, value in rows[0].items() if isinstance(value, float)]
        print(
            json.dumps(
                {"medians of": len(rows), "run": name} | {k: statistics.median(r[k] for r in rows) for k in numbers}
            )
        )


if __name__ == "__main__":
    main()
