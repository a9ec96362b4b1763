"""Text clean-up.

Words too rare to learn, numbers and web addresses would each be a word of their own, seen once.
They are replaced by set tokens, so that "in 1997" and "in 2003" are the same to the model.

"""

# %%
from collections import Counter
from pydoc_data.topics import topics

from matplotlib.figure import Figure

from unrolled import WordVectors
from unrolled.data.tokenizer import Tokenizer
from unrolled.tour import compare, show

text = "In 2024 it cost 1,299.50; see https://example.org/prices?id=7 or WWW.EXAMPLE.ORG."
print("as it is:  ", " ".join(Tokenizer()(text)))
print("cleaned up:", " ".join(Tokenizer(numbers=True, urls=True)(text)))

# %% [markdown]
# What it changes in a real text, Python's language reference:

# %%
plain = Counter(word for topic in topics.values() for word in Tokenizer()(topic))
clean = Counter(
    word for topic in topics.values() for word in Tokenizer(numbers=True, urls=True)(topic)
)
compare("different words before and after", f"{len(plain):,} and {len(clean):,}", "described only")
print("<number> stands for", clean["<number>"], "words, <url> for", clean["<url>"])

# %% [markdown]
# Rare words become `<unk>`: how much of a text that leaves depends on the size of the vocabulary.

# %%
counts, total = [count for _, count in clean.most_common()], sum(clean.values())
sizes = [50, 100, 200, 500, 1000, 2000, len(counts)]
known = [100 * sum(counts[:size]) / total for size in sizes]
figure = Figure(figsize=(7, 3.6), layout="constrained")
axes = figure.subplots()
axes.plot(sizes, known, marker="o")
axes.set_xscale("log")
axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
axes.minorticks_off()
axes.set_ylim(0, 103)
axes.set_xlabel("words in the vocabulary")
axes.set_ylabel("% of the text that is known")
axes.grid(alpha=0.3)
show(figure, "How much of the text the most frequent words make up; the rest is <unk>.")

# %%
paragraphs = [
    Tokenizer(numbers=True, urls=True)(part)
    for topic in topics.values()
    for part in topic.split("\n\n")
]
model = WordVectors(dim=32, max_vocab=500, unknown=True, epochs=2, workers=1, random_state=0).fit(
    paragraphs
)
print(
    "the vocabulary:",
    len(model.vocabulary_),
    "words, <unk> among them:",
    "<unk>" in model.vocabulary_,
)
compare(
    "of the text known with 500 words", f"{known[sizes.index(500)]:.0f} %", "50,000 words and UNK"
)

# %% [markdown]
# ### On your own data
#
# ```sh
# unrolled embed fit my-text.txt --numbers --urls --unknown --max-vocab 20000 -o vectors
# ```
#
# Translators need none of it: subwords spell what they do not know (Chapter 18).
