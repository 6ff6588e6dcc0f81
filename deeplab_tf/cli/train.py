# Licensed under the Apache License, Version 2.0.
"""Trains a network: by recipe, or by the flags of research/deeplab."""

import dataclasses
import logging
import sys
import time
from typing import Any

from absl import flags as absl_flags

from deeplab_tf.checkpoints.published import list_pretrained
from deeplab_tf.cli import flags, pretrained_flags, recipe_flags
from deeplab_tf.cli.dataset_flags import dataset_info
from deeplab_tf.cli.output_paths import check_folder
from deeplab_tf.cli.pretrained_table import format_pretrained
from deeplab_tf.cli.recipe_table import format_recipes
from deeplab_tf.cli.reporting import SIGNAL_CODES, fail, run_main
from deeplab_tf.config.recipe import Recipe

# Also where it runs as a script of its own, which has another name.
log = logging.getLogger("deeplab_tf.cli.train")


def define_flags() -> None:
    """Defines the flags of this command."""
    flags.define("resize", "model", "train", "dataset")
    recipe_flags.define()
    recipe_flags.define_training()
    pretrained_flags.define()
    absl_flags.DEFINE_integer(
        "save_interval_steps",
        None,
        "Steps between two checkpoints, besides the seconds.",
    )
    absl_flags.DEFINE_integer(
        "eval_interval_steps",
        None,
        "Steps between two validations; 0: none but the last.",
    )
    absl_flags.DEFINE_string("eval_split", None, "Split to validate on; '' for none.")
    absl_flags.DEFINE_boolean(
        "deterministic", False, "Repeat and resume bit for bit on the CPU; slower."
    )
    absl_flags.DEFINE_boolean(
        "use_moving_averages",
        None,
        "Start from the moving averages of --tf_initial_checkpoint; where it is not "
        "given, from those of a run here that kept them.",
    )
    absl_flags.DEFINE_boolean(
        "list_recipes", False, "Print the recipes for --recipe and do nothing else."
    )
    absl_flags.DEFINE_boolean(
        "list_pretrained",
        False,
        "Print the released checkpoints for --pretrained and do nothing else.",
    )


def run() -> None:
    """Trains what the flags say."""
    if flags.FLAGS.list_recipes or flags.FLAGS.list_pretrained:
        _print_lists()
        return
    flags.check_unused()
    workdir = flags.value("train_logdir")
    if not workdir:
        raise ValueError("--train_logdir must be given: the folder of the run.")
    check_folder(workdir, flag="train_logdir")
    set_up_devices()

    from deeplab_tf.recipes import get_recipe

    base = get_recipe(flags.FLAGS.recipe) if flags.FLAGS.recipe else None
    info = dataset_info(base)
    recipe = recipe_flags.build_recipe(
        num_classes=info.num_classes,
        base=base,
        network=pretrained_flags.network(),
    )
    recipe = _with_own_flags(recipe, info)

    from deeplab_tf.training.strategy import build_strategy
    from deeplab_tf.training.train import train

    seconds = flags.value("save_interval_secs")
    if seconds < 0:
        raise ValueError(f"--save_interval_secs must not be negative, got {seconds}.")
    started = time.monotonic()
    _warn_of_random_weights(recipe, workdir)
    result = train(
        recipe,
        workdir=workdir,
        data_dir=flags.value("dataset_dir"),
        strategy=build_strategy(num_replicas=flags.value("num_clones")),
        deterministic=flags.FLAGS.deterministic,
        initialize=_initializer(recipe, workdir),
        save_interval_seconds=seconds,
        info=info,
        write=lambda text: print(text, flush=True),
    )
    if result.interrupted_by:
        fail(
            f"{result.interrupted_by} at step {result.step}; saved as "
            f"{result.checkpoint}. The same command goes on from there.",
            code=SIGNAL_CODES[result.interrupted_by],
        )
    print(f"Trained to step {result.step} in {time.monotonic() - started:.0f} s.")
    if result.best_miou is not None:
        print(
            f"Best mean IoU {result.best_miou:.4f} at step {result.best_step}: "
            f"{result.best_checkpoint}"
        )
    print(f"Last checkpoint: {result.checkpoint}")
    sys.stdout.flush()


def _print_lists() -> None:
    """Prints what --list_recipes and --list_pretrained ask for."""
    from deeplab_tf.recipes import list_recipes

    if flags.FLAGS.list_recipes:
        print(format_recipes(list_recipes()))
    if flags.FLAGS.list_pretrained:
        print(format_pretrained(list_pretrained()))


def set_up_devices() -> None:
    """Hides GPUs for --clone_on_cpu; splits the CPU for --num_clones without one."""
    clones = flags.value("num_clones")
    if clones < 1:
        raise ValueError(f"--num_clones must be at least 1, got {clones}.")
    import tensorflow as tf

    from deeplab_tf.training.strategy import split_cpu

    if flags.value("clone_on_cpu"):
        tf.config.set_visible_devices([], "GPU")
    if clones > 1 and not tf.config.get_visible_devices("GPU"):
        split_cpu(clones)


def _with_own_flags(recipe: Recipe, info: Any) -> Recipe:
    changes: dict[str, Any] = {
        name: flags.FLAGS[name].value
        for name in ("save_interval_steps", "eval_interval_steps")
        if flags.FLAGS[name].value is not None
    }
    data = dataclasses.replace(recipe.data, dataset=info.name)
    if flags.FLAGS.eval_split is not None:
        data = dataclasses.replace(data, eval_split=flags.FLAGS.eval_split)
    return dataclasses.replace(
        recipe, train=dataclasses.replace(recipe.train, **changes), data=data
    )


def _warn_of_random_weights(recipe: Recipe, workdir: str) -> None:
    """Warns if batch norm stays as it is over weights that nothing has trained."""
    from deeplab_tf.training.checkpointing import latest_checkpoint

    if recipe.train.fine_tune_batch_norm or flags.value("tf_initial_checkpoint"):
        return
    if flags.is_given("pretrained"):
        return
    if latest_checkpoint(workdir) is not None:
        return
    if recipe.model.backbone.variant == "vgg_16":
        log.warning(
            "All weights are random and VGG-16 has no batch norm, so that little will "
            "be learned: give --tf_initial_checkpoint."
        )
    elif not recipe.model.backbone_style.train_norm:
        log.warning(
            "Batch norm stays as it is and all weights are random, so that the loss "
            "soon is no number: give --tf_initial_checkpoint."
        )
    else:
        log.warning(
            "Batch norm is frozen and all weights are random, so that little will be "
            "learned: give --tf_initial_checkpoint, or --fine_tune_batch_norm=true to "
            "train without one."
        )


def _initializer(recipe: Recipe, workdir: str) -> Any:
    """Returns a function that loads the initial checkpoint, or None."""
    from deeplab_tf.training.checkpointing import latest_checkpoint

    if flags.is_given("pretrained") and latest_checkpoint(workdir) is not None:
        return None  # The run goes on from its own, and needs no download.
    path = pretrained_flags.checkpoint("tf_initial_checkpoint")
    if not path:
        return None
    # research/deeplab/model.py: get_extra_layer_scopes. As there, a checkpoint that
    # holds a backbone alone leaves the head as it is, whatever the flags say.
    load_last = flags.value("initialize_last_layer")
    logits_only = recipe.train.last_layers_contain_logits_only

    def initialize(model: Any) -> None:
        from deeplab_tf.checkpoints.load import load_checkpoint
        from deeplab_tf.checkpoints.slim_names import HEAD

        last = HEAD[:1] if logits_only else HEAD
        report = load_checkpoint(
            model,
            path,
            use_moving_averages=flags.FLAGS.use_moving_averages,
            skip=() if load_last else last,
            allow_backbone=True,
        )
        print(report)

    return initialize


def main() -> None:
    """The console script."""
    define_flags()
    run_main(run)


if __name__ == "__main__":
    main()
