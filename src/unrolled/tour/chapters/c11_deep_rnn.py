"""A deep recurrent net.

Layers stand on top of each other: each reads what the one below gives at every step, and each has
weights of its own.

"""

# %%
import torch

from unrolled import cells, nn, plots
from unrolled.tour import compare, show

layers = nn.Recurrent([cells.RNN(2, 100), cells.RNN(100, 100), cells.RNN(100, 100)])
inputs = torch.randn(2, 5, 2)
outputs, state = layers(inputs)
compare("output shape", str(tuple(outputs.shape)), "(2, 5, 100)")
weights = [layer.weight_hh for layer in layers.layers]
different = not any(torch.equal(weights[a], weights[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
compare(
    "each layer has its own weights",
    "yes" if different else "no",
    "a list of cells in place of one, three times over",
)
print("states, one a layer:", [tuple(layer.h.shape) for layer in state])

# %% [markdown]
# The layers need not be alike. A pulse every ten steps goes through a GRU, an LSTM and a plain
# layer, untrained:

# %%
mixed = nn.Recurrent([cells.GRU(1, 24), cells.LSTM(24, 24), cells.RNN(24, 24)])
pulses = torch.zeros(1, 50, 1)
pulses[:, ::10] = 3.0
values, seen = pulses, {}
for number, (layer, kind) in enumerate(zip(mixed.layers, ("GRU", "LSTM", "plain RNN")), start=1):
    values, _ = nn.Recurrent(layer)(values)
    seen[f"h of layer {number}, {kind}"] = values[0].detach()
show(
    plots.states(seen),
    "What the units of three layers answer to a pulse at steps 0, 10, 20, 30 and 40.",
)

# %% [markdown]
# ### On your own data
#
# Every command that trains takes `--layers`:
#
# ```sh
# unrolled classify fit sequences.csv --layers 3 --hidden-size 100 -o model
# ```
