"""English to French.

An encoder reads the English sentence, a decoder writes the French one word piece by word piece.
While training it is fed the right translation, pushed back by one step; afterwards its own words.
Three ways are compared: the source read as it is, the source reversed, and attention, which may
look back at every word.

"""

# %%
from matplotlib.figure import Figure

from unrolled import Translator, plots
from unrolled.data import Pairs
from unrolled.tour import choose, compare, show

# Embedded: 685 short sentences. In full: Multi30k, 31,014 captions of pictures.
data = choose("phrases", "multi30k")
train = list(Pairs.named(data, "train"))
test = list(Pairs.named(data, choose("test", "test_2016_flickr")))
print(len(train), "pairs to learn from, such as", train[0])

settings = choose(
    {
        "hidden_size": 96,
        "embedding_size": 64,
        "vocabulary_size": 250,
        "batch_tokens": 400,
        "lr": 5e-3,
        "epochs": 20,
    },
    {"hidden_size": 256, "embedding_size": 256, "vocabulary_size": 6000, "epochs": 8},
)
ways = {
    "without attention": {"attention": None, "bidirectional": False},
    "without attention, source reversed": {
        "attention": None,
        "bidirectional": False,
        "reverse_source": True,
    },
    "with attention": {"attention": "bahdanau"},
}
models, scores = {}, {}
for name, way in ways.items():
    models[name] = Translator(**settings, **way, random_state=0).fit(train)
    scores[name] = models[name].score(test).bleu
    compare(f"{name}: BLEU on sentences it has not seen", f"{scores[name]:.1f}", "described only")

# %%
figure = Figure(figsize=(6.4, 2.4), layout="constrained")
axes = figure.subplots()
bars = axes.barh(list(scores), list(scores.values()), color=["C0", "C0", "C2"])
axes.bar_label(bars, fmt="%.0f", padding=3)
axes.invert_yaxis()
axes.set_xlim(0, 105)
axes.set_xlabel("BLEU (100: as the reference)")
show(figure, "What reversing the source and attention are worth, by BLEU.")

# %%
best = models["with attention"]
sentences = [source for source, _ in test[:6]]
for source, said, (_, wanted) in zip(sentences, best.translate(sentences), test):
    print(f"{source:<45} {said}" + ("" if said == wanted else f"   (wanted: {wanted})"))

# %% [markdown]
# A beam keeps several translations in play, and gives their log probabilities:

# %%
for candidates in best.candidates(sentences[:1], beam=4):
    for candidate in candidates:
        print(f"{candidate.log_probability:7.2f}  {candidate.text}")

# %%
looked = best.attention(sentences[1])
show(
    plots.attention(looked.weights, looked.source, looked.target),
    "Which English word piece each French one looked at.",
)

# %% [markdown]
# ### On your own data
#
# ```sh
# unrolled translate fit english.txt french.txt -o en-fr
# echo "A dog runs." | unrolled translate text en-fr --beam 5
# unrolled translate score en-fr test.en test.fr
# ```
