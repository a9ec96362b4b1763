"""Dropout.

Half of what goes into a layer is dropped at random while training, so that no unit can rely on
another. In the test nothing may be dropped. The guide needed two graphs for that; here one model
knows which it is doing.

"""

# %%
import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file, save_file

from unrolled import cells
from unrolled.nn import Dropout, Projection, Recurrent
from unrolled.tour import choose, compare, show

STEPS, RESOLUTION, END = 20, 0.1, 30.0


def make(first):
    """Three layers of 100, half of what they read dropped; `first` is the first one's rate."""
    one, two, three = (
        Dropout(cells.RNN(1, 100), input=first),
        Dropout(cells.RNN(100, 100), 0.5),
        Dropout(cells.RNN(100, 100), 0.5),
    )
    return Recurrent([one, two, Projection(three, 1)])


def windows(starts):
    t = starts[:, None, None] + torch.arange(STEPS + 1)[:, None] * RESOLUTION
    values = t * torch.sin(t) / 3 + 2 * torch.sin(5 * t)
    return values[:, :-1], values[:, 1:]


def error(model, inputs, targets):
    """Summed squared error of 50 windows, at the mean of those given."""
    return (model(inputs)[0] - targets).square().sum() * 50 / len(inputs)


test = windows(torch.linspace(0, END - STEPS * RESOLUTION, 1001))


@torch.no_grad()
def tested(model):
    model.eval()  # dropout is off from here
    value = error(model, *test).item()
    model.train()
    return value


def train(model, iterations):
    optimizer, curve = torch.optim.Adam(model.parameters(), 0.001), []
    for iteration in range(iterations):
        if iteration % 50 == 0:
            curve.append(tested(model))
        optimizer.zero_grad()
        error(model, *windows(torch.rand(50) * (END - STEPS * RESOLUTION))).backward()
        optimizer.step()
    return curve


# %% [markdown]
# Dropping the first layer's one input, the value itself, leaves a net that never sees the series as
# it is tested on it. So it is trained both ways: as in the guide, and with dropout on the two upper
# layers only. (The guide's figure, 40.6, is no more than its net had without dropout.)

# %%
curves, models = {}, {}
for name, first, iterations in (
    ("all three layers", 0.5, choose(300, 2000)),
    ("the two upper layers", 0.0, choose(1200, 2000)),
):
    torch.manual_seed(0)
    models[name] = make(first)
    curves[name] = train(models[name], iterations)
    compare(
        f"dropout on {name}: summed squared error in the test",
        f"{tested(models[name]):.1f}",
        "40.6 after 2,000 iterations",
    )

# %%
figure = Figure(figsize=(7, 3.6), layout="constrained")
axes = figure.subplots()
for name, curve in curves.items():
    axes.plot([50 * n for n in range(len(curve))], curve, label=f"dropout on {name}")
axes.set_yscale("log")
axes.set_xlabel("iterations")
axes.set_ylabel("summed squared error in the test")
axes.grid(alpha=0.3)
axes.legend()
show(figure, "Error with dropout off while training with dropout on.")

# %% [markdown]
# One model: random while training, fixed in the test, and the same again after it was saved and
# restored.

# %%
model = models["the two upper layers"]
with torch.no_grad():
    print(
        "training, the same input twice gives the same:  ",
        torch.equal(model(test[0])[0], model(test[0])[0]),
    )
    model.eval()
    print(
        "evaluation, the same input twice gives the same:",
        torch.equal(model(test[0])[0], model(test[0])[0]),
    )
    save_file(model.state_dict(), "model.safetensors")
    restored = make(0.0).eval()
    restored.load_state_dict(load_file("model.safetensors"))
    print(
        "saved and restored gives the same:              ",
        torch.equal(model(test[0])[0], restored(test[0])[0]),
    )

# %% [markdown]
# ### On your own data
#
# Every command that trains takes `--dropout`; it acts between the layers while training and is off
# in all else.
#
# ```sh
# unrolled classify fit sequences.csv --layers 3 --dropout 0.5 -o model
# unrolled forecast fit sales.csv --layers 2 --dropout 0.2 -o model
# ```
