# Licensed under the Apache License, Version 2.0.
"""The fully connected CRF beside pydensecrf: time, memory and agreement.

Without arguments it takes drawn photos with drawn probabilities. The published figures
are of real photos and a trained network:

python -m benchmarks.dense_crf --photos=FOLDER --saved_model=FOLDER
"""

import argparse
import pathlib
import tempfile

import numpy as np
from PIL import Image

from benchmarks import made_photos, result_table
from benchmarks.pairs import Ratio, Worker, alternate, python_of
from deeplab_tf.config.dense_crf import PRESETS

SIZES = {"500x375": (375, 500), "2048x1024": (1024, 2048)}
NUM_CLASSES = {"500x375": 21, "2048x1024": 19}
HEADER = (
    "photo",
    "size",
    "parameters",
    "labels left out",
    "ours / pydensecrf",
    "processor time",
    "ours, s",
    "pydensecrf, s",
    "memory, ours / pydensecrf, GB",
    "marginals differ by",
    "equal labels",
)


def photos_of(folder: str | None) -> dict[str, np.ndarray]:
    """Returns name -> [H, W, 3] uint8."""
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            made_photos.write(pathlib.Path(made), count=1)
            path = next((pathlib.Path(made) / "images").iterdir())
            return {"drawn": np.asarray(Image.open(path).convert("RGB"))}
    paths = sorted(
        path
        for path in pathlib.Path(folder).iterdir()
        if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    return {path.stem: np.asarray(Image.open(path).convert("RGB")) for path in paths}


def write_case(
    case: pathlib.Path, photo: np.ndarray, *, saved_model: str | None, num_classes: int
) -> None:
    """Writes what a CRF starts from, by a process of its own.

    The memory of this one would count as that of the processes that it starts.

    Args:
        case: .npz to write.
        photo: [H, W, 3].
        saved_model: an exported network that was trained; None draws a few regions
            with soft borders.
        num_classes: the first of the network's are taken.
    """
    with Worker(python_of(".venv"), "benchmarks.crf_worker") as worker:
        photo_file = case.with_suffix(".npy")
        np.save(photo_file, photo)
        worker.ask(
            "prepare",
            task="write_case",
            photo=str(photo_file),
            case=str(case),
            saved_model=saved_model,
            num_classes=num_classes,
        )


def compare(
    case: pathlib.Path, *, preset: str, min_probability: float, pairs: int
) -> tuple[str, ...]:
    """Returns the figures of a case, a cell for each column behind the first four."""
    python = python_of(".venv")
    answers, memory, found = [], [], []
    with (
        Worker(python, "benchmarks.crf_worker") as ours,
        Worker(python, "benchmarks.crf_worker") as peer,
    ):
        for side, backend in ((ours, "tensorflow"), (peer, "pydensecrf")):
            path = case.with_name(f"{backend}.npy")
            side.ask(
                "prepare",
                task="refine",
                case=str(case),
                preset=preset,
                backend=backend,
                min_probability=min_probability,
                marginals=str(path),
            )
            found.append(np.load(path))
        answers = alternate(ours, peer, pairs=pairs)
        memory = [side.ask("memory") for side in (ours, peer)]
    seconds = [
        [answer["seconds"] for answer in side] for side in zip(*answers, strict=True)
    ]
    processor = [
        [answer["processor_seconds"] for answer in side]
        for side in zip(*answers, strict=True)
    ]
    difference = np.abs(found[0] - found[1]).mean()
    equal = (found[0].argmax(axis=-1) == found[1].argmax(axis=-1)).mean()
    return (
        str(Ratio.of(*seconds)),
        f"{Ratio.of(*processor).median:.2f}",
        f"{min(seconds[0]):.2f}",
        f"{min(seconds[1]):.2f}",
        " / ".join(f"{(m['peak'] - m['imports']) / 1e9:.2f}" for m in memory),
        f"{difference:.1e}",
        f"{equal:.3%}",
    )


def main() -> None:
    """Prints a row for each photo, size and set of parameters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", help="folder of real photos; drawn if not given")
    parser.add_argument("--saved_model", help="trained network that labels them")
    parser.add_argument("--presets", nargs="+", default=["deeplab_v1", "deeplab_v2"])
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument(
        "--min_probability",
        nargs="+",
        type=float,
        default=[0.01, 0.0],
        help="labels below it everywhere are left out; 0 takes all",
    )
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    for preset in options.presets:
        if preset not in PRESETS:
            parser.error(f"--presets must be among {', '.join(PRESETS)}, got {preset}")
    rows = []
    for name, photo in photos_of(options.photos).items():
        for size in options.sizes:
            height, width = SIZES[size]
            resized = Image.fromarray(photo).resize((width, height))
            with tempfile.TemporaryDirectory() as folder:
                case = pathlib.Path(folder) / "case.npz"
                write_case(
                    case,
                    np.asarray(resized),
                    saved_model=options.saved_model,
                    num_classes=NUM_CLASSES[size],
                )
                for preset in options.presets:
                    for share in options.min_probability:
                        figures = compare(
                            case,
                            preset=preset,
                            min_probability=share,
                            pairs=options.pairs,
                        )
                        cells = (name, size, preset, f"below {share:g}", *figures)
                        print(*cells, sep="  ", flush=True)
                        rows.append(cells)
    print(result_table.to_markdown(HEADER, rows))


if __name__ == "__main__":
    main()
