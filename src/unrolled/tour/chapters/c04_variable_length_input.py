"""Inputs of variable length.

Real sequences differ in length, and a batch of them has to be filled up to the longest. What is
filled in must not matter: outputs past a sequence's end are zero, and its final state is the one at
its own last step.

"""

# %%
import time

import torch
from matplotlib.figure import Figure

import unrolled
from unrolled import SequenceClassifier, cells, plots
from unrolled.data import load
from unrolled.tour import choose, compare, show

cell = cells.RNN(input_size=3, hidden_size=5)
inputs = torch.randn(4, 2, 3)
inputs[1, 1] = float("nan")  # past the end of the second sequence stands nonsense
lengths = torch.tensor([2, 1, 2, 2])
outputs, state = unrolled.unroll(cell, inputs, lengths)
print("second sequence, output past its end:", outputs[1, 1].detach().numpy().round(3))
print("second sequence, output at its end:  ", outputs[1, 0].detach().numpy().round(3))
print("second sequence, final state:        ", state.h[1].detach().numpy().round(3))
compare(
    "final state and each row's own last output",
    "equal" if torch.equal(state.h[1], outputs[1, 0]) else "differ",
    "equal",
)

# %% [markdown]
# Padding costs no arithmetic either: rows that are over leave the loop.

# %%
lstm = cells.LSTM(32, 128)
batch = torch.randn(64, 120, 32)
lengths = torch.randint(1, 121, (64,))
outputs, _ = unrolled.unroll(lstm, batch, lengths)


def seconds(lengths) -> float:
    taken = []
    for _ in range(7):
        start = time.perf_counter()
        unrolled.unroll(lstm, batch, lengths)[0].sum().backward()
        taken.append(time.perf_counter() - start)
    return min(taken)


filled = lengths.float().mean().item() / 120
compare(
    f"time of a batch that is {filled:.0%} full, beside a full one",
    f"{seconds(lengths) / seconds(None):.0%}",
)
figure = Figure(figsize=(7, 3.8), layout="constrained")
axes = figure.subplots()
strength = outputs.detach().abs().mean(2)[lengths.argsort(descending=True)]
image = axes.imshow(strength, aspect="auto", cmap="Blues", vmin=0, interpolation="nearest")
figure.colorbar(image, ax=axes, label="mean size of the outputs")
axes.set_xlabel("step")
axes.set_ylabel("sequence, longest first")
show(figure, "Outputs of 64 sequences: nothing past each one's own end.")

# %% [markdown]
# Real data: who is speaking? 640 utterances of a Japanese vowel by nine men, 7 to 29 steps long.

# %%
train, test = load("japanese-vowels", "train"), load("japanese-vowels", "test")
lengths = train.lengths
print(f"{len(train)} utterances to learn from, of {min(lengths)} to {max(lengths)} steps")
model = SequenceClassifier(
    cell="lstm",
    hidden_size=64,
    bidirectional=True,
    pooling="mean",
    dropout=0.3,
    epochs=choose(20, 60),
    batch_size=30,
    lr=3e-3,
    random_state=0,
)
model.fit(train.X, train.y)
compare("utterances whose speaker is known", f"{model.score(test.X, test.y):.1%}")
show(
    plots.confusion_matrix(test.y, model.predict(test.X), model.classes_),
    "Who is taken for whom: the nine speakers of the test.",
)

# %% [markdown]
# ### On your own data
#
# A `.ts` file, a CSV table with a row for each step, or a folder with one CSV file a sequence:
#
# ```sh
# unrolled classify fit recordings.ts -o model --plot learned.png
# unrolled classify predict model new-recordings.ts -o labels.csv
# ```
