"""Static unrolling.

To unroll a layer statically is to write its step out once for every time step, as Chapter 1 does by
hand. It gives the state after every step, one by one. Every step costs its own calls and its own
part of the graph, so that long sequences become slow and large.

"""

# %%
import time

import torch
from matplotlib.figure import Figure

import unrolled
from unrolled import cells
from unrolled.tour import compare, show

cell = cells.RNN(input_size=3, hidden_size=5)
inputs = torch.randn(4, 2, 3)

states = unrolled.static_unroll(cell, inputs)
print(len(states), "states, one a step; the last one's h:", tuple(states[-1].h.shape))

# %% [markdown]
# A list of outputs is unwieldy. Stacked they are one tensor `(sequences, steps, units)`, which is
# what `unroll` gives at once. Asked for its "reference" backend it unrolls statically too: that is
# the definition that everything else here is held to.

# %%
stacked = torch.stack([state.h for state in states], dim=1)
outputs, last = unrolled.unroll(cell, inputs, backend="reference")
compare(
    "a list stacked and one tensor differ by",
    f"{(stacked - outputs).abs().max().item():.1e}",
    "the same numbers",
)


# %% [markdown]
# The price, measured: one training step (forward and backward) of 100 units on 32 sequences of
# growing length.


# %%
def milliseconds(backend: str, steps: int) -> float:
    layer, batch = cells.RNN(8, 100), torch.randn(32, steps, 8)
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        unrolled.unroll(layer, batch, backend=backend)[0].sum().backward()
        taken.append(time.perf_counter() - start)
    return 1000 * min(taken)


lengths = [25, 50, 100, 200, 400]
measured = {
    name: [milliseconds(name, steps) for steps in lengths] for name in ("reference", "auto")
}
figure = Figure(figsize=(7, 3.6), layout="constrained")
axes = figure.subplots()
axes.plot(lengths, measured["reference"], marker="o", label="static: a call for every step")
axes.plot(lengths, measured["auto"], marker="o", label="dynamic: one compiled loop (Chapter 3)")
axes.set_xlabel("steps of a sequence")
axes.set_ylabel("milliseconds a training step")
axes.set_ylim(0)
axes.grid(alpha=0.3)
axes.legend()
show(figure, "Time of a training step by the length of the sequences.")
compare(
    "static unrolling of 400 steps takes",
    f"{measured['reference'][-1] / measured['auto'][-1]:.0f} times as long as dynamic",
    "ugly, can run out of memory",
)

# %% [markdown]
# ### On your own data
#
# Take `unrolled.static_unroll(cell, inputs)` where you want every step's whole state, and
# `unrolled.unroll` otherwise. `unrolled.inspect` (Chapter 15) gives every state and gate as
# tensors.
