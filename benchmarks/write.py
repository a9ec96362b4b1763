"""Text generation on Tiny Shakespeare: how well it is predicted within a budget, and how fast training goes.

python -m benchmarks.write [--epochs 38] [--save DIR] [--options JSON]
python -m benchmarks.write --peer [--rounds 5]

The first 90 % of the characters train, the next 5 % validate, the last 5 % test. Seconds are of the processor, over all
its cores; every epoch is printed as it ends. With --peer, characters a second of training steps, the same model in
torch.nn (same sizes, batch, steps, optimizer) beside ours, in turns. The data set is looked for in UNROLLED_DATA, and
fetched if need be.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled import TextGenerator
from unrolled.cells import LSTM
from unrolled.data.text import text_blocks, text_paths
from unrolled.models.generation.network import GeneratorNetwork
from unrolled.nn.softmax_loss import softmax_loss
from unrolled.training import Callback

DATA = "tiny-shakespeare"
RECIPE: dict[str, Any] = {"hidden_size": 256, "num_layers": 2, "batch_size": 32, "truncate": 100}
PROMPT = "ROMEO:\n"


class Told(Callback):
    """Prints each epoch."""

    def __init__(self) -> None:
        self.began = time.process_time()

    def on_epoch(self, module: Any, progress: Any) -> None:
        """Prints its numbers, and the processor's seconds so far."""
        print(json.dumps(progress.history[-1] | {"cpu_seconds": time.process_time() - self.began}), flush=True)


def splits() -> tuple[str, str, str]:
    """The text to train on, to validate on and to test on."""
    text = "".join(text_blocks(text_paths(DATA)[0]))
    edges = [0, int(0.9 * len(text)), int(0.95 * len(text)), len(text)]
    train, validation, test = (text[a:b] for a, b in pairwise(edges))
    return train, validation, test


def measured(options: dict[str, Any], save: Path | None) -> None:
    """Trains, scores, and writes."""
    train, validation, test = splits()
    model = TextGenerator(**options, callbacks=[Told()])
    began = time.process_time()
    model.fit(train, validation)
    told: dict[str, Any] = {"training_cpu_seconds": time.process_time() - began}
    if save is not None:
        model.save(save)
    for name, text in (("validation", validation), ("test", test)):
        score = model.score(text)
        told |= {f"{name}_nats": score.nats_per_character, f"{name}_bits": score.bits_per_character}
    print(json.dumps(told), flush=True)
    began = time.perf_counter()
    written = model.sample(PROMPT, 1000, 0.8, random_state=0)
    print(f"{PROMPT}{written}\n\n({1000 / (time.perf_counter() - began):.0f} characters a second)", flush=True)
    print("| split | nats a character | bits a character |\n| --- | --- | --- |")
    for name in ("validation", "test"):
        print(f"| {name} | {told[f'{name}_nats']:.3f} | {told[f'{name}_bits']:.3f} |")


class Peer(nn.Module):
    """The same model of torch.nn's own modules."""

    def __init__(self, symbols: int, size: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols + 1, size)
        self.lstm = nn.LSTM(size, size, layers, dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(size, symbols)

    def loss(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The mean cross-entropy of tokens (steps + 1, batch), and the state to go on from."""
        outputs, state = self.lstm(self.embedding(tokens[:-1]), state)
        logits = self.dense(self.dropout(outputs)).flatten(0, 1)
        return F.cross_entropy(logits, tokens[1:].flatten()), tuple(part.detach() for part in state)


class Ours(GeneratorNetwork):
    """Our model with the peer's interface."""

    def loss(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The mean cross-entropy of tokens (steps + 1, batch), and the state to go on from."""
        outputs, ends = self(tokens[:-1], state)
        mean = softmax_loss(outputs.flatten(0, 1), *self.softmax, tokens[1:].flatten())
        return mean, tuple(type(end)(*(part.detach() for part in end)) for end in ends)


def trainer(model: Any, options: dict[str, Any], symbols: int) -> Callable[[int], float]:
    """A function that does so many training steps, and gives characters a second."""
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, fused=True)
    steps, rows = options["truncate"], options["batch_size"]
    tokens = torch.randint(symbols, (steps + 1, rows))
    kept: list[Any] = [None]

    def run(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            optimizer.zero_grad()
            loss, kept[0] = model.loss(tokens, kept[0])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return count * steps * rows / (time.perf_counter() - began)

    return run


def compared(options: dict[str, Any], rounds: int) -> None:
    """Training steps of both models in turns."""
    symbols, size, layers, dropout = 66, options["hidden_size"], options["num_layers"], 0.3
    common: dict[str, Any] = {"num_layers": layers, "dropout": dropout, "variational": False, "weight_dropout": 0.0}
    ours = Ours(symbols, symbols + 1, size, lambda width: LSTM(width, size), tied=True, **common)
    models = {"unrolled": ours, "torch.nn": Peer(symbols, size, layers, dropout)}
    runs = {name: trainer(model, options, symbols) for name, model in models.items()}
    for run in runs.values():
        run(2)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            rates[name].append(run(5))
    ratios = [a / b for a, b in zip(rates["unrolled"], rates["torch.nn"], strict=True)]
    sizes = f"{size} units, {layers} layers, {options['batch_size']} rows, {options['truncate']} steps"
    print(f"{torch.get_num_threads()} threads, {sizes}, {rounds} rounds\n")
    print("| | characters a second, median | least | most |\n| --- | --- | --- | --- |")
    for name, found in rates.items():
        print(f"| {name} | {statistics.median(found):,.0f} | {min(found):,.0f} | {max(found):,.0f} |")
    print(f"\nunrolled / torch.nn, round by round: median {statistics.median(ratios):.2f}, ", end="")
    print(f"{min(ratios):.2f} to {max(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=38)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="folder for the trained model")
    parser.add_argument("--options", type=json.loads, default={}, help='of the model, as {"hidden_size": 128}')
    parser.add_argument("--peer", action="store_true", help="compare the speed of training with torch.nn")
    parser.add_argument("--rounds", type=int, default=5, help="of that comparison")
    chosen = parser.parse_args()
    options = RECIPE | {"epochs": chosen.epochs, "random_state": chosen.seed} | chosen.options
    if chosen.peer:
        compared(options, chosen.rounds)
    else:
        measured(options, chosen.save)


if __name__ == "__main__":
    main()
