"""`unrolled translate fit`, `text` and `score`: from one language to another."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from unrolled.cli.errors import one_line_errors
from unrolled.cli.telling import check_picture, checkpoints_of, keep, tell

app = typer.Typer(help="Translate: learn from pairs of sentences, translate text, score.", no_args_is_help=True)

SIDE = "A file of one sentence a line, plain or compressed"
SOURCE = f"{SIDE}; or, without TARGET, of tab-separated pairs; or a data set's name (see `unrolled data list`)."
Source = Annotated[str, typer.Argument(help=SOURCE, metavar="SOURCE")]
Target = Annotated[
    Path | None, typer.Argument(help=f"{SIDE}: the translations, line by line.", metavar="[TARGET]", show_default=False)
]
Model = Annotated[Path, typer.Argument(help="Folder of a model that `fit` saved.", metavar="MODEL")]
Beam = Annotated[int, typer.Option(help="Sentences kept at each step; 1 is greedy.")]
LengthPenalty = Annotated[float, typer.Option(help="More favours longer translations.")]
CoveragePenalty = Annotated[float, typer.Option(help="More favours translations that leave nothing out.")]
CopyUnknown = Annotated[bool, typer.Option("--copy-unknown", help="Copy characters never seen from the source.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON, one object a line.")]

FIT_EXAMPLE = (
    "Example: unrolled translate fit train.en.gz train.fr.gz --validation val.en.gz val.fr.gz --epochs 20 "
    "-o runs/en-fr --plot loss.png"
)
TEXT_EXAMPLE = "Example: echo 'A dog runs.' | unrolled translate text runs/en-fr"
SCORE_EXAMPLE = "Example: unrolled translate score runs/en-fr test_2016_flickr.en.gz test_2016_flickr.fr.gz"


@app.command(epilog=FIT_EXAMPLE)
def fit(
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to save the model to.", metavar="DIR")],
    target: Target = None,
    validation: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="Files to validate on, instead of a part of the data.", metavar="SOURCE TARGET"),
    ] = None,
    cell: Annotated[str, typer.Option(help="rnn, lstm, gru, peephole-lstm, layer-norm-lstm, slstm, ...")] = "lstm",
    hidden_size: Annotated[int, typer.Option(help="Units of each layer and direction.")] = 256,
    layers: Annotated[int, typer.Option(help="Layers of the encoder, and of the decoder.")] = 1,
    bidirectional: Annotated[bool, typer.Option(help="Read the source backwards too.")] = True,
    embedding_size: Annotated[int, typer.Option(help="Numbers of a token's vector.")] = 256,
    attention: Annotated[str, typer.Option(help="bahdanau, luong, dot or none.")] = "bahdanau",
    input_feeding: Annotated[
        bool, typer.Option("--input-feeding", help="Feed what was attended to into the next step; slower.")
    ] = False,
    reverse_source: Annotated[bool, typer.Option("--reverse-source", help="Read the source from its end.")] = False,
    tied: Annotated[bool, typer.Option(help="One matrix for target embedding and softmax.")] = True,
    dropout: Annotated[float, typer.Option(help="Dropout before each layer and the softmax.")] = 0.3,
    variational: Annotated[
        bool, typer.Option("--variational", help="One mask of dropout for all steps of a sentence.")
    ] = False,
    label_smoothing: Annotated[float, typer.Option(help="Part of the target spread over all tokens.")] = 0.1,
    scheduled_sampling: Annotated[float, typer.Option(help="Part of inputs that the model says itself.")] = 0.0,
    softmax_samples: Annotated[
        int | None, typer.Option(help="Tokens that the softmax draws in training, for a large vocabulary.")
    ] = None,
    vocabulary_size: Annotated[int, typer.Option(help="Most subword tokens of each language.")] = 6000,
    subwords: Annotated[str, typer.Option(help="bpe or unigram.")] = "bpe",
    max_length: Annotated[int, typer.Option(help="Leave out pairs with more tokens on a side.")] = 100,
    epochs: Annotated[int, typer.Option(help="Passes over the training data.")] = 20,
    batch_tokens: Annotated[int, typer.Option(help="Tokens of a batch on each side.")] = 800,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 8e-4,
    optimizer: Annotated[str, typer.Option(help="adam, adamw or sgd.")] = "adam",
    weight_decay: Annotated[float, typer.Option(help="Of the optimizer.")] = 0.0,
    clip_norm: Annotated[float, typer.Option(help="Scale gradients down to this norm; 0 for never.")] = 1.0,
    schedule: Annotated[str, typer.Option(help="constant, linear, cosine or one-cycle.")] = "cosine",
    warmup: Annotated[float, typer.Option(help="Part of the steps in which the learning rate rises.")] = 0.05,
    patience: Annotated[int | None, typer.Option(help="Epochs without improvement before stopping.")] = None,
    monitor: Annotated[str, typer.Option(help="What has to improve: loss or bleu.")] = "loss",
    average: Annotated[int, typer.Option(help="Average the parameters of so many last epochs.")] = 1,
    validation_fraction: Annotated[float, typer.Option(help="Part held back to validate.")] = 0.02,
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = 0,
    device: Device = "auto",
    plot: Annotated[Path | None, typer.Option(help="Picture of the losses.", metavar="FILE.png")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Learn to translate from pairs of sentences, and save the model.

    While it trains, checkpoints are kept in DIR.checkpoints; they go when the model is saved.
    """
    with one_line_errors(f"Go on with the same command and --resume ({output}.checkpoints has what is done)."):
        from unrolled.models import Translator
        from unrolled.models.folder import check_free
        from unrolled.training import is_first

        check_free(output)
        check_picture(plot)
        model = Translator(
            cell=cell,
            hidden_size=hidden_size,
            num_layers=layers,
            bidirectional=bidirectional,
            embedding_size=embedding_size,
            attention=None if attention == "none" else attention,
            input_feeding=input_feeding,
            reverse_source=reverse_source,
            tied=tied,
            dropout=dropout,
            variational=variational,
            label_smoothing=label_smoothing,
            scheduled_sampling=scheduled_sampling,
            softmax_samples=softmax_samples,
            vocabulary_size=vocabulary_size,
            subwords=subwords,
            max_length=max_length,
            epochs=epochs,
            batch_tokens=batch_tokens,
            lr=lr,
            optimizer=optimizer,
            weight_decay=weight_decay,
            clip_norm=clip_norm or None,
            schedule=schedule,
            warmup=warmup,
            patience=patience,
            monitor=monitor,
            average=average,
            validation_fraction=validation_fraction,
            random_state=seed,
            device=device,
            verbose=sys.stderr.isatty(),
        )
        training, validating = _pairs(source, target, "train"), validation or _named_validation(source, target)
        model.fit(training, None, validating, checkpoints=checkpoints_of(output), resume=resume)
        if not is_first():
            return
        keep(model, output)
        told: dict[str, Any] = {"model": str(output), "pairs left out": model.dropped_, **model.history_[-1]}
        if plot is not None:
            from unrolled import plots

            plots.learning_curve(model.history_).savefig(plot, dpi=120)
            told |= {"plot": str(plot)}
        tell(told, as_json)


@app.command(epilog=TEXT_EXAMPLE)
def text(
    model: Model,
    source: Annotated[
        Path | None, typer.Argument(help=f"{SIDE}; standard input unless given.", show_default=False)
    ] = None,
    beam: Beam = 5,
    n_best: Annotated[int, typer.Option(help="Translations of each sentence, with their scores.")] = 1,
    length_penalty: LengthPenalty = 1.0,
    coverage_penalty: CoveragePenalty = 0.0,
    copy_unknown: CopyUnknown = False,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of the attention for the first sentence.", metavar="FILE.png")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Translate text, a sentence a line, as it comes: an empty line gives an empty line."""
    with one_line_errors():
        from unrolled.data.text import text_lines
        from unrolled.models import Translator

        check_picture(plot)
        translator = Translator.load(model, device=device)
        lines = _typed() if source is None else text_lines(source)
        first: list[str] = []
        kept = _noting_first(lines, first)
        # Someone who types wants each answer at once; files go faster in batches.
        found = translator.candidates(
            kept,
            beam,
            n_best=n_best,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            copy_unknown=copy_unknown,
            chunk=1 if source is None and sys.stdin.isatty() else None,
        )
        for translations in found:
            for one in translations:
                if as_json:
                    typer.echo(json.dumps(one.record(), ensure_ascii=False))
                else:
                    typer.echo(f"{one.score:.4f}\t{one.text}" if n_best > 1 else one.text)
        if plot is not None:
            if not first:
                raise ValueError("--plot: expected a sentence with text, found none")
            translator.attention(first[0]).save(plot)


@app.command("score", epilog=SCORE_EXAMPLE)
def score_on(
    model: Model,
    source: Source,
    target: Target = None,
    beam: Beam = 5,
    length_penalty: LengthPenalty = 1.0,
    coverage_penalty: CoveragePenalty = 0.0,
    copy_unknown: CopyUnknown = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Compare translations of SOURCE with TARGET: BLEU and chrF, with their signatures."""
    with one_line_errors():
        from unrolled.models import Translator

        pairs = _pairs(source, target, "test")
        reached = Translator.load(model, device=device).score(
            pairs,
            beam=beam,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            copy_unknown=copy_unknown,
        )
        tell(reached.record(), as_json)


def _pairs(source: str, target: Path | None, split: str) -> Any:
    from unrolled.data import Pairs, datasets

    return Pairs.named(source, split) if target is None and source in datasets else Pairs(source, target)


def _named_validation(source: str, target: Path | None) -> Any:
    """The validation split of a data set that has one."""
    from unrolled.data import Pairs, datasets

    named = target is None and source in datasets
    has = named and any(file.name.startswith("val") for file in datasets[source].files)
    return Pairs.named(source, "val") if has else None


def _typed() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            yield line.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"standard input, line {number}: expected UTF-8 text, found {error.reason}") from error


def _noting_first(lines: Iterator[str], first: list[str]) -> Iterator[str]:
    """The lines, of which the first that has text is put aside."""
    for line in lines:
        if not first and line.strip():
            first.append(line)
        yield line
