"""Pictures of digits, row by row, by a plain recurrent net.

A picture read from top to bottom is a sequence of rows. A layer of 150 tanh units reads them, and a
dense layer on its last output says which digit it was.

"""

# %%
import numpy as np

from unrolled import SequenceClassifier, plots
from unrolled.data import load
from unrolled.tour import choose, compare, show

# Embedded: 1,797 digits of 8 rows of 8 pixels. The guide's: MNIST's 70,000 of 28 rows of 28.
data = choose("digits", "mnist")
train, test = load(data, "train"), load(data, "test")
print(
    f"{len(train)} pictures to learn from, {len(test)} to test on, each",
    train.X[0].shape,
    "(rows, pixels)",
)

# So few pictures are made more by moving each a pixel up, down, left and right.
X, y = np.asarray(train.X), train.y
if data == "digits":
    padded = np.pad(X, ((0, 0), (1, 1), (1, 1)))
    moves = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    X, y = (
        np.concatenate([padded[:, down : down + 8, right : right + 8] for down, right in moves]),
        np.tile(y, 5),
    )

# %%
model = SequenceClassifier(
    cell="rnn", hidden_size=150, epochs=10, batch_size=choose(50, 150), lr=1e-3, random_state=0
)
model.fit(X, y, validation_data=(test.X, test.y))
compare(
    f"plain RNN on {data}: test accuracy",
    f"{model.score(test.X, test.y):.2%}",
    "97.32 % on MNIST, 10 epochs",
)

# %%
show(
    plots.learning_curve(model.history_),
    "Loss and accuracy by epoch; validation is on the test pictures.",
)
show(
    plots.confusion_matrix(test.y, model.predict(test.X), model.classes_),
    "Which digits of the test are taken for which.",
)

# %% [markdown]
# The guide's own data, as one command (a minute of two cores; measured in the documentation: 97.68
# %):
#
# ```sh
# unrolled classify fit mnist --cell rnn --hidden-size 150 --epochs 10 \
#     --batch-size 150 --lr 1e-3 -o mnist --plot mnist.png
# ```
#
# ### On your own data
#
# ```sh
# unrolled classify fit my-sequences.csv --cell rnn --hidden-size 150 -o model --plot learned.png
# unrolled classify predict model new-sequences.csv -o labels.csv
# ```
