# Licensed under the Apache License, Version 2.0.
"""What all faults share: small records, a tiny training, its undisturbed result."""

import dataclasses
import pathlib
import random
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from benchmarks.faults.training_process import WatchedProcess
from deeplab_tf.training import checkpointing

STEPS = 100
# What right means for a run that ends after a fault.
SAME_WEIGHTS = (
    "the weights at the end, and the best, are those of an undisturbed run, bit for bit"
)
SAVE_STEPS = 10
# The tiny training: the demo's recipe, narrower, on small crops.
TRAIN_FLAGS = (
    "--recipe=deeplab_v3plus_mobilenet_v2_shapes",
    "--set=model.backbone.depth_multiplier=0.35",
    "--set=model.aspp.filters=16",
    "--set=model.decoder.filters=16",
    "--set=train.batch_size=2",
    "--set=train.log_steps=1",
    "--set=train.eval_interval_steps=40",
    "--train_crop_size=33,33",
    f"--training_number_of_steps={STEPS}",
    f"--save_interval_steps={SAVE_STEPS}",
    # Less to trace at each of many starts than Adam.
    "--optimizer=momentum",
    "--deterministic",
)
RECORD_FLAGS = ("--num_train=16", "--num_val=4", "--image_size=48", "--num_shards=2")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """What came of one kind of fault.

    Attributes:
        fault: what was done.
        tries: how often.
        right: how often it ended right.
        meaning: what "right" means.
        problems: what was not right.
    """

    fault: str
    tries: int
    right: int
    meaning: str
    problems: tuple[str, ...] = ()


class Setting:
    """Folders, records and the result of a training that nothing disturbs.

    Args:
        workdir: takes all files.
        rng: draws all moments.
        say: takes lines of progress.
    """

    def __init__(
        self, workdir: pathlib.Path, *, rng: random.Random, say: Callable[[str], None]
    ):
        self.workdir = workdir
        self.rng = rng
        self.say = say
        self.records = workdir / "records"
        self.undisturbed = workdir / "undisturbed"
        self.start_seconds = 0.0

    def prepare(self, clock: Callable[[], float]) -> None:
        """Builds the records and trains without any fault.

        Raises:
            RuntimeError: that failed already.
        """
        self.say("building records")
        with self.build_records(self.records) as process:
            _expect_success(process)
        self.say("training without faults")
        began = clock()
        with self.train(self.undisturbed) as process:
            process.wait_for_step(1)
            self.start_seconds = clock() - began
            _expect_success(process)

    def train(
        self, folder: pathlib.Path, *flags: str, records: pathlib.Path | None = None
    ) -> WatchedProcess:
        """Starts the training, or goes on with it."""
        return WatchedProcess(
            ["train.py", *self.train_flags(folder, *flags, records=records)]
        )

    def train_flags(
        self, folder: pathlib.Path, *flags: str, records: pathlib.Path | None = None
    ) -> list[str]:
        """Returns the flags of the training."""
        places = (
            f"--dataset_dir={records or self.records}",
            f"--train_logdir={folder}",
        )
        return [*TRAIN_FLAGS, *places, *flags]

    def build_records(self, folder: pathlib.Path, *flags: str) -> WatchedProcess:
        """Starts the builder of records."""
        script = "datasets/build_shapes_data.py"
        return WatchedProcess([script, f"--output_dir={folder}", *RECORD_FLAGS, *flags])

    def compare(self, folder: pathlib.Path) -> list[str]:
        """Returns where the last and the best weights are not the undisturbed ones."""
        problems = []
        for part in (".", "best"):
            expected = checkpointing.read_checkpoint(self.undisturbed / part)
            found = checkpointing.read_checkpoint(folder / part)
            if expected.keys() != found.keys():
                problems.append(f"{part}: other variables")
                continue
            other = [
                key
                for key, value in expected.items()
                if not np.array_equal(value, found[key])
            ]
            if other:
                problems.append(f"{part}: {len(other)} tensors differ, as {other[0]}")
        return problems


def saved_step(folder: pathlib.Path) -> tuple[int, list[str]]:
    """Returns the step of the latest checkpoint, or 0, and what is wrong in it."""
    if checkpointing.latest_checkpoint(folder) is None:
        return 0, []
    try:
        tensors = checkpointing.read_checkpoint(folder)
    except ValueError as error:
        return 0, [str(error)]
    bad = [key for key, value in tensors.items() if not np.isfinite(value).all()]
    problems = [f"{key} is not finite" for key in bad[:1]]
    return int(tensors["global_step"]), problems


def is_saving(folder: pathlib.Path) -> bool:
    """Returns whether a file of an unfinished checkpoint is there."""
    try:
        return any(folder.glob(".partial-*/*"))
    except FileNotFoundError:  # The folder went while it was looked at.
        return False


def finish(
    process: WatchedProcess, *, setting: Setting, folder: pathlib.Path, step: int
) -> list[str]:
    """Lets a training end; returns what was not right.

    Args:
        process: the training.
        setting: knows the undisturbed weights.
        folder: of the run.
        step: of the checkpoint that it had to go on from.
    """
    code = process.end()
    if code != 0:
        return [f"ended with {code}: {process.errors[-500:]}"]
    problems = went_on_problems(process, step=step)
    return problems + setting.compare(folder)


def went_on_problems(process: WatchedProcess, *, step: int) -> list[str]:
    """Returns what is wrong with where a training went on, as far as it has said it."""
    if not process.steps:
        return []
    problems = []
    if (process.went_on_from or 0) != step:
        problems.append(f"went on from {process.went_on_from}, not {step}")
    if process.steps[0] != step + 1:
        problems.append(f"its first step was {process.steps[0]}, not {step + 1}")
    return problems


def message_problems(
    process: WatchedProcess, *, code: int, words: Iterable[str]
) -> list[str]:
    """Returns what is wrong with how a process ended: its code and its message."""
    found = process.end()
    problems = []
    if found != code:
        problems.append("it hung" if found is None else f"exit code {found}")
    if "Traceback" in process.errors:
        problems.append("a traceback")
    message = process.errors.rpartition("error: ")[2]
    problems += [f"no {word!r} in the message" for word in words if word not in message]
    if problems:
        problems.append(process.errors.rpartition("WARNING")[2][-500:])
    return problems


def row(fault: str, meaning: str, tries: Sequence[Sequence[str]]) -> Row:
    """Returns the row of a fault from the problems of each try."""
    return Row(
        fault=fault,
        meaning=meaning,
        tries=len(tries),
        right=sum(not problems for problems in tries),
        problems=tuple(problem for problems in tries for problem in problems),
    )


def _expect_success(process: WatchedProcess) -> None:
    if process.end() != 0:
        raise RuntimeError(f"It fails without any fault: {process.errors[-2000:]}")
