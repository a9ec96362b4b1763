"""neuralforecast's LSTM on M4's hourly series, as a peer: run by an interpreter that has it, prints one JSON line.

python benchmarks/neuralforecast_peer.py FOLDER SEED
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MAE
from neuralforecast.models import LSTM


def main(folder: str, seed: str) -> None:
    with (Path(folder) / "Hourly-train.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    parts = []
    for row in rows:
        values = [float(value) for value in row[1:] if value not in ("", "NA")]
        parts.append(pd.DataFrame({"unique_id": row[0], "ds": range(1, len(values) + 1), "y": values}))
    frame = pd.concat(parts, ignore_index=True)
    model = LSTM(
        h=48,
        input_size=144,
        encoder_hidden_size=128,
        encoder_n_layers=2,
        loss=MAE(),
        max_steps=1000,
        windows_batch_size=32,
        batch_size=32,
        learning_rate=1e-3,
        scaler_type="standard",
        random_seed=int(seed),
        enable_progress_bar=False,
        logger=False,
        enable_checkpointing=False,
    )
    forecaster = NeuralForecast(models=[model], freq=1)
    began, processors = time.perf_counter(), time.process_time()
    forecaster.fit(frame)
    told = {
        "library": "neuralforecast",
        "seed": int(seed),
        "seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - processors,
    }
    said = forecaster.predict().sort_values(["unique_id", "ds"], kind="stable")
    by_series = {name: part["LSTM"].tolist() for name, part in said.groupby("unique_id", sort=False)}
    print(json.dumps({**told, "forecasts": [by_series[row[0]] for row in rows]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
