"""Dynamic unrolling.

Dynamic unrolling is a loop over the steps inside one operation: one tensor goes in, one comes out.
Here the loop is machine code that the package compiles from the cell's own few lines of Python, for
the processor that it runs on.

"""

# %%
import torch
from matplotlib.figure import Figure

import unrolled
from unrolled import cells
from unrolled.tour import compare, show

cell = cells.LSTM(input_size=8, hidden_size=64)
inputs = torch.randn(16, 1000, 8)
outputs, state = unrolled.unroll(cell, inputs)
reference, _ = unrolled.unroll(cell, inputs, backend="reference")
compare(
    "static and dynamic unrolling differ at most by",
    f"{(outputs - reference).abs().max().item():.1e}",
)

# %% [markdown]
# Which backend takes a call, and why the others do not:

# %%
explanation = unrolled.explain(cell, inputs)

# %% [markdown]
# Training has to keep what each step computed until the backward pass. Older frameworks could swap
# that to the host's memory; here it can be computed again instead, in segments (`checkpoint=`), and
# what lies on a GPU can be moved to the host meanwhile (`offload=True`). What is kept between the
# two passes:


# %%
def kept(steps: int, **options) -> float:
    """Megabytes that the backward pass of this many steps waits for."""
    storages = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        unrolled.unroll(cell, inputs[:, :steps], **options)
    return sum(storages.values()) / 1e6


steps = [100, 250, 500, 1000]
memory = {
    "static, everything kept": [kept(n, backend="reference") for n in steps],
    "dynamic, everything kept": [kept(n) for n in steps],
    'dynamic, checkpoint="sqrt"': [kept(n, checkpoint="sqrt") for n in steps],
}
figure = Figure(figsize=(7, 3.6), layout="constrained")
axes = figure.subplots()
for name, megabytes in memory.items():
    axes.plot(steps, megabytes, marker="o", label=name)
axes.set_xlabel("steps of a sequence")
axes.set_ylabel("megabytes kept")
axes.set_ylim(0)
axes.grid(alpha=0.3)
axes.legend()
show(
    figure,
    "Memory between forward and backward pass by length (LSTM of 64 units, 16 sequences).",
)
static, dynamic, recomputed = (values[-1] for values in memory.values())
compare(
    "kept for 1,000 steps: static, dynamic, recomputed",
    f"{static:.0f}, {dynamic:.0f} and {recomputed:.0f} MB",
)

# %%
first = torch.autograd.grad(unrolled.unroll(cell, inputs)[0].sum(), cell.weight_hh)[0]
again = torch.autograd.grad(
    unrolled.unroll(cell, inputs, checkpoint="sqrt")[0].sum(), cell.weight_hh
)[0]
compare(
    "gradients with and without recomputation differ by",
    f"{((first - again).abs().max() / first.abs().max()).item():.1e}",
)

# %% [markdown]
# ### On your own data
#
# `unrolled.unroll(cell, inputs)` is all. Add `checkpoint="sqrt"` where long sequences do not fit
# into memory. For a model that has torch.nn's layers already:
#
# ```python
# unrolled.accelerate(model)
# ```
