"""gensim on one corpus, as a peer: run by an interpreter that has gensim, prints one JSON line.

python benchmarks/gensim_peer.py CORPUS SIMILARITY SEED [VECTORS]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from gensim.models.word2vec import Text8Corpus, Word2Vec


def main(corpus: str, similarity: str, seed: str, vectors: str | None = None) -> None:
    sentences = list(Text8Corpus(corpus))
    model = Word2Vec(
        vector_size=128,
        window=5,
        negative=5,
        sg=1,
        sample=1e-3,
        min_count=5,
        max_final_vocab=50_000,
        workers=2,
        seed=int(seed),
    )
    model.build_vocab(sentences)
    began = time.perf_counter()
    _, raw = model.train(sentences, total_examples=model.corpus_count, epochs=5)
    seconds = time.perf_counter() - began
    folder, found = Path(similarity), model.wv
    analogies, _ = found.evaluate_word_analogies(str(folder / "questions-words.txt"), restrict_vocab=30_000)
    told = {
        "library": "gensim",
        "seed": int(seed),
        "words_per_second": raw / seconds,
        "words": len(found),
        "seconds": seconds,
        "wordsim353": float(found.evaluate_word_pairs(str(folder / "wordsim353.tsv"))[1][0]),
        "simlex999": float(found.evaluate_word_pairs(str(folder / "simlex999.txt"))[1][0]),
        "analogies": analogies,
    }
    if vectors:
        found.save_word2vec_format(vectors, binary=vectors.endswith(".bin"))
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
