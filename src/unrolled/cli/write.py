"""`unrolled write fit`, `sample` and `score`: recurrent language models, which write on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from unrolled.cli.errors import one_line_errors
from unrolled.cli.telling import check_picture, checkpoints_of, keep, tell

app = typer.Typer(help="Write: learn from a text, write on, score texts.", no_args_is_help=True)

CORPUS = "A text file, plain or compressed; a pattern such as 'books/*.txt.gz'; or a text data set's name."
Corpus = Annotated[str, typer.Argument(help=CORPUS, metavar="CORPUS")]
Model = Annotated[Path, typer.Argument(help="Folder of a model that `fit` saved.", metavar="MODEL")]
Lines = Annotated[bool, typer.Option("--lines", help="Every line is a document of its own, such as a name.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON, one object a line.")]

FIT_EXAMPLE = "Example: unrolled write fit tiny-shakespeare -o runs/shakespeare --epochs 20 --plot loss.png"
SAMPLE_EXAMPLE = "Example: unrolled write sample runs/shakespeare --prompt 'ROMEO:' --length 500 --temperature 0.8"
SCORE_EXAMPLE = "Example: unrolled write score runs/shakespeare sonnets.txt"


@app.command(epilog=FIT_EXAMPLE)
def fit(
    corpus: Corpus,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to save the model to.", metavar="DIR")],
    validation: Annotated[
        str | None, typer.Option(help="Text to validate on, instead of the end of the corpus.", metavar="CORPUS")
    ] = None,
    lines: Lines = False,
    cell: Annotated[str, typer.Option(help="rnn, lstm, gru, peephole-lstm, layer-norm-lstm, slstm, ...")] = "lstm",
    hidden_size: Annotated[int, typer.Option(help="Units of each layer.")] = 256,
    layers: Annotated[int, typer.Option(help="Recurrent layers.")] = 2,
    level: Annotated[str, typer.Option(help="char or subword.")] = "char",
    embedding_size: Annotated[
        int | None, typer.Option(help="Numbers of a symbol's vector; as the top layer gives unless said.")
    ] = None,
    vocabulary_size: Annotated[int, typer.Option(help="Most subwords.")] = 4000,
    min_count: Annotated[int, typer.Option(help="Rarer characters are unknown.")] = 1,
    tied: Annotated[bool, typer.Option(help="One matrix for embedding and softmax.")] = True,
    dropout: Annotated[float, typer.Option(help="Dropout between layers and before the softmax.")] = 0.3,
    variational: Annotated[
        bool, typer.Option("--variational", help="One mask of dropout for all steps of a chunk.")
    ] = False,
    weight_dropout: Annotated[float, typer.Option(help="Dropout of recurrent weights.")] = 0.0,
    truncate: Annotated[int, typer.Option(help="Steps over which gradients go back.")] = 100,
    batch_size: Annotated[int, typer.Option(help="Tracks of the text side by side.")] = 32,
    epochs: Annotated[int, typer.Option(help="Passes over the training data.")] = 20,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 3e-3,
    optimizer: Annotated[str, typer.Option(help="adam, adamw or sgd.")] = "adam",
    weight_decay: Annotated[float, typer.Option(help="Of the optimizer.")] = 0.0,
    clip_norm: Annotated[float, typer.Option(help="Scale gradients down to this norm; 0 for never.")] = 1.0,
    schedule: Annotated[str, typer.Option(help="constant, linear, cosine or one-cycle.")] = "cosine",
    warmup: Annotated[float, typer.Option(help="Part of the steps in which the learning rate rises.")] = 0.02,
    patience: Annotated[int | None, typer.Option(help="Epochs without improvement before stopping.")] = None,
    average: Annotated[int, typer.Option(help="Average the parameters of so many last epochs.")] = 1,
    validation_fraction: Annotated[float, typer.Option(help="Part at the end held back to validate.")] = 0.05,
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = 0,
    device: Device = "auto",
    plot: Annotated[Path | None, typer.Option(help="Picture of the losses.", metavar="FILE.png")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Learn what comes next in a text, and save the model.

    While it trains, checkpoints are kept in DIR.checkpoints; they go when the model is saved.
    """
    with one_line_errors(f"Go on with the same command and --resume ({output}.checkpoints has what is done)."):
        from unrolled.data import Documents
        from unrolled.models import TextGenerator
        from unrolled.models.folder import check_free
        from unrolled.training import is_first

        check_free(output)
        check_picture(plot)
        model = TextGenerator(
            cell=cell,
            hidden_size=hidden_size,
            num_layers=layers,
            level=level,
            embedding_size=embedding_size,
            vocabulary_size=vocabulary_size,
            min_count=min_count,
            tied=tied,
            dropout=dropout,
            variational=variational,
            weight_dropout=weight_dropout,
            truncate=truncate,
            batch_size=batch_size,
            epochs=epochs,
            lr=lr,
            optimizer=optimizer,
            weight_decay=weight_decay,
            clip_norm=clip_norm or None,
            schedule=schedule,
            warmup=warmup,
            patience=patience,
            average=average,
            validation_fraction=validation_fraction,
            random_state=seed,
            device=device,
            verbose=sys.stderr.isatty(),
        )
        given = None if validation is None else Documents.named(validation, lines=lines)
        model.fit(Documents.named(corpus, lines=lines), given, checkpoints=checkpoints_of(output), resume=resume)
        if not is_first():
            return
        keep(model, output)
        told: dict[str, Any] = {"model": str(output), "symbols": len(model.units_), **model.history_[-1]}
        if plot is not None:
            from unrolled import plots

            plots.learning_curve(model.history_).savefig(plot, dpi=120)
            told |= {"plot": str(plot)}
        tell(told, as_json)


@app.command(epilog=SAMPLE_EXAMPLE)
def sample(
    model: Model,
    prompt: Annotated[str, typer.Option(help="What is written on from.")] = "",
    length: Annotated[int, typer.Option(help="Most characters, or subwords, that are written.")] = 500,
    temperature: Annotated[float, typer.Option(help="Below 1 likely symbols become likelier; 0 takes them.")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Draw from so many of the likeliest only.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from the likeliest of this probability only.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same text.", show_default=False)] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write on from a prompt, and show the text as it is made."""
    with one_line_errors():
        from unrolled.models import TextGenerator

        writer = TextGenerator.load(model, device=device)
        written = writer.stream(prompt, length, temperature, top_k=top_k, top_p=top_p, random_state=seed)
        if as_json:
            typer.echo(json.dumps({"prompt": prompt, "text": "".join(written)}, ensure_ascii=False))
            return
        typer.echo(prompt, nl=False)
        for piece in written:
            typer.echo(piece, nl=False)
            sys.stdout.flush()
        typer.echo()


@app.command("score", epilog=SCORE_EXAMPLE)
def score_on(
    model: Model, corpus: Corpus, lines: Lines = False, device: Device = "auto", as_json: Json = False
) -> None:
    """Tell how well a text is predicted: nats a symbol, bits a character, perplexity."""
    with one_line_errors():
        from unrolled.data import Documents
        from unrolled.models import TextGenerator

        documents = Documents.named(corpus, lines=lines)
        tell(TextGenerator.load(model, device=device).score(documents).record(), as_json)
