"""The one training loop that every model uses, its checkpoints and its callbacks."""

from __future__ import annotations

from unrolled.training.callbacks import Callback as Callback
from unrolled.training.callbacks import Progress as Progress
from unrolled.training.checkpoint import CheckpointError as CheckpointError
from unrolled.training.checkpoint import Checkpoints as Checkpoints
from unrolled.training.device import chosen_device as chosen_device
from unrolled.training.diagnosis import Finding as Finding
from unrolled.training.diagnosis import NonFiniteLossError as NonFiniteLossError
from unrolled.training.distributed import LostProcessError as LostProcessError
from unrolled.training.distributed import Processes as Processes
from unrolled.training.distributed import is_first as is_first
from unrolled.training.distributed import joined as joined
from unrolled.training.interruption import Interrupted as Interrupted
from unrolled.training.loop import train as train
from unrolled.training.loss import Loss as Loss
from unrolled.training.options import Options as Options
from unrolled.training.progress_bar import ProgressBar as ProgressBar
from unrolled.training.tensorboard import TensorBoard as TensorBoard
