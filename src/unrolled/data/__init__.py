"""Data: sequences and their labels, batches by length, time series, readers, and data sets known by name."""

from unrolled.data.batching import length_batches as length_batches
from unrolled.data.batching import pad as pad
from unrolled.data.batching import padding_fraction as padding_fraction
from unrolled.data.batching import token_batches as token_batches
from unrolled.data.csv import read_csv as read_csv
from unrolled.data.csv import read_csv_folder as read_csv_folder
from unrolled.data.dataset import DataSet as DataSet
from unrolled.data.documents import Documents as Documents
from unrolled.data.errors import DataError as DataError
from unrolled.data.fetch import fetch as fetch
from unrolled.data.frames import read_series as read_series
from unrolled.data.idx import read_idx as read_idx
from unrolled.data.load import load as load
from unrolled.data.load import splits as splits
from unrolled.data.numpy import read_numpy as read_numpy
from unrolled.data.pairs import Pairs as Pairs
from unrolled.data.ragged import Ragged as Ragged
from unrolled.data.ragged import stack as stack
from unrolled.data.registry import datasets as datasets
from unrolled.data.sequences import Sequences as Sequences
from unrolled.data.sequences import check_sequences as check_sequences
from unrolled.data.series import SeriesSet as SeriesSet
from unrolled.data.ts import read_ts as read_ts
