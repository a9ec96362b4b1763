"""The data sets that are known by name: what they are, where they come from, and what their files hold."""

from __future__ import annotations

from difflib import get_close_matches

from unrolled.checks import instance
from unrolled.data.dataset import DataSet, File
from unrolled.data.errors import DataError


def find(name: str) -> DataSet:
    """The data set of that name.

    Raises:
        DataError: there is none; with the nearest names.
    """
    instance("name", name, str, "the name of a data set")
    if name not in datasets:
        raise DataError(f"no data set {name!r}; {suggestion(name)}")
    return datasets[name]


def suggestion(name: str) -> str:
    """The names of data sets that are nearest to a mistaken one, as a clause."""
    near = get_close_matches(name.lower().replace("_", "-"), datasets, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(datasets)}"


def _files(bases: tuple[str, ...], *files: tuple[str, str, int]) -> tuple[File, ...]:
    """Files that lie under each of these addresses."""
    return tuple(File(name, sha256, size, tuple(base + name for base in bases)) for name, sha256, size in files)


# Addresses name a commit where they can, so that what they serve stays what the hashes say.
_github = "https://raw.githubusercontent.com"
_aeon = f"{_github}/aeon-toolkit/aeon/a101ddc8b35a65441609b45c9bcce5aeafa0c131/aeon/datasets/data"
_m4 = f"{_github}/Mcompetitions/M4-methods/6c1067e5a57161249b17289a565178dc7a3fb3ca/Dataset"

_table = (
    DataSet(
        name="mnist",
        kind="sequences",
        description="70,000 handwritten digits: 28 rows of 28 grey levels, 10 classes",
        origin="Y. LeCun, C. Cortes, C. Burges",
        licence="CC BY-SA 3.0",
        folder="mnist",
        files=_files(
            (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
            ("train-labels-idx1-ubyte.gz", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008),
            (
                "train-images-idx3-ubyte.gz",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                47_040_016,
            ),
            ("t10k-labels-idx1-ubyte.gz", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008),
            (
                "t10k-images-idx3-ubyte.gz",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                7_840_016,
            ),
        ),
    ),
    DataSet(
        name="digits",
        kind="sequences",
        description="1,797 handwritten digits: 8 rows of 8 grey levels, 10 classes",
        origin="E. Alpaydin, C. Kaynak 1998; UCI; scikit-learn",
        licence="CC BY 4.0",
        folder="digits",
        embedded=True,
        files=_files(
            (),
            ("train-labels-idx1-ubyte.gz", "f8a600b73e2c056aa42316260206e6643bd33e96bd71cfb8e32b94f76fac4f93", 1_445),
            ("train-images-idx3-float.gz", "183812e2b26d15e7462c8dec0d9ffce3f6dd28ed7a0489059edd6497b17737c2", 367_888),
            ("test-labels-idx1-ubyte.gz", "cf2c8a23974df0c99eb3f36ff34c02acb9be1c84aca7280211ef04bea1135360", 368),
            ("test-images-idx3-float.gz", "f40a379f52c4f7e6968adf16bde255761a873ec1fb1803123e39ced65c86d173", 92_176),
        ),
    ),
    DataSet(
        name="japanese-vowels",
        kind="sequences",
        description="640 utterances of 7 to 29 steps, 12 coefficients, 9 speakers",
        origin="M. Kudo, J. Toyama, M. Shimbo 1999; UCI; UEA archive",
        licence="CC BY 4.0",
        folder="japanese_vowels",
        embedded=True,
        files=_files(
            (),
            ("JapaneseVowels_TRAIN.ts.gz", "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd", 487_971),
            ("JapaneseVowels_TEST.ts.gz", "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462", 649_132),
        ),
    ),
    DataSet(
        name="basic-motions",
        kind="sequences",
        description="80 recordings of a smart watch: 100 steps, 6 channels, 4 activities",
        origin="J. Clements; UEA archive",
        licence="free for research",
        folder="basic_motions",
        files=_files(
            (f"{_aeon}/BasicMotions/",),
            ("BasicMotions_TRAIN.ts", "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6", 227_790),
            ("BasicMotions_TEST.ts", "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc", 227_713),
        ),
    ),
    DataSet(
        name="airline",
        kind="series",
        description="international airline passengers a month, 1949 to 1960",
        origin="G. Box, G. Jenkins 1976",
        licence="public data",
        folder="airline",
        embedded=True,
        files=_files(
            (),
            ("Airline.csv", "28af0eb869db6d9fbd31d5af03993a0cbf36c0857c3eb046a068c094b60da851", 1_744),
        ),
    ),
    DataSet(
        name="etth1",
        kind="series",
        description="hourly electricity transformer temperatures: 17,420 rows, 7 columns",
        origin="H. Zhou et al. 2021 (Informer)",
        licence="CC BY-ND 4.0",
        folder="ett",
        files=_files(
            (f"{_github}/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/",),
            ("ETTh1.csv", "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066", 2_589_657),
        ),
    ),
    DataSet(
        name="m4-hourly",
        kind="series",
        description="the 414 hourly series of the M4 competition, and the 48 hours to forecast",
        origin="S. Makridakis et al. 2020",
        licence="not stated; published for research",
        folder="m4",
        files=(
            *_files(
                (f"{_m4}/Train/",),
                ("Hourly-train.csv", "ea59b7783573c49077a835ab6465c7d66f1474783360f310988a9a737fbca62f", 2_347_115),
            ),
            *_files(
                (f"{_m4}/Test/",),
                ("Hourly-test.csv", "71a57fccb15e534d973626ada4fb87febf789e9317715b7cc6dd3b5f90db6f42", 132_820),
            ),
        ),
    ),
    DataSet(
        name="text8",
        kind="text",
        description="the first 100 million characters of cleaned English Wikipedia, 17 million words",
        origin="M. Mahoney 2006",
        licence="GFDL and CC BY-SA (Wikipedia)",
        folder="text8",
        files=(
            File(
                name="text8.zip",
                sha256="a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
                size=31_344_016,
                urls=("http://mattmahoney.net/dc/text8.zip",),
                members=(("text8", 100_000_000),),
            ),
        ),
    ),
    DataSet(
        name="coriolanus",
        kind="text",
        description="101,000 characters of a play",
        origin="W. Shakespeare; A. Karpathy 2015 (char-rnn)",
        licence="public domain",
        folder="coriolanus",
        embedded=True,
        files=_files(
            (),
            ("coriolanus.txt.gz", "3b0a22d9e41d506a9c0c98bb897b1bafb4833655e085a213d6aa5d5b639c86c3", 101_640),
        ),
    ),
    DataSet(
        name="tiny-shakespeare",
        kind="text",
        description="1.1 million characters of Shakespeare",
        origin="A. Karpathy 2015 (char-rnn)",
        licence="public domain",
        folder="tinyshakespeare",
        files=_files(
            (f"{_github}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/",),
            ("input.txt", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", 1_115_394),
        ),
    ),
    DataSet(
        name="names",
        kind="text",
        description="20,000 family names in 18 languages, one file a language",
        origin="S. Robertson 2017 (practical-pytorch)",
        licence="MIT",
        folder="names",
        files=_files(
            (f"{_github}/spro/practical-pytorch/c520c52e68e945d88fff563dba1c028b6ec0197b/data/names/",),
            ("Arabic.txt", "6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc", 13_190),
            ("Chinese.txt", "09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465", 1_246),
            ("Czech.txt", "e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7", 3_916),
            ("Dutch.txt", "924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3", 2_351),
            ("English.txt", "9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2", 27_125),
            ("French.txt", "81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95", 2_178),
            ("German.txt", "7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db", 5_610),
            ("Greek.txt", "3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6", 1_981),
            ("Irish.txt", "cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058", 1_858),
            ("Italian.txt", "f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4", 5_657),
            ("Japanese.txt", "e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f", 7_622),
            ("Korean.txt", "cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136", 423),
            ("Polish.txt", "45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826", 1_165),
            ("Portuguese.txt", "50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53", 554),
            ("Russian.txt", "0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c", 85_168),
            ("Scottish.txt", "78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd", 752),
            ("Spanish.txt", "1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7", 2_284),
            ("Vietnamese.txt", "f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d", 339),
        ),
    ),
    DataSet(
        name="phrases",
        kind="translation",
        description="685 short sentences in English and French, made from a grammar",
        origin="the unrolled maintainers",
        licence="CC0 1.0",
        folder="phrases",
        embedded=True,
        files=_files(
            (),
            ("train.tsv", "e7ae94f702f486b2d37497d646d1b923d0dee28cdff57c3f5bf352389a7b3104", 37_576),
            ("test.tsv", "8742a1ddd698cc7003e45e3027a2e5ccd974714de830cb1566132150303f6d57", 5_829),
        ),
    ),
    DataSet(
        name="multi30k",
        kind="translation",
        description="31,014 captions of pictures in English and French",
        origin="D. Elliott et al. 2016, 2017",
        licence="CC BY-NC-SA 4.0",
        folder="multi30k",
        files=_files(
            (f"{_github}/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw/",),
            ("train.en.gz", "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6", 1_801_238),
            ("train.fr.gz", "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d", 2_111_303),
            ("val.en.gz", "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227", 63_297),
            ("val.fr.gz", "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc", 73_924),
            ("test_2016_flickr.en.gz", "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182", 62_076),
            ("test_2016_flickr.fr.gz", "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6", 72_261),
        ),
    ),
)

datasets: dict[str, DataSet] = {dataset.name: dataset for dataset in _table}
