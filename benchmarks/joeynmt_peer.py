"""JoeyNMT's recurrent encoder-decoder, as a peer: run by an interpreter that has it, prints JSON, an object a line.

python benchmarks/joeynmt_peer.py FOLDER UPDATES SEED

FOLDER has train, dev and test, each as FILE.src and FILE.trg of tokens separated by spaces, and vocab.src and
vocab.trg. The first line tells of training; then test is translated once for each line of standard input.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import torch
from joeynmt.config import parse_global_args, set_validation_args
from joeynmt.prediction import predict, prepare
from joeynmt.training import TrainManager


def settings(folder: Path, updates: int, seed: int) -> dict[str, Any]:
    """As `benchmarks/translate.py peer` trains ours, and beam search as JoeyNMT's examples have it."""
    side = {"level": "word", "lowercase": False, "max_length": 100}
    embeddings = {"embedding_dim": 256, "scale": False, "dropout": 0.3}
    layers = {"type": "recurrent", "rnn_type": "gru", "hidden_size": 256, "dropout": 0.3, "num_layers": 1}
    return {
        "name": "peer",
        "model_dir": str(folder / "model"),
        "use_cuda": False,
        "random_seed": seed,
        "data": {
            "train": str(folder / "train"),
            "dev": str(folder / "dev"),
            "test": str(folder / "test"),
            "dataset_type": "plain",
            "src": {"lang": "src", "voc_file": str(folder / "vocab.src"), **side},
            "trg": {"lang": "trg", "voc_file": str(folder / "vocab.trg"), **side},
        },
        "training": {
            "optimizer": "adam",
            "learning_rate": 1e-3,
            # A rate that never falls; the library has no other way to say so that works with this torch.
            "scheduling": "exponential",
            "decrease_factor": 1.0,
            "clip_grad_norm": 1.0,
            "label_smoothing": 0.1,
            "normalization": "tokens",
            # Of the longer side, padding counted: about as many target tokens as ours has.
            "batch_size": 1300,
            "batch_type": "token",
            "epochs": 100,
            "updates": updates,
            "validation_freq": 10**9,
            "logging_freq": 10**9,
            "shuffle": True,
        },
        "testing": {
            "beam_size": 5,
            "beam_alpha": 1.0,
            "batch_size": 4000,
            "batch_type": "token",
            "max_output_length": 100,
        },
        "model": {
            "initializer": "xavier_uniform",
            "embed_initializer": "normal",
            "embed_init_weight": 0.1,
            "tied_softmax": True,
            "encoder": {**layers, "embeddings": embeddings, "bidirectional": True},
            "decoder": {
                **layers,
                "embeddings": embeddings,
                "hidden_dropout": 0.3,
                "attention": "luong",
                "input_feeding": True,
                "init_hidden": "bridge",
            },
        },
    }


def main(folder: str, updates: str, seed: str) -> None:
    torch.set_num_threads(1)
    Path(folder, "model").mkdir(exist_ok=True)
    args = parse_global_args(settings(Path(folder), int(updates), int(seed)), rank=0, mode="train")
    model, train, dev, test = prepare(args, rank=0, mode="train")
    common = {"device": args.device, "n_gpu": 0, "rank": 0, "num_workers": 0, "autocast": args.autocast}
    manager = TrainManager(
        model=model,
        model_dir=args.model_dir,
        seed=args.seed,
        train_args=args.train,
        dev_args=set_validation_args(args.test),
        **common,
    )
    began = time.process_time()
    manager.train_and_validate(train_data=train, valid_data=dev)
    trained = time.process_time() - began
    # What it trains on, and tells by itself, is the divergence from smoothed targets.
    model.loss_function = ("crossentropy", 0.0)
    scores, *_ = predict(
        model, dev, compute_loss=True, normalization="tokens", args=set_validation_args(args.test), **common
    )
    told = {
        "library": "joeynmt",
        "tokens": int(manager.stats.total_tokens),
        "training_cpu_seconds": trained,
        "validation_loss": math.log(float(scores["ppl"])),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    print(json.dumps(told), flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        hypotheses = predict(model, test, args=args.test, **common)[3]
        print(json.dumps({"cpu_seconds": time.process_time() - began, "hypotheses": hypotheses}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
