"""LSTM, peepholes and GRU, and what goes on inside.

An LSTM keeps a second state, `c`, that is changed only through gates: the input gate lets in, the forget gate keeps, the
output gate shows. Peepholes let the gates see `c` itself. A GRU has one state and merges two gates into one.
"""

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import unrolled
from unrolled import cells, plots
from unrolled.tour import choose, compare, show

inputs = torch.randn(4, 12, 3)
for ours, theirs in ((cells.LSTM(3, 16), nn.LSTMCell(3, 16)), (cells.GRU(3, 16), nn.GRUCell(3, 16))):
    theirs.load_state_dict(ours.state_dict())
    state = None
    for step in inputs.unbind(1):
        state = theirs(step, state)
    h = state[0] if isinstance(state, tuple) else state
    difference = (unrolled.unroll(ours, inputs)[1].h - h).abs().max().item()
    compare(f"{type(ours).__name__}: differs from torch.nn's by", f"{difference:.1e}", "described in a line")

# %% [markdown]
# torch.nn has no peepholes, so here are their equations (Gers, Schraudolph, Schmidhuber 2002) once more, in NumPy:


# %%
def sigmoid(v):
    return 1 / (1 + np.exp(-v))


cell = cells.PeepholeLSTM(3, 16)
p = {name: value.detach().numpy().astype(float) for name, value in cell.named_parameters()}
h = c = np.zeros((4, 16))
for x in inputs.numpy().transpose(1, 0, 2):
    i, f, g, o = np.split(x @ p["weight_ih"].T + p["bias_ih"] + h @ p["weight_hh"].T + p["bias_hh"], 4, axis=1)
    i = sigmoid(i + p["peephole_input"] * c)  # sees c(t-1)
    f = sigmoid(f + p["peephole_forget"] * c)
    c = f * c + i * np.tanh(g)
    o = sigmoid(o + p["peephole_output"] * c)  # sees c(t)
    h = o * np.tanh(c)
difference = np.abs(unrolled.unroll(cell, inputs)[1].h.detach().numpy() - h).max()
compare("peephole LSTM: differs from its equations by", f"{difference:.1e}", "described in a line")

# %% [markdown]
# **Inside**. An LSTM learns the task of Chapter 14: keep a symbol through noise until it is asked for.


# %%
def task(count, gap):
    symbol = torch.randint(8, (count,))
    inputs = torch.zeros(count, gap + 2, 10)
    inputs[:, 0, :8] = F.one_hot(symbol, 8).float()
    inputs[:, 1:-1, 8] = torch.randn(count, gap)
    inputs[:, -1, 9] = 1
    return inputs, symbol


lstm, dense = cells.LSTM(10, 32), nn.Linear(32, 8)
optimizer = torch.optim.Adam([*lstm.parameters(), *dense.parameters()], 5e-3)
for _ in range(choose(400, 4000)):
    x, y = task(64, int(torch.randint(1, 41, ())))
    optimizer.zero_grad()
    F.cross_entropy(dense(unrolled.unroll(lstm, x)[0][:, -1]), y).backward()
    optimizer.step()
x, y = task(500, 40)
right = (dense(unrolled.unroll(lstm, x)[0][:, -1]).argmax(1) == y).float().mean().item()
print(f"recalled over 40 steps: {right:.0%}")

# %% [markdown]
# `unrolled.inspect` runs any cell that declares gates, one of your own too, and gives its states and gates by name.

# %%
inside = unrolled.inspect(lstm, x[:1])
states, gates = inside.row(0)
steps = ["ABCDEFGH"[y[0]], *["·"] * 40, "?"]
show(plots.gates(gates, steps), "The gates through time: the symbol (a letter), 40 steps of noise (dots), the question.")

# %%
show(plots.states(states, steps), "Both states of every unit: c holds what the symbol left there, h shows it when asked.")

# %%
kept = gates["forget"][1:-1].median().item()
compare("the forget gate's median over the noise", f"{kept:.3f}", "a gate near 1 keeps")

# %% [markdown]
# **How far gradients reach back**, in cells that have learned nothing yet. The forget gate starts nearly open, so that an
# LSTM's gradient fades later.

# %%
noise = torch.randn(8, 100, 10)
reach = {
    "plain RNN": unrolled.gradient_reach(cells.RNN(10, 32), noise),
    "GRU": unrolled.gradient_reach(cells.GRU(10, 32), noise),
    "LSTM": unrolled.gradient_reach(cells.LSTM(10, 32), noise),
    "LSTM, forget bias 4": unrolled.gradient_reach(cells.LSTM(10, 32, forget_bias=4.0), noise),
    "LSTM, trained above": unrolled.gradient_reach(lstm, x[:8]),
}
show(plots.gradient_reach(reach), "The part of a gradient that arrives so many steps back.")
for name in ("plain RNN", "LSTM, trained above"):
    compare(f"{name}: gradient that arrives 40 steps back", f"{reach[name][40].item():.1e}", "described only")

# %% [markdown]
# ### On your own data
#
# ```python
# model = unrolled.SequenceClassifier.load("model")
# layer = model.network_.recurrent.layers[0]
# inside = unrolled.inspect(layer, sequences, lengths)   # (batch, time, features)
# plots.gates(inside.row(0)[1]).savefig("gates.png")
# ```
#
# Every command takes any cell: `--cell lstm`, `--cell peephole-lstm`, `--cell gru`, ...
