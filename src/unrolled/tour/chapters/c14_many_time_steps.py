"""Many time steps.

Gradients that travel back through many steps shrink or grow at each of them, so that a plain
recurrent net forgets what came early. The test: one of eight symbols is shown first, then comes
noise, and at the end the symbol is asked for.

"""

# %%
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn

import unrolled
from unrolled import cells
from unrolled.tour import choose, compare, show


def task(count, gap):
    symbol = torch.randint(8, (count,))
    inputs = torch.zeros(count, gap + 2, 10)
    inputs[:, 0, :8] = F.one_hot(symbol, 8).float()  # the symbol
    inputs[:, 1:-1, 8] = torch.randn(count, gap)  # noise
    inputs[:, -1, 9] = 1  # the question
    return inputs, symbol


# %% [markdown]
# **Truncated backpropagation through time**: a long sequence is read in chunks. The state is
# carried from chunk to chunk, the gradient is not, so that memory and time of a training step
# depend on the chunk alone.


# %%
def read(cell, inputs, chunk):
    state = None
    for part in inputs.split(chunk, dim=1):
        if state is not None:
            state = type(state)(*(value.detach() for value in state))
        outputs, state = unrolled.unroll(cell, part, state=state)
    return outputs[:, -1]


def accuracies(kind, gaps, chunk, lr):
    """Trains on gaps drawn from a range; gives what part of the symbols is recalled, by gap."""
    torch.manual_seed(0)
    cell, dense = cells.make(kind, 10, 64), nn.Linear(64, 8)
    parameters = [*cell.parameters(), *dense.parameters()]
    optimizer = torch.optim.Adam(parameters, lr)
    for _ in range(training_steps):
        inputs, symbol = task(64, gaps[int(torch.randint(len(gaps), ()))])
        optimizer.zero_grad()
        F.cross_entropy(dense(read(cell, inputs, chunk)), symbol).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    with torch.no_grad():
        tests = {gap: task(500, gap) for gap in asked}
        return [
            (dense(read(cell, x, 1000)).argmax(1) == y).float().mean().item()
            for x, y in tests.values()
        ]


training_steps = choose(400, 4000)
asked = [1, 5, 10, 20, 40, 60, 80, 120]
mixed, long = range(1, 61), range(40, 41)
recalled = {
    "plain RNN": accuracies("rnn", mixed, 1000, 3e-3),
    "LSTM": accuracies("lstm", mixed, 1000, 5e-3),
    "LSTM, truncated to 10 steps": accuracies("lstm", mixed, 10, 5e-3),
    "LSTM, truncated to 10 steps, all gaps 40": accuracies("lstm", long, 10, 5e-3),
}
figure = Figure(figsize=(7.2, 4.6), layout="constrained")
axes = figure.subplots()
for (name, values), style, size in zip(recalled.items(), ("o-", "o-", "s--", "s:"), (5, 11, 5, 5)):
    axes.plot(
        asked,
        [100 * value for value in values],
        style,
        markersize=size,
        markerfacecolor="none",
        label=name,
    )
axes.axhline(12.5, color="0.5", linewidth=1, label="by chance")
axes.set_ylim(0, 104)
axes.set_xlabel("steps of noise between symbol and question")
axes.set_ylabel("% of symbols recalled")
axes.grid(alpha=0.3)
figure.legend(loc="outside lower center", ncols=2, frameon=False)
show(
    figure,
    f"What is remembered over how many steps, after {training_steps:,} training steps on gaps of "
    "1 to 60 steps.",
)
at = asked.index(60)
for name in ("plain RNN", "LSTM", "LSTM, truncated to 10 steps"):
    compare(f"{name}: recalled over 60 steps", f"{recalled[name][at]:.0%}", "described only")

# %% [markdown]
# A plain net is not unable to remember, but learns it late: with ten times the training
# (`--full`), and from the orthogonal matrices that recurrent weights start from here, it recalls
# everything too.
#
# Truncation has a price. If the answer always lies further back than a chunk, no gradient ever
# leads to the symbol, and the LSTM cannot learn what it should have kept. If short gaps come up
# too, it learns from those, and the carried state does the rest.

# %%
compare(
    "truncated to 10 steps, all gaps 40: recalled",
    f"{recalled['LSTM, truncated to 10 steps, all gaps 40'][asked.index(40)]:.0%}",
    "described only",
)

# %% [markdown]
# ### On your own data
#
# A very long series is trained on in chunks, with the state carried:
#
# ```sh
# unrolled forecast fit sensor.csv --head recursive --truncate 100 -o model
# ```
#
# With layers of your own, carry the state as `read` does above. `unrolled.unroll(...,
# checkpoint="sqrt")` (Chapter 3) keeps the whole gradient in little memory instead.
