"""Sequences that a net makes up.

A net that says what comes next can be fed its own words: from a start that is given it goes on and
on. Here from nothing but zeros, and from a real start of the series of Chapter 9, 280 steps each.


"""

# %%
import time

import torch
from torch import nn

import unrolled
from unrolled import TextGenerator, cells, plots
from unrolled.data import Documents
from unrolled.nn import Projection
from unrolled.tour import choose, compare, show

STEPS, RESOLUTION, END = 20, 0.1, 30.0


def series(t):
    return t * torch.sin(t) / 3 + 2 * torch.sin(5 * t)


model = Projection(cells.RNN(1, 100, nonlinearity="relu"), 1)
nn.init.uniform_(model.core.weight_ih, -1, 1)
nn.init.uniform_(model.core.bias_ih, -1, 1)
nn.init.orthogonal_(model.core.weight_hh, 0.7)
nn.init.xavier_uniform_(model.linear.weight)
nn.init.zeros_(model.linear.bias)
optimizer = torch.optim.Adam(model.parameters(), 0.001)
for _ in range(2000):
    starts = torch.rand(50, 1) * (END - STEPS * RESOLUTION)
    values = series(starts + torch.arange(STEPS + 1) * RESOLUTION)[..., None]
    optimizer.zero_grad()
    loss = (unrolled.unroll(model, values[:, :-1])[0] - values[:, 1:]).square().sum()
    loss.backward()
    optimizer.step()
compare(
    "summed squared error of the last batch", f"{loss.item():.1f}", "42.75 after 2,000 iterations"
)

# %% [markdown]
# The guide feeds the last 20 values through the whole net for each new one: 20 steps of work for
# one. A `Stream` carries the state along, and each value costs one step, however long the sequence
# grows.


# %%
@torch.no_grad()
def by_windows(seed, count):
    values = list(seed)
    for _ in range(count):
        window = torch.stack(values[-STEPS:])[None, :, None]
        values.append(unrolled.unroll(model, window)[0][0, -1, 0])
    return torch.stack(values)


def streamed(seed, count):
    stream = unrolled.Stream(model)
    for value in seed:
        output = stream(value.reshape(1, 1))
    made = [output]
    for _ in range(count - 1):
        made.append(stream(made[-1]))
    return torch.cat([seed, torch.cat(made)[:, 0]])


seeds = {"zeros": torch.zeros(STEPS), "a real start": series(torch.arange(STEPS) * RESOLUTION)}
sequences, seconds = {}, {}
for name, seed in seeds.items():
    for way in (by_windows, streamed):
        begun = time.perf_counter()
        sequences[f"from {name}, {way.__name__.replace('_', ' ')}"] = way(seed, 280).numpy()
        seconds[way] = time.perf_counter() - begun
compare(
    "a value by windows takes",
    f"{seconds[by_windows] / seconds[streamed]:.1f} times as long as streamed",
)
show(
    plots.creative(list(sequences.values()), [STEPS] * 4, list(sequences), RESOLUTION),
    "Made up from 20 given steps: by windows, as in the guide, and with the state carried along.",
)

# %% [markdown]
# **Text** is made up in the same way, character by character: the next one is drawn from what the
# net thinks likely, and fed back. Here it has read three acts of Coriolanus, for seconds.

# %%
writer = TextGenerator(
    hidden_size=choose(128, 512),
    num_layers=choose(1, 2),
    dropout=choose(0.0, 0.3),
    epochs=choose(8, 30),
    lr=choose(1e-2, 3e-3),
    truncate=choose(50, 100),
    random_state=0,
)
writer.fit(Documents.named(choose("coriolanus", "tiny-shakespeare")))
print(writer.sample("MENENIUS:\n", 400, temperature=0.7, random_state=1))

# %%
last = writer.history_[-1]
compare("text: perplexity of the next character", f"{last['validation_perplexity']:.1f}")
show(plots.learning_curve(writer.history_), "How the net learned to foretell the next character.")

# %% [markdown]
# ### On your own data
#
# ```sh
# unrolled forecast fit waves.csv --head recursive -o model
# unrolled forecast generate model --steps 500 --plot made-up.png
# unrolled write fit my-text.txt -o writer
# unrolled write sample writer --prompt "Once" --temperature 0.7
# ```
