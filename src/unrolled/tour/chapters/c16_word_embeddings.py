"""Word embeddings.

Each word becomes a vector, so that words which keep the same company lie near each other. Nobody
says what a word means: a skip-gram model is asked which words stand around it, and the vectors are
what it learns to answer that.

"""

# %%
from pydoc_data.topics import topics

from unrolled import WordVectors, plots
from unrolled.data.tokenizer import Tokenizer
from unrolled.models.embedding import presets
from unrolled.tour import choose, compare, show

# Real text that every Python has: its own language reference. The guide's: text8, 17 million words.
tokenizer = Tokenizer(numbers=True, urls=True)
paragraphs = [tokenizer(paragraph) for text in topics.values() for paragraph in text.split("\n\n")]
corpus = choose(paragraphs, "text8")
different = {word for paragraph in paragraphs for word in paragraph}
print(
    f"{sum(map(len, paragraphs)):,} words of Python's documentation, {len(different):,} different"
)

# %%
model = WordVectors(
    dim=choose(64, 128), epochs=choose(20, 5), workers=choose(1, None), random_state=0
).fit(corpus)
for word in choose(
    ["float", "true", "left", "bytes", "raise", "class"],
    ["five", "king", "london", "river", "played", "red"],
):
    near = model.most_similar(word, 6, most_frequent=5000)
    print(f"{word:>8}: {', '.join(other for other, _ in near)}")

# %%
near, other = choose((("true", "false"), ("true", "left")), (("king", "queen"), ("king", "river")))
compare(
    f"cosine of {' and '.join(near)}, and of {' and '.join(other)}",
    f"{model.similarity(*near):.2f} and {model.similarity(*other):.2f}",
    "noise, after 1,000 steps",
)
chart = model.map(choose(120, 500))
show(
    plots.word_map(chart.words, chart.points, chart.groups),
    "A map of the most frequent words (t-SNE); colours are groups of like vectors.",
)

# %% [markdown]
# The guide's own objective is noise-contrastive estimation: window 1, batches of 128, 64 words of
# noise. It stopped after 1,000 steps. Trained to the end:

# %%
nce = WordVectors(**presets.NCE | {"epochs": choose(20, 5), "workers": 1, "random_state": 0}).fit(
    corpus
)
first, last = nce.loss_curve_[0][1], nce.history_[-1]["loss"]
compare(
    "NCE: loss of a pair at first and at the end",
    f"{first:.1f} and {last:.1f} nats",
    "260.6 at step 0",
)
show(plots.loss_curve(nce.loss_curve_), "How the loss of noise-contrastive estimation fell.")

# %% [markdown]
# Vectors are saved as a folder, and exported for other programs:

# %%
model.save("vectors")
model.export("vectors.bin")  # gensim: KeyedVectors.load_word2vec_format("vectors.bin", binary=True)
print(
    "the same after loading:",
    WordVectors.load("vectors").most_similar("in", 3) == model.most_similar("in", 3),
)

# %% [markdown]
# ### On your own data
#
# ```sh
# unrolled embed fit my-text.txt -o vectors --export vectors.bin
# unrolled embed nearest vectors river
# unrolled embed map vectors -o map.html
# ```
#
# The guide's text8 with `unrolled embed fit text8 -o vectors`; scores beside gensim's are in the
# documentation.
