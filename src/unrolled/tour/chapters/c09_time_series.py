"""A time series, learned from windows of it.

The series is t sin(t) / 3 + 2 sin(5 t). A net reads windows of 20 steps and says at each step what
comes next: the target is the window shifted by one. A layer of 100 relu units reads, and a dense
layer turns their outputs into one number.

"""

# %%
import time

import torch
from torch import nn

import unrolled
from unrolled import Forecaster, cells, plots
from unrolled.nn import Projection
from unrolled.tour import choose, compare, show

STEPS, RESOLUTION, END = 20, 0.1, 30.0


def series(t):
    return t * torch.sin(t) / 3 + 2 * torch.sin(5 * t)


def windows(starts):
    values = series(starts[:, None] + torch.arange(STEPS + 1) * RESOLUTION)[..., None]
    return values[:, :-1], values[:, 1:]


def make():
    model = Projection(cells.RNN(1, 100, nonlinearity="relu"), 1)
    # One input feeds a hundred units: drawn so wide, each bends at another value of it.
    nn.init.uniform_(model.core.weight_ih, -1, 1)
    nn.init.uniform_(model.core.bias_ih, -1, 1)
    nn.init.orthogonal_(model.core.weight_hh, 0.7)
    nn.init.xavier_uniform_(model.linear.weight)
    nn.init.zeros_(model.linear.bias)
    return model


# %% [markdown]
# The dense layer can be applied in two ways, with the same result. *Stacked*: once, on the outputs
# of all steps together. *Per step*: again at every step of a loop, as the guide's output wrapper
# does.


# %%
def stacked(model, inputs):
    return unrolled.unroll(model, inputs)[0]


def per_step(model, inputs):
    outputs, state = [], None
    for value in inputs.unbind(1):
        output, state = model(value, state)
        outputs.append(output)
    return torch.stack(outputs, 1)


def train(model, form, iterations):
    optimizer, seconds = torch.optim.Adam(model.parameters(), 0.001), []
    for _ in range(iterations):
        begun = time.perf_counter()
        inputs, targets = windows(torch.rand(50) * (END - STEPS * RESOLUTION))
        optimizer.zero_grad()
        (form(model, inputs) - targets).square().sum().backward()
        optimizer.step()
        seconds.append(time.perf_counter() - begun)
    return 1000 * min(seconds)


@torch.no_grad()
def error(model):
    inputs, targets = windows(torch.linspace(0, END - STEPS * RESOLUTION, 5001))
    return (stacked(model, inputs) - targets).square().mean((0, 2))  # of each step


milliseconds, iterations = {}, choose(200, 1000)
for form in (per_step, stacked):
    torch.manual_seed(0)
    model = make()
    milliseconds[form] = train(model, form, iterations)
    print(f"{form.__name__}: {error(model).mean():.4f} a target after {iterations} iterations")
compare(
    "the fastest iteration, per step and stacked",
    f"{milliseconds[per_step]:.1f} and {milliseconds[stacked]:.1f} ms",
)

# %%
torch.manual_seed(0)
model = make()
train(model, stacked, 1000)
compare(
    "stacked, 1,000 iterations: squared error a target",
    f"{error(model).mean():.4f}",
    "0.043 stacked, 10.8 per step",
)

compare(
    "of that, by the first target, before which a net has seen one value only",
    f"{error(model)[0] / STEPS:.4f}",
)

starts = torch.tensor([0.5, 5.6, 12.2, 26.0])
inputs, targets = windows(starts)
predicted = stacked(model, inputs).detach()
times = starts[:, None] + torch.arange(STEPS + 1) * RESOLUTION
show(
    plots.windows(
        inputs[..., 0].numpy(), targets[..., 0].numpy(), predicted[..., 0].numpy(), times.numpy()
    ),
    "Four windows: what went in, what should have come out, and what did.",
)

# %% [markdown]
# Real data: airline passengers a month, 1949 to 1960. The model has seen the first ten years and is
# asked for the last two.

# %%
forecaster = Forecaster(horizon=24, epochs=choose(15, 50), random_state=0)
result = forecaster.backtest("airline", windows=1)
print(result)
off = {row["model"]: row["MAE"] for row in result.rows}
compare(
    "airline, two years ahead: mean error, and that of last year's values",
    f"{off['unrolled']:.1f} and {off['seasonal-naive']:.1f} thousand",
)
show(result.plot(), "The error by how far ahead the forecast looks, beside two simple forecasts.")

# %%
forecaster.fit("airline")
show(
    forecaster.plot(),
    "The next two years, which nobody knew in 1960, and how sure the forecast is.",
)

# %% [markdown]
# ### On your own data
#
# ```sh
# unrolled forecast fit sales.csv --horizon 24 -o model --plot sales.png
# unrolled forecast backtest sales.csv --horizon 24
# ```
