# Licensed under the Apache License, Version 2.0.
"""Searches the parameters of a CRF on a split, as the papers of DeepLab v1 and v2 did.

The network predicts each of the --max_images first images of --eval_split once; then
the CRFs of --search are tried on its probabilities, from coarse to fine. Under
--output_dir, all written again after each CRF:
  crf.json, the best so far, for --crf of the other commands;
  crf_search.csv, all that were tried, the best first;
  crf_search.json, the same with what was searched on; the same command goes on there.
The score of the network without a CRF stands beside them.
"""

import dataclasses
import itertools
import logging
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

from absl import flags as absl_flags

from deeplab_tf.cli import crf_flags, flags, prediction_flags, pretrained_flags
from deeplab_tf.cli.output_paths import check_folder
from deeplab_tf.cli.prediction_flags import Prediction, SplitFlags
from deeplab_tf.cli.progress import Progress
from deeplab_tf.cli.reporting import describe, is_bad_input, run_main
from deeplab_tf.config.crf_search import AXES, SEARCHES, CRFSearchSpace
from deeplab_tf.config.dense_crf import BACKENDS, DenseCRFConfig
from deeplab_tf.evaluation.crf_results import CRF_FILE, TABLE_FILE, SearchResults

# Also where it runs as a script of its own, which has another name.
log = logging.getLogger("deeplab_tf.cli.tune_crf")

_NAMES = SplitFlags(
    split="eval_split", crop_size="eval_crop_size", batch_size="eval_batch_size"
)
_FIXED = ("spatial_weight", "spatial_xy", "iterations")
_SHOWN_TRIALS = 10


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.define("resize", "model", "flip", "dataset")
    flags.define_named("checkpoint_dir", "eval_scales", "eval_split")
    flags.define_named("eval_crop_size", "eval_batch_size")
    flags.define_prediction()
    pretrained_flags.define()
    crf_flags.define_backend()
    absl_flags.DEFINE_string("output_dir", None, "Folder of the results.")
    absl_flags.DEFINE_integer(
        "max_images", 100, "Search on the first images of the split; 0 takes all."
    )
    absl_flags.DEFINE_enum(
        "search", "deeplab_v2", list(SEARCHES), "Ranges of a paper to search in."
    )
    absl_flags.DEFINE_boolean(
        "exhaustive", False, "Try all CRFs of the ranges, not from coarse to fine."
    )
    absl_flags.DEFINE_list(
        "bilateral_weight", None, "Weights of the bilateral kernel, as in 3,4,5."
    )
    absl_flags.DEFINE_list(
        "bilateral_xy", None, "Its deviations in pixels; the paper's if not given."
    )
    absl_flags.DEFINE_list("bilateral_rgb", None, "Its deviations in grey levels.")
    absl_flags.DEFINE_float("spatial_weight", None, "Weight of the spatial kernel.")
    absl_flags.DEFINE_float("spatial_xy", None, "Its deviation in pixels.")
    absl_flags.DEFINE_integer("iterations", None, "Mean-field updates.")


def run() -> None:
    """Searches what the flags say."""
    flags.check_unused()
    folder = flags.FLAGS.output_dir
    if not folder or not pretrained_flags.is_network_given("checkpoint_dir"):
        raise ValueError(
            "--checkpoint_dir, or --pretrained, and --output_dir must be given."
        )
    check_folder(folder, flag="output_dir")
    space = search_space()
    path = pretrained_flags.network_checkpoint("checkpoint_dir")
    with prediction_flags.open_prediction(path, _NAMES) as prediction:
        print(prediction.network.report, flush=True)
        results = tune(prediction, space, pathlib.Path(folder))
    print(results.to_table(limit=_SHOWN_TRIALS))
    print(results.verdict())
    best = results.best()
    assert best is not None
    for name in space.at_end(best):
        print(f"Its {name} is at an end of its range: --{name} may reach further.")
    print(f"Written to {folder}/{CRF_FILE} and {folder}/{TABLE_FILE}")


def search_space() -> CRFSearchSpace:
    """Returns the ranges of the flags.

    Raises:
        ValueError: they are no numbers, or no parameters of a CRF; or the backend is
            not installed.
    """
    changes = {
        field: _numbers(name) for name, field in AXES.items() if flags.is_given(name)
    }
    space = SEARCHES[flags.FLAGS.search]
    fixed: dict[str, Any] = {
        name: flags.FLAGS[name].value for name in _FIXED if flags.is_given(name)
    }
    fixed["backend"] = flags.FLAGS.crf_backend or BACKENDS[0]
    crf_flags.check_backend(fixed["backend"])
    return dataclasses.replace(
        space, **changes, fixed=dataclasses.replace(space.fixed, **fixed)
    )


def _numbers(name: str) -> tuple[float, ...]:
    """Returns the values of a flag that is a list of numbers, in ascending order."""
    found: Any = flags.FLAGS[name].value
    try:
        return tuple(sorted({float(text) for text in found}))
    except ValueError as error:
        raise ValueError(
            f"--{name} must be numbers with commas between them, as in 3,4,5; got "
            f"{','.join(found)!r}."
        ) from error


def tune(
    prediction: Prediction, space: CRFSearchSpace, folder: pathlib.Path
) -> SearchResults:
    """Returns the results of a search, which are in the folder too.

    Args:
        prediction: network and split.
        space: the CRFs.
        folder: of the results; of an earlier search on the same, it goes on.

    Raises:
        ValueError: the split has no labels, the folder holds another search, or none
            of the CRFs can be computed.
    """
    from deeplab_tf.evaluation.crf_search import search_crf
    from deeplab_tf.evaluation.prediction_store import PredictionStore

    if not prediction.source.has_labels:
        raise ValueError(
            f"Tuning needs labels, and {prediction.source.name} has none: name another "
            "split."
        )
    folder.mkdir(parents=True, exist_ok=True)
    results = SearchResults.open(folder, details=_details(prediction))
    info = prediction.info
    classes = {"num_classes": info.num_classes, "ignore_label": info.ignore_label}
    with tempfile.TemporaryDirectory(dir=folder, prefix=".predictions-") as place:
        store = PredictionStore(place, num_images=prediction.num_images)
        results.set_without_crf(_predict(prediction, store, classes))
        rounds = itertools.count(1)

        def score(configs: Sequence[DenseCRFConfig]) -> list[float]:
            progress = Progress(len(configs), unit=f"CRFs of round {next(rounds)}")
            try:
                for number, config in enumerate(configs):
                    if results.find(config) is None:
                        moved = _fraction(progress, number, len(store), results)
                        _try(config, store, classes, results, moved)
                    progress(number + 1, note=results.note())
            finally:
                progress.close()
            return [results.score(config) for config in configs]

        search_crf(space, score, exhaustive=flags.FLAGS.exhaustive)
    if results.best() is None:
        raise ValueError(
            "No CRF of these ranges could be computed, as said above: give others."
        )
    return results


def _try(
    config: DenseCRFConfig,
    store: Any,
    classes: dict[str, int],
    results: SearchResults,
    progress: Any,
) -> None:
    """Adds the trial of a CRF; one that cannot be computed is left out and named."""
    import tensorflow as tf

    from deeplab_tf.evaluation.crf_search import try_crf

    try:
        results.add(try_crf(config, store, **classes, progress=progress))
    except tf.errors.InvalidArgumentError as error:
        if not is_bad_input(error):
            raise
        log.warning(
            "Left out: --bilateral_weight=%g --bilateral_xy=%g --bilateral_rgb=%g: %s",
            config.bilateral_weight,
            config.bilateral_xy,
            config.bilateral_rgb,
            describe(error),
        )


def _predict(prediction: Prediction, store: Any, classes: dict[str, int]) -> float:
    """Fills the store and returns the mean IoU of the network alone."""
    from deeplab_tf.data.pipeline import eval_dataset
    from deeplab_tf.evaluation.crf_search import store_predictions
    from deeplab_tf.inference.build_predictor import build_predictor

    network = prediction.network
    evaluation = dataclasses.replace(prediction.evaluation, crf=None)
    batches = prediction_flags.equal_size_batches(
        itertools.islice(
            eval_dataset(prediction.source, prediction.data), prediction.num_images
        ),
        batch_size=evaluation.batch_size,
    )
    log.info("The network predicts %d images.", prediction.num_images)
    progress = Progress(prediction.num_images)
    try:
        return store_predictions(
            build_predictor(network.model, network.config, evaluation),
            batches,
            store,
            **classes,
            progress=progress,
        )
    finally:
        progress.close()


def _fraction(
    progress: Progress, done: int, num_images: int, results: SearchResults
) -> Any:
    """Returns what moves the bar of CRFs by a part of one, image by image."""
    return lambda image: progress(done + image / num_images, note=results.note())


def _details(prediction: Prediction) -> dict[str, Any]:
    """Returns what is searched on, by which a search is known again."""
    from deeplab_tf.cli.eval import details_of

    details = details_of(prediction)
    del details["crf"]
    return details | {"num_images": prediction.num_images}


def main() -> None:
    """The console script."""
    define_flags()
    run_main(run)


if __name__ == "__main__":
    main()
