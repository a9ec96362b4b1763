"""Word vectors beside gensim's: words a second and scores, on the same corpus in the same run.

python -m benchmarks.embed CORPUS SIMILARITY --peer PYTHON [--seeds 1 2 3]

PYTHON is an interpreter that has gensim, which need not be this one. Both train with 2 threads: skip-gram, dimension
128, window 5, 5 negatives, sample 1e-3, min_count 5, 50,000 words, 5 epochs. The time is that of training alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

from unrolled import WordVectors

METRICS = ("words_per_second", "wordsim353", "simlex999", "analogies")
PEER = Path(__file__).with_name("gensim_peer.py")


def ours(corpus: str, similarity: str, seed: int) -> dict[str, Any]:
    """Trains and scores once."""
    model = WordVectors(random_state=seed, workers=2).fit(corpus)
    tests = ("wordsim353.tsv", "simlex999.txt", "questions-words.txt")
    scores = [score.value for score in model.score(*(Path(similarity) / test for test in tests))]
    words = sum(entry["words_per_second"] * entry["seconds"] for entry in model.history_)
    seconds = sum(entry["seconds"] for entry in model.history_)
    told = {"library": "unrolled", "seed": seed, "words_per_second": words / seconds, "words": len(model.vectors_)}
    return told | {"seconds": seconds} | dict(zip(METRICS[1:], scores, strict=True))


def theirs(python: str, corpus: str, similarity: str, seed: int) -> dict[str, Any]:
    """Has gensim train and score once."""
    command = [python, str(PEER), corpus, similarity, str(seed)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a text file")
    parser.add_argument("similarity", help="folder of wordsim353.tsv, simlex999.txt and questions-words.txt")
    parser.add_argument("--peer", metavar="PYTHON", help="an interpreter that has gensim")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    rows = []
    for seed in options.seeds:
        rows.append(ours(options.corpus, options.similarity, seed))
        print(json.dumps(rows[-1]), flush=True)
        if options.peer:
            rows.append(theirs(options.peer, options.corpus, options.similarity, seed))
            print(json.dumps(rows[-1]), flush=True)
    for library in dict.fromkeys(row["library"] for row in rows):
        own = [row for row in rows if row["library"] == library]
        medians = {metric: statistics.median(row[metric] for row in own) for metric in METRICS}
        print(json.dumps({"library": library, "medians of": len(own), **medians}))


if __name__ == "__main__":
    main()
