"""`unrolled classify fit` and `unrolled classify predict`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from unrolled.cli.errors import one_line_errors
from unrolled.cli.telling import check_picture, checkpoints_of, keep, tell

app = typer.Typer(help="Give each sequence a label: train on labelled ones, predict others.", no_args_is_help=True)

SOURCE = "A data set's name (see `unrolled data list`), a .ts, .csv, .npz or IDX file, or a folder."
Source = Annotated[str, typer.Argument(help=SOURCE, metavar="SOURCE")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON, one object a line.")]

FIT_EXAMPLE = (
    "Example: unrolled classify fit mnist --cell rnn --hidden-size 150 --epochs 10 --batch-size 150 --lr 1e-3 "
    "-o runs/mnist --plot mnist.png"
)
PREDICT_EXAMPLE = "Example: unrolled classify predict runs/mnist mnist --split test -o predictions.csv"


@app.command(epilog=FIT_EXAMPLE)
def fit(
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to save the model to.", metavar="DIR")],
    test: Annotated[str | None, typer.Option(help="Labelled data to test on, if SOURCE has no test split.")] = None,
    cell: Annotated[str, typer.Option(help="rnn, lstm, gru, peephole-lstm, layer-norm-lstm, slstm, ...")] = "lstm",
    hidden_size: Annotated[int, typer.Option(help="Units of each layer.")] = 128,
    layers: Annotated[int, typer.Option(help="Recurrent layers.")] = 1,
    bidirectional: Annotated[bool, typer.Option(help="Read each sequence backwards too.")] = False,
    dropout: Annotated[float, typer.Option(help="Dropout between layers and before the dense one.")] = 0.0,
    pooling: Annotated[str, typer.Option(help="last, mean or max over time.")] = "last",
    standardize: Annotated[
        bool | None, typer.Option(help="Bring features to mean 0 and variance 1. [default: unless all are in 0 to 1]")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 10,
    batch_size: Annotated[int, typer.Option(help="Sequences a step.")] = 128,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
    optimizer: Annotated[str, typer.Option(help="adam, adamw or sgd.")] = "adam",
    weight_decay: Annotated[float, typer.Option(help="Of the optimizer.")] = 0.0,
    clip_norm: Annotated[float, typer.Option(help="Scale gradients down to this norm; 0 for never.")] = 1.0,
    schedule: Annotated[str, typer.Option(help="constant, linear, cosine or one-cycle.")] = "cosine",
    warmup: Annotated[float, typer.Option(help="Part of the steps in which the learning rate rises.")] = 0.0,
    patience: Annotated[int | None, typer.Option(help="Epochs without improvement before stopping.")] = None,
    label_smoothing: Annotated[float, typer.Option(help="Part of the target spread over all classes.")] = 0.0,
    class_weight: Annotated[str | None, typer.Option(help="balanced, to weigh rare classes up.")] = None,
    validation_fraction: Annotated[float, typer.Option(help="Part held back to validate.")] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    plot: Annotated[Path | None, typer.Option(help="Picture of training and test.", metavar="FILE.png")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Train a classifier, test it where there is test data, and save it.

    While it trains, checkpoints are kept in DIR.checkpoints; they go when the model is saved.
    """
    with one_line_errors(f"Go on with the same command and --resume ({output}.checkpoints has what is done)."):
        from unrolled.data import load, splits
        from unrolled.models import SequenceClassifier
        from unrolled.models.folder import check_free
        from unrolled.training import is_first

        check_free(output)
        check_picture(plot)
        parts = splits(source)
        training = load(source, "train" if "train" in parts and "test" in parts else None)
        testing = load(test) if test else load(source, "test") if {"train", "test"} <= set(parts) else None
        model = SequenceClassifier(
            cell=cell,
            hidden_size=hidden_size,
            num_layers=layers,
            bidirectional=bidirectional,
            dropout=dropout,
            pooling=pooling,
            standardize=standardize,
            epochs=epochs,
            batch_size=batch_size,
            lr=lr,
            optimizer=optimizer,
            weight_decay=weight_decay,
            clip_norm=clip_norm or None,
            schedule=schedule,
            warmup=warmup,
            patience=patience,
            label_smoothing=label_smoothing,
            class_weight=class_weight,
            validation_fraction=validation_fraction,
            random_state=seed,
            device=device,
            verbose=sys.stderr.isatty(),
        )
        model.fit(training.X, _labels(training, source), checkpoints=checkpoints_of(output), resume=resume)
        if not is_first():
            return
        keep(model, output)
        told: dict[str, Any] = {"model": str(output), **model.history_[-1]}
        predicted = None
        if testing is not None:
            predicted = model.predict(testing.X)
            told |= {"test_accuracy": float((predicted == _labels(testing, test or source)).mean())}
        if plot is not None:
            told |= {"plot": str(plot)}
            _draw(plot, model, testing, predicted)
        tell(told, as_json)


@app.command(epilog=PREDICT_EXAMPLE)
def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a model that `fit` saved.", metavar="MODEL")],
    source: Source,
    split: Annotated[str | None, typer.Option(help="Only this split of SOURCE: train or test.")] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Give the probability of every class too.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV file to write.", metavar="FILE")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    as_json: Json = False,
) -> None:
    """Predict the label of each sequence with a saved model."""
    with one_line_errors():
        from unrolled.data import load
        from unrolled.models import SequenceClassifier

        classifier = SequenceClassifier.load(model, device=device)
        sequences = load(source, split)
        probabilities = classifier.predict_proba(sequences.X)
        labels = classifier.classes_[probabilities.argmax(1)].tolist()
        names: Sequence[Any] = sequences.ids or range(len(labels))
        rows: list[dict[str, Any]] = [{"sequence": n, "label": label} for n, label in zip(names, labels, strict=True)]
        if proba:
            for row, own in zip(rows, probabilities.tolist(), strict=True):
                row |= {f"p({name})": part for name, part in zip(classifier.classes_, own, strict=True)}
        _write(rows, output, as_json)
        if sequences.y is not None and not as_json:
            right = (classifier.classes_[probabilities.argmax(1)] == sequences.y).mean()
            typer.echo(f"{right:.2%} of {len(labels)} labels in {source} predicted right", err=True)


def _labels(sequences: Any, source: str) -> Any:
    if sequences.y is None:
        raise ValueError(f"{source}: has no labels, which training and testing need")
    return sequences.y


def _draw(path: Path, model: Any, testing: Any, predicted: Any) -> None:
    from unrolled import plots

    if testing is None:
        figure = plots.learning_curve(model.history_)
    else:
        figure = plots.classification(model.history_, testing.y, predicted, model.classes_)
    figure.savefig(path, dpi=120)


def _write(rows: list[dict[str, Any]], output: Path | None, as_json: bool) -> None:
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
    if output is not None or not as_json:
        stream = sys.stdout if output is None else output.open("w", newline="", encoding="utf-8")
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
        if output is not None:
            stream.close()
