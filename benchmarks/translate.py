"""Translation on Multi30k: what attention, a reversed source and beam search are worth at the same budget.

python -m benchmarks.translate [--epochs 20] [--only attention ...] [--save DIR] [--options JSON]
python -m benchmarks.translate --peer PYTHON [--pairs 10000] [--epochs 2]

Every model has the same cell, sizes, subwords and passes over the 29,000 training pairs (English to French); BLEU and
chrF are sacrebleu's, on plain text with its case. Seconds are of the processor, over all its cores, and for training
also of the clock. The data set is looked for in UNROLLED_DATA, and fetched if need be. With --peer a GRU with Luong's
attention is trained beside JoeyNMT's, run by PYTHON, an interpreter that has it: the same pairs, subwords, sizes, rate,
number of updates and about as many tokens in each, one thread each. Then they translate in turns, and the median of the
processor's seconds is told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import torch

from unrolled import Translator
from unrolled.data import Pairs
from unrolled.models.translation.score import scored
from unrolled.models.translation.tokenizer import SPECIAL
from unrolled.training import Callback

DATA = "multi30k"
# Without attention the encoder reads one way, so that turning the source around means something.
PLAIN = {"attention": None, "bidirectional": False}
MODELS: dict[str, dict[str, Any]] = {
    "no attention": PLAIN,
    "no attention, source reversed": PLAIN | {"reverse_source": True},
    "attention": {},
    "attention, input feeding": {"input_feeding": True},
}
DEFAULT = ("no attention", "no attention, source reversed", "attention")
BEAMS = (1, 5)


class Told(Callback):
    """Prints each epoch."""

    def on_epoch(self, module: Any, progress: Any) -> None:
        """Prints its numbers, and the processor's seconds so far."""
        print(json.dumps(progress.history[-1] | {"cpu_seconds": time.process_time()}), flush=True)


def measured(name: str, common: dict[str, Any], save: Path | None) -> list[dict[str, Any]]:
    """Trains one model; gives a row for each beam."""
    model = Translator(**(common | MODELS[name]), callbacks=[Told()])
    began, clock = time.process_time(), time.monotonic()
    model.fit(Pairs.named(DATA, "train"), validation_data=Pairs.named(DATA, "val"))
    trained, passed = time.process_time() - began, time.monotonic() - clock
    if save is not None:
        model.save(save / name.replace(", ", "-").replace(" ", "-"))
    rows = []
    for beam in BEAMS:
        told: dict[str, Any] = {"model": name, "beam": beam}
        told |= {"training_cpu_seconds": trained, "training_seconds": passed}
        for split in ("val", "test"):
            began = time.process_time()
            score = model.score(Pairs.named(DATA, split), beam=beam)
            told |= {f"{split}_bleu": score.bleu, f"{split}_chrf": score.chrf}
            told[f"{split}_cpu_seconds"] = time.process_time() - began
        rows.append(told | {"bleu_signature": score.bleu_signature, "chrf_signature": score.chrf_signature})
        print(json.dumps(rows[-1]), flush=True)
    return rows


PEER = Path(__file__).with_name("joeynmt_peer.py")
# What both decode, and what their losses are of; and how often.
COMPARED, TURNS = 300, 7


class Counted(Callback):
    """Counts updates."""

    updates = 0

    def on_step(self, module: Any, progress: Any) -> None:
        """One more."""
        self.updates += 1


def beside_peer(python: str, pairs: int, epochs: int, seed: int) -> Iterator[dict[str, Any]]:
    """Trains ours, then JoeyNMT's for as many updates, both on one thread; then both translate, in turns."""
    torch.set_num_threads(1)
    data = {
        "train": list(islice(Pairs.named(DATA, "train"), pairs)),
        "dev": list(islice(Pairs.named(DATA, "val"), COMPARED)),
        "test": list(islice(Pairs.named(DATA, "test"), COMPARED)),
    }
    counted = Counted()
    model = Translator(
        cell="gru",
        attention="luong",
        lr=1e-3,
        epochs=epochs,
        schedule="constant",
        warmup=0.0,
        validation_fraction=0.0,
        random_state=seed,
        callbacks=[counted],
    )
    began = time.process_time()
    model.fit(data["train"])
    trained = time.process_time() - began
    encoded = model.subwords_[1].encode([target for _, target in data["dev"]])
    ours: dict[str, Any] = {
        "library": "unrolled",
        "updates": counted.updates,
        "tokens_per_cpu_second": model.history_[0]["rate"] * sum(e["seconds"] for e in model.history_) / trained,
        "validation_loss": -float(model.log_probabilities(data["dev"]).sum()) / sum(len(line) + 1 for line in encoded),
        "parameters": sum(parameter.numel() for parameter in model.network_.parameters()),
    }
    sources, references = zip(*data["test"], strict=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, (side, kind) in enumerate(zip(("src", "trg"), model.subwords_, strict=True)):
            for split, own in data.items():
                lines = (" ".join(kind.tokens(line)) for line in kind.encode([pair[number] for pair in own]))
                (folder / f"{split}.{side}").write_text("\n".join(lines) + "\n", encoding="utf-8")
            known = kind.tokens(range(len(SPECIAL), len(kind)))
            (folder / f"vocab.{side}").write_text("\n".join(known) + "\n", encoding="utf-8")
        command = [python, str(PEER), str(folder), str(counted.updates), str(seed)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, text=True, env=environment, **pipes) as peer:
            theirs = answer(peer)
            for _ in range(TURNS):
                began = time.process_time()
                said = model.translate(sources, 5)
                seconds["ours"].append(time.process_time() - began)
                print(file=peer.stdin, flush=True)
                turn = answer(peer)
                seconds["theirs"].append(turn["cpu_seconds"])
    hypotheses = [model.subwords_[1].join(line) for line in turn["hypotheses"]]
    theirs["tokens_per_cpu_second"] = theirs.pop("tokens") / theirs.pop("training_cpu_seconds")
    for told, who, text in ((ours, "ours", said), (theirs, "theirs", hypotheses)):
        yield told | {"decoding_cpu_seconds": median(seconds[who]), "bleu": scored(text, references).bleu}


def answer(peer: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of JSON that a process prints.

    Raises:
        CalledProcessError: it ended instead.
    """
    assert peer.stdout
    line = peer.stdout.readline()
    if not line:
        raise subprocess.CalledProcessError(peer.wait(), peer.args)
    told: dict[str, Any] = json.loads(line)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=DEFAULT, help="which models")
    parser.add_argument("--epochs", type=int, help="20, and 2 beside the peer, unless given")
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter that has JoeyNMT")
    parser.add_argument("--pairs", type=int, default=10_000, help="of the training data, beside the peer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="folder for the trained models")
    parser.add_argument("--options", type=json.loads, default={}, help='of every model, as {"hidden_size": 320}')
    chosen = parser.parse_args()
    if chosen.peer:
        for told in beside_peer(chosen.peer, chosen.pairs, chosen.epochs or 2, chosen.seed):
            print(json.dumps(told), flush=True)
        return
    common = {"epochs": chosen.epochs or 20, "random_state": chosen.seed} | chosen.options
    rows = [row for name in chosen.only for row in measured(name, common, chosen.save)]
    print("\n| model | beam | BLEU (test 2016) | chrF | training, CPU s | by the clock | translating, CPU s |")
    print("| --- " * 7 + "|")
    for row in rows:
        print(
            f"| {row['model']} | {row['beam']} | {row['test_bleu']:.2f} | {row['test_chrf']:.2f} | "
            f"{row['training_cpu_seconds']:.0f} | {row['training_seconds']:.0f} | {row['test_cpu_seconds']:.1f} |"
        )


if __name__ == "__main__":
    main()
