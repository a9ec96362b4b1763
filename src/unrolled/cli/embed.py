"""`unrolled embed fit`, `nearest`, `analogy`, `map` and `score`: vectors of words."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from unrolled.cli.errors import one_line_errors
from unrolled.cli.telling import check_output, check_picture, checkpoints_of, keep, tell

app = typer.Typer(help="Give each word a vector: learn them from text, ask them, draw them.", no_args_is_help=True)

CORPUS = "Text files, plain or compressed, patterns such as 'wiki/*.gz', or the name of a text data set."
MODEL = "Folder of a model that `fit` saved, or vectors in word2vec's text or binary format."
Model = Annotated[Path, typer.Argument(help=MODEL, metavar="MODEL")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON, one object a line.")]

FIT_EXAMPLE = "Example: unrolled embed fit text8 -o runs/text8 --export text8.bin --plot loss.png"
NEAREST_EXAMPLE = "Example: unrolled embed nearest runs/text8 king queen --k 5"
ANALOGY_EXAMPLE = "Example: unrolled embed analogy runs/text8 man king woman"
MAP_EXAMPLE = "Example: unrolled embed map runs/text8 -o map.html --words 1000"
SCORE_EXAMPLE = "Example: unrolled embed score runs/text8 wordsim353.tsv simlex999.txt questions-words.txt"


@app.command(epilog=FIT_EXAMPLE)
def fit(
    corpus: Annotated[list[str], typer.Argument(help=CORPUS, metavar="CORPUS...")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to save the model to.", metavar="DIR")],
    preset: Annotated[str | None, typer.Option(help="nce: the settings of the TensorFlow tutorials' recipe.")] = None,
    dim: Annotated[int, typer.Option(help="Numbers of a vector.")] = 128,
    window: Annotated[int, typer.Option(help="Words to each side.")] = 5,
    negative: Annotated[int, typer.Option(help="Noise words for each word.")] = 5,
    loss: Annotated[str, typer.Option(help="negative-sampling or nce.")] = "negative-sampling",
    architecture: Annotated[str, typer.Option(help="skip-gram or cbow.")] = "skip-gram",
    dynamic_window: Annotated[bool, typer.Option(help="Draw each window from 1 to WINDOW words.")] = True,
    subwords: Annotated[str | None, typer.Option(help="Pieces of words too, 3-6 for instance.")] = None,
    min_count: Annotated[int, typer.Option(help="Leave rarer words out.")] = 5,
    max_vocab: Annotated[int, typer.Option(help="Most words; 0 for all.")] = 50_000,
    unknown: Annotated[bool, typer.Option(help="Train words left out as one word, <unk>.")] = False,
    numbers: Annotated[bool, typer.Option(help="Make every number one word, <number>.")] = False,
    urls: Annotated[bool, typer.Option(help="Make every web address one word, <url>.")] = False,
    subsample: Annotated[float, typer.Option(help="Thin out words more frequent than this; 0 for never.")] = 1e-3,
    epochs: Annotated[int, typer.Option(help="Passes over the corpus.")] = 5,
    lr: Annotated[float, typer.Option(help="Learning rate at the start.")] = 0.03,
    workers: Annotated[int, typer.Option(help="Threads; 0 for as many as torch uses.")] = 0,
    seed: Annotated[int, typer.Option(help="With one worker the same seed gives the same vectors.")] = 0,
    export: Annotated[
        Path | None, typer.Option(help="Write the vectors too: .txt, .bin or .tsv.", metavar="FILE")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture of the loss.", metavar="FILE.png")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Learn vectors from text, and save them.

    While it trains, checkpoints are kept in DIR.checkpoints; they go when all is done. Ctrl-C saves the vectors as they
    are, and --resume goes on.
    """
    with one_line_errors(f"{output} has the vectors as they are; the same command with --resume goes on."):
        from unrolled.data.text import TextFiles
        from unrolled.data.tokenizer import Tokenizer
        from unrolled.models import WordVectors
        from unrolled.models.embedding import presets
        from unrolled.models.folder import check_free
        from unrolled.training import is_first

        check_free(output)
        check_picture(plot)
        check_output("--export", export, (".txt", ".vec", ".bin", ".tsv"))
        if preset not in (None, "nce"):
            raise ValueError(f"--preset: expected nce, found {preset!r}")
        chosen: dict[str, Any] = {
            "dim": dim,
            "window": window,
            "negative": negative,
            "loss": loss,
            "architecture": architecture,
            "dynamic_window": dynamic_window,
            "subwords": _pair(subwords),
            "min_count": min_count,
            "max_vocab": max_vocab or None,
            "unknown": unknown,
            "subsample": subsample,
            "epochs": epochs,
            "lr": lr,
        }
        if preset is not None:
            # What was asked for by itself holds; the preset gives the rest.
            default = WordVectors().get_params()
            given = {name: value for name, value in chosen.items() if value != default[name]}
            chosen |= presets.NCE | given
        model = WordVectors(
            **chosen,
            workers=workers or None,
            random_state=seed,
            verbose=sys.stderr.isatty(),
        )
        files = TextFiles(corpus, Tokenizer(numbers=numbers, urls=urls))
        try:
            model.fit(files, checkpoints=checkpoints_of(output), resume=resume)
        except KeyboardInterrupt:
            if hasattr(model, "vectors_") and is_first():
                model.save(output)
            raise
        if not is_first():
            return
        keep(model, output)
        told: dict[str, Any] = {"model": str(output), "words": len(model.vocabulary_), **model.history_[-1]}
        if export is not None:
            model.export(export)
            told |= {"export": str(export)}
        if plot is not None:
            from unrolled import plots

            plots.loss_curve(model.loss_curve_).savefig(plot, dpi=120)
            told |= {"plot": str(plot)}
        tell(told, as_json)


@app.command(epilog=NEAREST_EXAMPLE)
def nearest(
    model: Model,
    words: Annotated[list[str], typer.Argument(help="Words to look up, each by itself.", metavar="WORD...")],
    k: Annotated[int, typer.Option("--k", "-k", help="Neighbours of each.")] = 8,
    most_frequent: Annotated[int, typer.Option(help="Look among so many words; 0 for all.")] = 0,
    as_json: Json = False,
) -> None:
    """Show the nearest words by cosine."""
    with one_line_errors():
        vectors = _read(model)
        # All are looked up before the first is told.
        found = [(word, vectors.most_similar(word, k, most_frequent=most_frequent or None)) for word in words]
        for word, near in found:
            if as_json:
                typer.echo(json.dumps({"word": word, "nearest": _records(near)}))
            else:
                typer.echo(f"{word}: " + "  ".join(f"{other} {value:.2f}" for other, value in near))


@app.command(epilog=ANALOGY_EXAMPLE)
def analogy(
    model: Model,
    a: Annotated[str, typer.Argument(help="As A is to B ...")],
    b: Annotated[str, typer.Argument()],
    c: Annotated[str, typer.Argument(help="... so C is to what?")],
    k: Annotated[int, typer.Option("--k", "-k", help="Answers to give.")] = 5,
    method: Annotated[str, typer.Option(help="3cosadd or 3cosmul.")] = "3cosadd",
    as_json: Json = False,
) -> None:
    """Complete: A is to B as C is to ..."""
    with one_line_errors():
        found = _read(model).analogy(a, b, c, k, method=method)
        if as_json:
            typer.echo(json.dumps({"a": a, "b": b, "c": c, "answers": _records(found)}))
        else:
            typer.echo("  ".join(f"{word} {value:.2f}" for word, value in found))


@app.command("map", epilog=MAP_EXAMPLE)
def draw_map(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A picture (.png, .pdf, .svg), or a page (.html).", metavar="FILE")
    ],
    words: Annotated[int, typer.Option(help="How many of the most frequent words.")] = 500,
    only: Annotated[str | None, typer.Option(help="These words instead, with commas between.")] = None,
    plot: Annotated[Path | None, typer.Option(help="A second file, of the other kind.", metavar="FILE.png")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same map.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw words so that like ones lie near each other (t-SNE)."""
    with one_line_errors():
        from unrolled.models.embedding.map import ENDINGS

        for name, path in (("--output", output), ("--plot", plot)):
            check_output(name, path, ENDINGS)
        chosen = words if only is None else [word.strip() for word in only.split(",") if word.strip()]
        made = _read(model).map(chosen, random_state=seed)
        made.save(output)
        if plot is not None:
            made.save(plot)
        tell({"map": str(output), "words": len(made.words)} | ({"plot": str(plot)} if plot else {}), as_json)


@app.command("score", epilog=SCORE_EXAMPLE)
def score_on(
    model: Model,
    tests: Annotated[list[Path], typer.Argument(help="Similarities or analogies, one file a test.", metavar="TEST...")],
    most_frequent: Annotated[int, typer.Option(help="Ask analogies among so many words; 0 for all.")] = 30_000,
    sections: Annotated[bool, typer.Option(help="Show each section of the analogies.")] = True,
    as_json: Json = False,
) -> None:
    """Compare with people's judgements: Spearman's correlation for similarities, right answers for analogies."""
    with one_line_errors():
        for score in _read(model).score(*tests, most_frequent=most_frequent or None):
            if as_json:
                typer.echo(json.dumps(score.record()))
                continue
            what = "Spearman" if score.kind == "similarity" else "right"
            typer.echo(f"{score.name:<28} {what} {_shown(score.value, score.kind)}, ", nl=False)
            typer.echo(f"{score.used} used, {score.unknown} with unknown words")
            for name, (value, used) in score.sections.items() if sections else ():
                typer.echo(f"  {name:<26} {_shown(value, score.kind)} of {used}")


def _read(path: Path) -> Any:
    from unrolled.models import WordVectors
    from unrolled.models.embedding import Vectors

    return WordVectors.load(path).vectors_ if path.is_dir() else Vectors.load(path)


def _pair(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    parts = text.split("-")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise ValueError(f"--subwords: expected two lengths such as 3-6, found {text!r}")
    return int(parts[0]), int(parts[1])


def _records(pairs: list[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"word": word, "score": round(value, 4)} for word, value in pairs]


def _shown(value: float, kind: str) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if kind == "similarity" else f"{value:.1%}"
