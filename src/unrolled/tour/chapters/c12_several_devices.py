"""A net over several devices.

A net that is too large or too slow for one device can be cut in two ways. Its layers can live on
different devices, and tensors travel between them. Or every device has all layers and its own share
of the data.


"""

# %%
import json
import subprocess
import sys

import torch
from matplotlib.figure import Figure

from unrolled import SequenceClassifier, cells, nn
from unrolled.data import load
from unrolled.tour import compare, show

found = [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]
layers = [cells.LSTM(8, 32), cells.LSTM(32, 32), cells.LSTM(32, 32)]
inputs = torch.randn(4, 20, 8)
together, _ = nn.Recurrent(layers)(inputs)

placed = nn.Recurrent(
    [nn.On(layer, found[number % len(found)]) for number, layer in enumerate(layers)]
)
apart, state = placed(inputs)
difference = (apart.cpu() - together).abs().max().item()
compare("layers placed one by one differ by", f"{difference:.1e}", 'none ("to do")')

# %% [markdown]
# `On` brings a layer's inputs to its device and leaves its outputs there; gradients go back the
# same way.

# %%
apart.sum().backward()
print("a gradient reaches the first layer:", layers[0].weight_hh.grad.abs().sum().item() > 0)

figure = Figure(figsize=(8, 1.7), layout="constrained")
axes = figure.subplots()
for number, layer in enumerate(placed.layers):
    box = {
        "boxstyle": "round,pad=0.6",
        "facecolor": f"C{found.index(str(layer.device))}",
        "alpha": 0.3,
    }
    words = f"layer {number + 1}\non {layer.device}"
    axes.text(3 * number, 0, words, ha="center", va="center", bbox=box)
    arrow = {"arrowstyle": "->"}
    axes.annotate("", (3 * number - 0.75, 0), (3 * number - 2.25, 0), arrowprops=arrow)
    words = f"{4 * 20 * layer.input_size * 4:,} bytes"
    axes.text(3 * number - 1.5, 0.25, words, ha="center", fontsize=8)
axes.set_xlim(-2.6, 7)
axes.set_ylim(-1, 1)
axes.set_axis_off()
show(figure, "Which layer is where, and what goes there for a batch of 4 sequences of 20 steps.")

# %% [markdown]
# **All of the net in several processes**, each with its share of every batch. `torchrun` starts
# them, on one machine or many; the commands need no change. A classifier of digits, trained by two
# processes and by one:

# %%
torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
command = "-m unrolled classify fit digits --hidden-size 64 --batch-size 64 --lr 1e-2 -o two --json"
done = subprocess.run([*torchrun, *command.split()], capture_output=True, text=True)
if done.returncode:
    raise RuntimeError(done.stderr)
two = json.loads(done.stdout.splitlines()[-1])

train, test = load("digits", "train"), load("digits", "test")
model = SequenceClassifier(hidden_size=64, batch_size=64, lr=1e-2, random_state=0)
model.fit(train.X, train.y)
one = model.history_[-1] | {"test_accuracy": model.score(test.X, test.y)}
compare(
    "loss after training by one process and by two",
    f"{one['loss']:.4f} and {two['loss']:.4f}",
    'none ("to do")',
)
compare(
    "test accuracy of both",
    f"{one['test_accuracy']:.2%} and {two['test_accuracy']:.2%}",
    'none ("to do")',
)

# %% [markdown]
# ### On your own data
#
# A model of your own, its layers over two GPUs:
#
# ```python
# nn.Recurrent([nn.On(cells.LSTM(8, 512), "cuda:0"), nn.On(cells.LSTM(512, 512), "cuda:1")])
# ```
#
# Several processes, one a GPU or one a core:
#
# ```sh
# torchrun --nproc-per-node 2 -m unrolled classify fit recordings.csv -o model
# ```
