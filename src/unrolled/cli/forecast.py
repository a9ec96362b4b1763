"""`unrolled forecast fit`, `predict`, `generate` and `backtest`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from unrolled.cli.errors import one_line_errors
from unrolled.cli.telling import TABLES, check_output, check_picture, checkpoints_of, keep, tell

app = typer.Typer(help="Say how time series go on, and how sure that is.", no_args_is_help=True)

SOURCE = "A CSV or Parquet file, or a data set's name (airline, etth1, m4-hourly)."
Source = Annotated[str, typer.Argument(help=SOURCE, metavar="SOURCE")]
Model = Annotated[Path, typer.Argument(help="Folder of a model that `fit` saved.", metavar="MODEL")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON, one object a line.")]
Plot = Annotated[Path | None, typer.Option(help="Picture of the result.", metavar="FILE.png")]
Table = Annotated[Path | None, typer.Option("--output", "-o", help="CSV or Parquet file to write.", metavar="FILE")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]

Layout = Annotated[str | None, typer.Option(help="long, columns (a row a step) or rows (a row a series).")]
Id = Annotated[str | None, typer.Option("--id-column", help="Which series a row belongs to. [default: unique_id]")]
Time = Annotated[str | None, typer.Option("--time-column", help="[default: ds, or the column that holds dates]")]
Target = Annotated[
    list[str] | None, typer.Option(help="What to forecast; may be said again. [default: y, or all left]")
]
Past = Annotated[list[str] | None, typer.Option(help="Covariate known up to now; may be said again.")]
Future = Annotated[list[str] | None, typer.Option(help="Covariate known ahead; may be said again.")]
Static = Annotated[list[str] | None, typer.Option(help="Feature of a whole series; may be said again.")]
Frequency = Annotated[str | None, typer.Option(help="Of the steps: h, 15min, D, B, W, MS, ... [default: found out]")]

Horizon = Annotated[int, typer.Option(help="Steps to forecast.")]
Window = Annotated[int | None, typer.Option(help="Steps to look back. [default: three seasons or more]")]
CellName = Annotated[str, typer.Option(help="rnn, lstm, gru, peephole-lstm, layer-norm-lstm, slstm, ...")]
HiddenSize = Annotated[int, typer.Option(help="Units of each layer.")]
Layers = Annotated[int, typer.Option(help="Recurrent layers.")]
Dropout = Annotated[float, typer.Option(help="Dropout between layers and before the dense one.")]
Head = Annotated[str, typer.Option(help="direct (the whole horizon at once) or recursive (a step at a time).")]
Segment = Annotated[int | None, typer.Option(help="Steps that are read at once, for long windows.")]
LossName = Annotated[str, typer.Option(help="quantile, gaussian, student-t, negative-binomial, mse or mae.")]
Quantiles = Annotated[str, typer.Option(help="Levels, with commas between them.")]
ScalingName = Annotated[str, typer.Option(help="window, level, series, global or none.")]
Difference = Annotated[str, typer.Option(help="auto, none, season, or a number of steps.")]
Log = Annotated[bool | None, typer.Option("--log/--no-log", help="Take logarithms. [default: where they help]")]
Season = Annotated[int | None, typer.Option(help="Steps of a season. [default: by the frequency, or found]")]
Calendar = Annotated[bool, typer.Option(help="Let time stamps give features.")]
Independent = Annotated[bool, typer.Option("--independent", help="Forecast each target alone, by the same weights.")]
Epochs = Annotated[int, typer.Option(help="Passes over the windows.")]
PerEpoch = Annotated[int | None, typer.Option("--windows-per-epoch", help="[default: all, 1,024 to 32,768]")]
BatchSize = Annotated[int, typer.Option(help="Windows a step.")]
Lr = Annotated[float, typer.Option(help="Highest learning rate.")]
Schedule = Annotated[str, typer.Option(help="constant, linear, cosine or one-cycle.")]
WeightDecay = Annotated[float, typer.Option(help="Of the optimizer.")]
Patience = Annotated[int, typer.Option(help="Epochs without improvement before stopping; 0 for never.")]
Validation = Annotated[float, typer.Option(help="Steps at the ends held back, or a part of all.")]
Truncate = Annotated[int | None, typer.Option(help="Steps of truncated backpropagation, for long series.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same model.")]

FIT_EXAMPLES = (
    "Examples: unrolled forecast fit airline --horizon 24 --plot airline.png | unrolled forecast fit sales.csv "
    "--id-column store --target units --future price --horizon 14 -o runs/sales | unrolled forecast fit m4-hourly "
    "--season 24 --horizon 48 -o runs/m4"
)
PREDICT_EXAMPLE = "Example: unrolled forecast predict runs/sales new.csv --future-values prices.csv -o forecasts.csv"
GENERATE_EXAMPLE = "Example: unrolled forecast generate runs/waves start.csv --steps 500 --sampled --plot waves.png"
BACKTEST_EXAMPLE = "Example: unrolled forecast backtest airline --horizon 12 --windows 4 --plot errors.png"


@app.command(epilog=FIT_EXAMPLES)
def fit(
    source: Source,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder to save to.", metavar="DIR")] = None,
    horizon: Horizon = 24,
    window: Window = None,
    cell: CellName = "lstm",
    hidden_size: HiddenSize = 64,
    layers: Layers = 1,
    dropout: Dropout = 0.0,
    head: Head = "direct",
    segment: Segment = None,
    loss: LossName = "quantile",
    quantiles: Quantiles = "0.1,0.5,0.9",
    scaling: ScalingName = "window",
    difference: Difference = "auto",
    log: Log = None,
    season: Season = None,
    calendar: Calendar = True,
    independent: Independent = False,
    truncate: Truncate = None,
    epochs: Epochs = 50,
    windows_per_epoch: PerEpoch = None,
    batch_size: BatchSize = 64,
    lr: Lr = 2e-3,
    schedule: Schedule = "cosine",
    weight_decay: WeightDecay = 0.0,
    patience: Patience = 10,
    validation: Validation = 0.1,
    layout: Layout = None,
    id_column: Id = None,
    time_column: Time = None,
    target: Target = None,
    past: Past = None,
    future: Future = None,
    static: Static = None,
    frequency: Frequency = None,
    seed: Seed = 0,
    device: Device = "auto",
    plot: Plot = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Train a forecaster, save it, draw its forecast.

    While it trains, checkpoints are kept in DIR.checkpoints; they go when the model is saved.
    """
    how = f"Go on with the same command and --resume ({output}.checkpoints has what is done)." if output else ""
    with one_line_errors(how):
        from unrolled.data import read_series
        from unrolled.models.folder import check_free
        from unrolled.training import is_first

        if output is None and resume:
            raise ValueError("--resume: needs -o DIR, where the checkpoints are")
        if output is not None:
            check_free(output)
        check_picture(plot)
        model = _forecaster(locals())
        roles = _roles(locals())
        series = read_series(source, **roles)
        model.fit(series, checkpoints=None if output is None else checkpoints_of(output), resume=resume)
        if not is_first():
            return
        told: dict[str, Any] = {}
        if output is not None:
            keep(model, output)
            told["model"] = str(output)
        told |= {"series": len(series), "window": model.window_, "season": model.season_, **model.history_[-1]}
        if plot is not None:
            model.plot().savefig(plot, dpi=120)
            told["plot"] = str(plot)
        tell(told, as_json)


@app.command(epilog=PREDICT_EXAMPLE)
def predict(
    model: Model,
    source: Annotated[str | None, typer.Argument(help=f"{SOURCE} [default: what the model saw]")] = None,
    horizon: Annotated[int | None, typer.Option(help="Steps. [default: those trained for]")] = None,
    future_values: Annotated[
        str | None, typer.Option(help="File of the covariates known ahead.", metavar="FILE")
    ] = None,
    output: Table = None,
    plot: Plot = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Forecast with a saved model."""
    with one_line_errors():
        from unrolled.models import Forecaster

        check_picture(plot)
        check_output("--output", output, TABLES)
        forecaster = Forecaster.load(model, device=device)
        frame = forecaster.predict(horizon, source, future=future_values)
        if plot is not None:
            forecaster.plot(horizon, source, future=future_values).savefig(plot, dpi=120)
        _write(frame, output, as_json)


@app.command(epilog=GENERATE_EXAMPLE)
def generate(
    model: Model,
    start: Annotated[str | None, typer.Argument(help="File of how it begins. [default: what the model saw]")] = None,
    steps: Annotated[int, typer.Option("--steps", "-n", help="Steps to go on.")] = 100,
    sampled: Annotated[bool, typer.Option("--sampled", help="Draw each step instead of taking the likeliest.")] = False,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    output: Table = None,
    plot: Plot = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Go on from the end of a sequence with a saved model, each step from those before."""
    with one_line_errors():
        import numpy as np

        from unrolled import plots
        from unrolled.data.frames import read_like
        from unrolled.models import Forecaster

        check_picture(plot)
        check_output("--output", output, TABLES)
        forecaster = Forecaster.load(model, device=device)
        frame = forecaster.generate(start, steps, sampled=sampled, random_state=seed)
        if plot is not None:
            series = forecaster.series_ if start is None else read_like(start, forecaster.series_)
            values = frame["unrolled"].to_numpy().reshape(-1, steps)
            seeds = [series.history(i)[:, k] for i in range(len(series)) for k in range(series.targets)]
            whole = [np.concatenate(pair) for pair in zip(seeds, values, strict=True)]
            plots.creative(whole, [len(one) for one in seeds]).savefig(plot, dpi=120)
        _write(frame, output, as_json)


@app.command(epilog=BACKTEST_EXAMPLE)
def backtest(
    source: Source,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model to use as it is, for data it has not seen.", metavar="MODEL")
    ] = None,
    windows: Annotated[int, typer.Option(help="Origins of each series.")] = 3,
    step: Annotated[int | None, typer.Option(help="Steps between origins. [default: the horizon]")] = None,
    refit: Annotated[bool, typer.Option("--refit", help="Train anew for every origin.")] = False,
    baseline: Annotated[
        list[str] | None, typer.Option(help="naive, seasonal-naive or auto-ets; may be said again. [default: all]")
    ] = None,
    horizon: Horizon = 24,
    window: Window = None,
    cell: CellName = "lstm",
    hidden_size: HiddenSize = 64,
    layers: Layers = 1,
    dropout: Dropout = 0.0,
    head: Head = "direct",
    segment: Segment = None,
    loss: LossName = "quantile",
    quantiles: Quantiles = "0.1,0.5,0.9",
    scaling: ScalingName = "window",
    difference: Difference = "auto",
    log: Log = None,
    season: Season = None,
    calendar: Calendar = True,
    independent: Independent = False,
    truncate: Truncate = None,
    epochs: Epochs = 50,
    windows_per_epoch: PerEpoch = None,
    batch_size: BatchSize = 64,
    lr: Lr = 2e-3,
    schedule: Schedule = "cosine",
    weight_decay: WeightDecay = 0.0,
    patience: Patience = 10,
    validation: Validation = 0.1,
    layout: Layout = None,
    id_column: Id = None,
    time_column: Time = None,
    target: Target = None,
    past: Past = None,
    future: Future = None,
    static: Static = None,
    frequency: Frequency = None,
    seed: Seed = 0,
    device: Device = "auto",
    output: Table = None,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Forecast from origins in the past, and compare with what came and with simple forecasts.

    Without --model the forecaster is trained on what was known at the first origin.
    """
    with one_line_errors():
        from unrolled.data import read_series
        from unrolled.models import Forecaster
        from unrolled.training import is_first

        check_picture(plot)
        check_output("--output", output, TABLES)
        made, roles = _forecaster(locals()), _roles(locals())
        if model is None:
            series = read_series(source, **roles)
            found = made.backtest(series, windows=windows, step=step, refit=refit, baselines=baseline)
        else:
            loaded = Forecaster.load(model, device=device)
            given = read_series(source, **roles) if any(value is not None for value in roles.values()) else source
            found = loaded.backtest(given, windows=windows, step=step, refit="never", baselines=baseline)
        if not is_first():
            return
        if output is not None:
            _write(found.frame, output, as_json=False)
        if plot is not None:
            found.plot().savefig(plot, dpi=120)
        if as_json:
            for row in found.rows:
                typer.echo(json.dumps(row))
        else:
            typer.echo(str(found))


def _forecaster(given: dict[str, Any]) -> Any:
    from unrolled.models import Forecaster

    names = (
        *("horizon", "window", "cell", "hidden_size", "dropout", "head", "segment", "loss", "season", "calendar"),
        *("independent", "truncate", "epochs", "windows_per_epoch", "batch_size", "lr", "schedule", "weight_decay"),
        *("validation", "device"),
    )
    difference = given["difference"]
    return Forecaster(
        **{name: given[name] for name in names},
        num_layers=given["layers"],
        quantiles=_levels(given["quantiles"]),
        scaling=None if given["scaling"] == "none" else given["scaling"],
        difference=None if difference == "none" else int(difference) if difference.isdigit() else difference,
        log="auto" if given["log"] is None else given["log"],
        patience=given["patience"] or None,
        random_state=given["seed"],
        verbose=sys.stderr.isatty(),
    )


def _roles(given: dict[str, Any]) -> dict[str, Any]:
    names = ("layout", "id_column", "time_column", "target", "past", "future", "static", "frequency")
    return {name: given[name] or None for name in names}


def _levels(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--quantiles: expected numbers with commas between them, found {text!r}") from None


def _write(frame: Any, output: Path | None, as_json: bool) -> None:
    """A polars frame to a file, or to standard output; times as dates where they are."""
    import polars as pl

    for name in ("ds", "cutoff"):
        if (
            name in frame.columns
            and frame[name].dtype == pl.Datetime
            and (frame[name].dt.truncate("1d") == frame[name]).all()
        ):
            frame = frame.with_columns(pl.col(name).dt.date())
    if output is not None and output.suffix.lower() == ".parquet":
        frame.write_parquet(output)
    elif output is not None:
        frame.write_csv(output)
    if as_json:
        typer.echo(frame.write_ndjson(), nl=False)
    elif output is None:
        typer.echo(frame.write_csv(), nl=False)
