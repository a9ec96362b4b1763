"""A net over several devices.

A net that is too large or too slow for one device can be cut in two ways. Its layers can live on
different devices, and tensors travel between them. Or every device has all layers and its own share
of the data.


"""

# %%
import json
import subprocess
import sys
from pathlib import Path
from pydoc_data.topics import topics

import torch
from matplotlib.figure import Figure

from unrolled import WordVectors, cells, nn
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
# **All of the net in several processes**, each with its share of the data. `torchrun` starts them,
# on one machine or many; the commands need no change. Word vectors of Python's documentation, by
# two processes:

# %%
Path("text.txt").write_text("\n".join(topics.values()), encoding="utf-8")
torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
command = "-m unrolled embed fit text.txt --epochs 10 --workers 1 -o vectors --json".split()
done = subprocess.run([*torchrun, *command], capture_output=True, text=True)
if done.returncode:
    raise RuntimeError(done.stderr)
two = json.loads(done.stdout.splitlines()[-1])
one = WordVectors(epochs=10, workers=1, random_state=0).fit("text.txt")
compare(
    "loss of a pair by one process and by two",
    f"{one.history_[-1]['loss']:.3f} and {two['loss']:.3f} nats",
    'none ("to do")',
)
both = [model.most_similar("true", 3) for model in (one, WordVectors.load("vectors"))]
print("nearest to true:", *([word for word, _ in words] for words in both))

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
# torchrun --nproc-per-node 2 -m unrolled embed fit text8 -o vectors
# ```
