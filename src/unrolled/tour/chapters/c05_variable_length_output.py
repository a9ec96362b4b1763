"""Outputs of variable length.

Where a model writes, it has to know when to stop. It learns one more token, the end of the
sequence, and each row of a batch stops at its own. Here numbers are said in English: 7 is one word,
777 are four.

"""

# %%
from collections import Counter

from matplotlib.figure import Figure

from unrolled import Translator
from unrolled.tour import choose, compare, show

ONES = "zero one two three four five six seven eight nine ten eleven twelve".split()
ONES += "thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def said(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [ONES[hundreds], "hundred"] if hundreds else []
    if rest >= 20:
        words += [TENS[rest // 10 - 2]] + ([ONES[rest % 10]] if rest % 10 else [])
    elif rest or not hundreds:
        words.append(ONES[rest])
    return " ".join(words)


digits = [" ".join(str(number)) for number in range(1000)]
words = [said(number) for number in range(1000)]
unseen = range(23, 1000, 7)
seen = [number for number in range(1000) if number not in unseen]
print(digits[345], "->", words[345])

# %%
model = Translator(
    hidden_size=64,
    embedding_size=32,
    dropout=0.1,
    vocabulary_size=100,
    batch_tokens=400,
    lr=1e-2,
    epochs=choose(25, 60),
    validation_fraction=0,
    random_state=0,
)
model.fit([digits[number] for number in seen], [words[number] for number in seen])
answers = model.translate([digits[number] for number in unseen])
for number in list(unseen)[:140:23]:
    print(f"{number:>4}  {answers[unseen.index(number)]}")

# %%
right = sum(answer == words[number] for number, answer in zip(unseen, answers)) / len(unseen)
compare("numbers that were never seen, said right", f"{right:.0%}", "described only")
wanted = Counter(len(words[number].split()) for number in unseen)
stopped = Counter(len(answer.split()) for answer in answers)
figure = Figure(figsize=(6, 3.4), layout="constrained")
axes = figure.subplots()
longest = max([*wanted, *stopped])
axes.bar(
    [n - 0.2 for n in range(1, longest + 1)],
    [wanted[n] for n in range(1, longest + 1)],
    0.38,
    label="right answers",
)
axes.bar(
    [n + 0.2 for n in range(1, longest + 1)],
    [stopped[n] for n in range(1, longest + 1)],
    0.38,
    label="the model's",
)
axes.set_xticks(range(1, longest + 1))
axes.set_xlabel("words until the end")
axes.set_ylabel("numbers")
axes.legend()
show(figure, "After how many words answers end: the model stops where it should.")

# %% [markdown]
# ### On your own data
#
# Pairs of lines in two files, or one file of tab-separated pairs:
#
# ```sh
# unrolled translate fit questions.txt answers.txt -o model
# echo "3 4 5" | unrolled translate text model
# ```
#
# With layers of your own, `decoder.step(token, state)` goes one step at a time;
# `examples/vector_to_sequence.py` has the loop that drops rows when they end.
