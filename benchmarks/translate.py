"""Translation on Multi30k: what attention, a reversed source and beam search are worth at the same budget.

python -m benchmarks.translate [--epochs 20] [--only attention ...] [--save DIR] [--options JSON]

Every model has the same cell, sizes, subwords and passes over the 29,000 training pairs (English to French); BLEU and
chrF are sacrebleu's, on plain text with its case. Seconds are of the processor, over all its cores. The data set is
looked for in UNROLLED_DATA, and fetched if need be.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from unrolled import Translator
from unrolled.data import Pairs
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
    began = time.process_time()
    model.fit(Pairs.named(DATA, "train"), validation_data=Pairs.named(DATA, "val"))
    trained = time.process_time() - began
    if save is not None:
        model.save(save / name.replace(", ", "-").replace(" ", "-"))
    rows = []
    for beam in BEAMS:
        told: dict[str, Any] = {"model": name, "beam": beam, "training_cpu_seconds": trained}
        for split in ("val", "test"):
            began = time.process_time()
            score = model.score(Pairs.named(DATA, split), beam=beam)
            told |= {f"{split}_bleu": score.bleu, f"{split}_chrf": score.chrf}
            told[f"{split}_cpu_seconds"] = time.process_time() - began
        rows.append(told | {"bleu_signature": score.bleu_signature, "chrf_signature": score.chrf_signature})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=DEFAULT, help="which models")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="folder for the trained models")
    parser.add_argument("--options", type=json.loads, default={}, help='of every model, as {"hidden_size": 320}')
    chosen = parser.parse_args()
    common = {"epochs": chosen.epochs, "random_state": chosen.seed} | chosen.options
    rows = [row for name in chosen.only for row in measured(name, common, chosen.save)]
    print("\n| model | beam | BLEU (test 2016) | chrF | training, CPU s | translating, CPU s |\n" + "| --- " * 6 + "|")
    for row in rows:
        print(
            f"| {row['model']} | {row['beam']} | {row['test_bleu']:.2f} | {row['test_chrf']:.2f} | "
            f"{row['training_cpu_seconds']:.0f} | {row['test_cpu_seconds']:.1f} |"
        )


if __name__ == "__main__":
    main()
