"""Pictures of digits, row by row, by three layers of LSTM.

The same task, with cells that decide what they keep, three layers of them: each reads the outputs of the one below.
"""

# %%
from unrolled import SequenceClassifier, plots
from unrolled.data import load
from unrolled.tour import choose, compare, show

data, epochs, batch_size, lr = choose(("digits", 20, 32, 5e-3), ("mnist", 10, 150, 2e-3))
train, test = load(data, "train"), load(data, "test")

model = SequenceClassifier(
    cell="lstm", num_layers=3, hidden_size=choose(64, 150), dropout=0.3, label_smoothing=0.1,
    epochs=epochs, batch_size=batch_size, lr=lr, random_state=0,
)  # fmt: skip
model.fit(train.X, train.y)
compare(f"three layers of LSTM on {data}: test accuracy", f"{model.score(test.X, test.y):.2%}", "98.71 % on MNIST, 10 epochs")

# %%
show(
    plots.classification(model.history_, test.y, model.predict(test.X), model.classes_),
    "Loss and accuracy by epoch, and which digits are taken for which.",
)

# %% [markdown]
# A trained model is a folder with no code in it, which loads and gives the same answers:

# %%
model.save("digits-model")
again = SequenceClassifier.load("digits-model")
print("the same answers after saving and loading:", (again.predict(test.X) == model.predict(test.X)).all())

# %% [markdown]
# The guide's own data, as one command (measured in the documentation: 99.22 %):
#
# ```sh
# unrolled classify fit mnist --cell lstm --layers 3 --hidden-size 150 --epochs 10 --batch-size 150 --lr 2e-3 --dropout 0.3 --label-smoothing 0.1 -o mnist
# ```
#
# ### On your own data
#
# ```sh
# unrolled classify fit my-sequences.csv --cell lstm --layers 3 --dropout 0.3 -o model --plot learned.png
# ```
