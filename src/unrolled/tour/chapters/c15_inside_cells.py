"""LSTM, peepholes and GRU, and what goes on inside.

An LSTM keeps a second state, `c`, that is changed only through gates: the input gate lets in, the
forget gate keeps, the output gate shows. Peepholes let the gates see `c` itself. A GRU has one
state and merges two gates into one.

"""

# %%
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn

import unrolled
from unrolled import cells, plots
from unrolled.tour import choose, compare, show

inputs = torch.randn(4, 12, 3)
for ours, theirs in (
    (cells.LSTM(3, 16), nn.LSTMCell(3, 16)),
    (cells.GRU(3, 16), nn.GRUCell(3, 16)),
):
    theirs.load_state_dict(ours.state_dict())
    state = None
    for step in inputs.unbind(1):
        state = theirs(step, state)
    h = state[0] if isinstance(state, tuple) else state
    difference = (unrolled.unroll(ours, inputs)[1].h - h).abs().max().item()
    compare(
        f"{type(ours).__name__}: differs from torch.nn's by",
        f"{difference:.1e}",
        "described in a line",
    )

# %% [markdown]
# torch.nn has no peepholes, so here are their equations (Gers, Schraudolph, Schmidhuber 2002) once
# more, in NumPy:


# %%
def sigmoid(v):
    return 1 / (1 + np.exp(-v))


cell = cells.PeepholeLSTM(3, 16)
p = {name: value.detach().numpy().astype(float) for name, value in cell.named_parameters()}
h = c = np.zeros((4, 16))
for x in inputs.numpy().transpose(1, 0, 2):
    i, f, g, o = np.split(
        x @ p["weight_ih"].T + p["bias_ih"] + h @ p["weight_hh"].T + p["bias_hh"], 4, axis=1
    )
    i = sigmoid(i + p["peephole_input"] * c)  # sees c(t-1)
    f = sigmoid(f + p["peephole_forget"] * c)
    c = f * c + i * np.tanh(g)
    o = sigmoid(o + p["peephole_output"] * c)  # sees c(t)
    h = o * np.tanh(c)
difference = np.abs(unrolled.unroll(cell, inputs)[1].h.detach().numpy() - h).max()
compare("peephole LSTM: differs from its equations by", f"{difference:.1e}", "described in a line")

# %% [markdown]
# **Inside**. An LSTM learns to remember one number: at each step it is shown a number, now and then
# with a mark, and has to say the last number that was marked.


# %%
def task(count, steps):
    numbers, marks = torch.rand(count, steps) * 2 - 1, torch.rand(count, steps) < 0.12
    last = torch.where(marks, torch.arange(steps), -1).cummax(1).values
    target = torch.where(last >= 0, numbers.gather(1, last.clamp(min=0)), 0.0)
    return torch.stack([numbers, marks.float()], 2), target


lstm, dense = cells.LSTM(2, 32), nn.Linear(32, 1)
parameters = [*lstm.parameters(), *dense.parameters()]
optimizer = torch.optim.Adam(parameters, 1e-2)
for _ in range(choose(500, 5000)):
    x, y = task(64, 50)
    optimizer.zero_grad()
    F.mse_loss(dense(unrolled.unroll(lstm, x)[0])[..., 0], y).backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
torch.manual_seed(1)
x, y = task(8, 100)
said = dense(unrolled.unroll(lstm, x)[0])[..., 0].detach()
compare(
    "remembering a number: mean squared error",
    f"{F.mse_loss(said, y).item():.4f} (of {y.var().item():.2f})",
)

# %%
figure = Figure(figsize=(8.4, 2.6), layout="constrained")
axes = figure.subplots()
marked = x[0, :, 1].bool()
axes.plot(x[0, :, 0], ".", color="0.7", label="number shown")
axes.plot(
    marked.nonzero(), x[0, marked, 0], "o", color="black", markerfacecolor="none", label="marked"
)
axes.plot(y[0], color="black", linewidth=0.8, drawstyle="steps-post", label="to be said")
axes.plot(said[0], color="C3", label="said")
axes.margins(x=0.01)
axes.set_xlabel("step")
axes.set_ylabel("number")
figure.legend(loc="outside lower center", ncols=4, frameon=False)
show(figure, "The task: say the number that was marked last.")

# %% [markdown]
# `unrolled.inspect` runs any cell that declares gates, one of your own too, and gives its states
# and gates by name. At each mark the forget gate lets go and the candidate swings out: the old
# number goes, the new one comes. In between little comes in, and the forget gate keeps what `c`
# has.

# %%
states, gates = unrolled.inspect(lstm, x[:1]).row(0)
steps = ["▲" if mark else "" for mark in marked]
show(
    plots.gates(gates, steps),
    "The gates through time, as units have them; ▲ stands where a number was marked.",
)

# %%
show(
    plots.states(states, steps),
    "Both states of every unit: c changes at the marks (▲) and keeps its value in between.",
)

# %%
for what, size in {
    "forget gate": gates["forget"],
    "size of the candidate": gates["candidate"].abs(),
}.items():
    middle = size.median(1).values
    compare(
        f"{what}, median at marks and in between",
        f"{middle[marked].mean().item():.2f} and {middle[~marked].mean().item():.2f}",
        "described in a line",
    )

# %% [markdown]
# **How far gradients reach back**: of a gradient at the last output, the part that arrives so many
# steps before. Cells that have learned nothing lose some at every step, an LSTM less, since its
# forget gate starts nearly open. The trained one loses it where a number was marked: what came
# before is to be forgotten.

# %%
reach = {
    "plain RNN": unrolled.gradient_reach(cells.RNN(2, 32), x),
    "GRU": unrolled.gradient_reach(cells.GRU(2, 32), x),
    "LSTM": unrolled.gradient_reach(cells.LSTM(2, 32), x),
    "LSTM, forget bias 4": unrolled.gradient_reach(cells.LSTM(2, 32, forget_bias=4.0), x),
    "LSTM, trained above": unrolled.gradient_reach(lstm, x),
}
show(plots.gradient_reach(reach), "The part of a gradient that arrives so many steps back.")
for name in ("plain RNN", "GRU", "LSTM"):
    compare(
        f"{name}, untrained: gradient that arrives 100 steps back",
        f"{reach[name][100].item():.0e}",
        "described only",
    )

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
