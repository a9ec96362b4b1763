"""A recurrent layer written out by hand.

A recurrent layer reads a sequence step by step. At each step it sees the input and its own last
output, `h`, and makes the next output of both: `h(t) = tanh(W x(t) + R h(t-1) + b)`. Two steps are
few enough to write down.

"""

# %%
import torch

import unrolled
from unrolled import cells
from unrolled.tour import compare

# Four sequences of two steps, three numbers each.
inputs = torch.tensor(
    [
        [[0.0, 1, 2], [9, 8, 7]],
        [[3, 4, 5], [0, 0, 0]],
        [[6, 7, 8], [6, 5, 4]],
        [[9, 0, 1], [3, 2, 1]],
    ]
)
cell = cells.RNN(input_size=3, hidden_size=5)
W, R, b = cell.weight_ih, cell.weight_hh, cell.bias_ih + cell.bias_hh

first = torch.tanh(inputs[:, 0] @ W.T + b)
second = torch.tanh(inputs[:, 1] @ W.T + first @ R.T + b)
print("output after the first step, first sequence: ", first[0].detach().numpy().round(3))
print("output after the second step, first sequence:", second[0].detach().numpy().round(3))

# %% [markdown]
# The library does the same with one call, for any number of steps: `unroll` gives all outputs and
# the last state.

# %%
outputs, state = unrolled.unroll(cell, inputs)
print("outputs:", tuple(outputs.shape), "(sequences, steps, units)")

difference = (outputs - torch.stack([first, second], 1)).abs().max().item()
compare("by hand and by unrolling differ at most by", f"{difference:.1e}", "the same numbers")

# %% [markdown]
# ### On your own data
#
# Put your sequences into a tensor `(sequences, steps, features)` and call `unrolled.unroll(cell,
# sequences)`. To go from a file to a trained model in one command:
#
# ```sh
# unrolled classify fit my-sequences.csv -o model
# ```
