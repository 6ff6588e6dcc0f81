# Licensed under the Apache License, Version 2.0.
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.checkpoints.load import load_checkpoint
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.recipe import Recipe
from deeplab_tf.config.train import AdamConfig, TrainConfig
from deeplab_tf.training import checkpointing, loop, optimizers
from tests.training import toy_network


def build(*, precision="float32", **options):
    model = toy_network.build_toy(**options)
    optimizer = optimizers.build_optimizer(TrainConfig(precision=precision))
    optimizer.build(model.trainable_variables)
    return model, optimizer


def fill(model, optimizer, *, start):
    """Gives every variable other values."""
    variables = checkpointing.checkpoint_variables(model, optimizer)
    for i, variable in enumerate(variables.values()):
        shape = tuple(variable.shape)
        values = np.arange(np.prod(shape)).reshape(shape) + 10 * i + start
        variable.assign(values.astype(variable.dtype))
    return {key: variable.numpy() for key, variable in variables.items()}


def save(folder, *, step=1, **options):
    model, optimizer = build()
    return checkpointing.save_checkpoint(
        folder, model=model, optimizer=optimizer, step=step, **options
    )


def files_of(folder):
    return sorted(path.name for path in pathlib.Path(folder).iterdir())


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_restore_gives_every_variable_back(tmp_path, precision):
    model, optimizer = build(precision=precision, dropout_rate=0.5)
    saved = fill(model, optimizer, start=1)
    assert "model/seed/0" in saved, "the dropout's state is not saved"
    checkpointing.save_checkpoint(tmp_path, model=model, optimizer=optimizer, step=7)
    other, other_optimizer = build(precision=precision, dropout_rate=0.5)
    fill(other, other_optimizer, start=1000)
    assert checkpointing.restore_checkpoint(other, other_optimizer, tmp_path) == 7
    restored = checkpointing.checkpoint_variables(other, other_optimizer)
    assert list(saved) == list(restored)
    for key, value in saved.items():
        np.testing.assert_array_equal(value, restored[key].numpy(), err_msg=key)


def test_checkpoint_is_a_tensorflow_bundle_with_plain_names(tmp_path):
    model, optimizer = build(dropout_rate=0.5)
    checkpointing.save_checkpoint(tmp_path, model=model, optimizer=optimizer, step=12)
    assert files_of(tmp_path) == [
        "checkpoint",
        "model.ckpt-12.data-00000-of-00001",
        "model.ckpt-12.index",
    ]
    shapes = dict(tf.train.list_variables(str(tmp_path)))
    assert shapes["global_step"] == []
    assert shapes["model/conv/kernel"] == [3, 3, 3, 6]
    assert shapes["model/seed/0"] == [2]
    assert shapes["optimizer/momentum/conv_kernel_accumulator"] == [3, 3, 3, 6]
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-12")


def test_save_keeps_the_latest_checkpoints(tmp_path):
    for step in (9, 10, 11):
        save(tmp_path, step=step, keep=2)
    found = checkpointing.list_checkpoints(tmp_path)
    assert found == [str(tmp_path / "model.ckpt-10"), str(tmp_path / "model.ckpt-11")]
    assert len(files_of(tmp_path)) == 5
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert list(state.all_model_checkpoint_paths) == found


def test_save_writes_the_recipe_beside_it(tmp_path):
    recipe = Recipe(name="toy", model=DeepLabV3Config(num_classes=3))
    prefix = save(tmp_path, recipe=recipe)
    for path in (prefix, tmp_path, tmp_path / "config.json"):
        assert checkpointing.read_config(path) == recipe


def test_read_config_says_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match=r"no config\.json in"):
        checkpointing.read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json: .*not JSON"):
        checkpointing.read_config(tmp_path)


def test_read_config_of_an_older_run_takes_defaults(tmp_path):
    train = TrainConfig(steps=7, optimizer=AdamConfig(beta_1=0.5))
    recipe = Recipe(name="toy", model=DeepLabV3Config(num_classes=3), train=train)
    save(tmp_path, recipe=recipe)
    path = tmp_path / "config.json"
    data = json.loads(path.read_text())
    for name in ("gradient_accumulation", "clip_norm", "precision"):
        del data["config"]["train"][name]
    del data["config"]["train"]["optimizer"]["weight_decay"]
    del data["config"]["model"]["backbone_style"]["synchronized_norm"]
    del data["config"]["evaluation"]
    path.write_text(json.dumps(data))
    assert checkpointing.read_config(tmp_path) == recipe


def test_read_config_of_a_newer_run_names_file_and_field(tmp_path):
    recipe = Recipe(name="toy", model=DeepLabV3Config(num_classes=3))
    save(tmp_path, recipe=recipe)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"clip_norm"', '"clip_value"'))
    message = r"config\.json: TrainConfig has no field clip_value; it has .*clip_norm.*"
    with pytest.raises(ValueError, match=message + "from another version"):
        checkpointing.read_config(tmp_path)


def test_save_refuses_values_that_are_not_finite(tmp_path):
    first = save(tmp_path, step=1)
    before = files_of(tmp_path)
    model, optimizer = build()
    model.get_layer("conv").kernel.assign(np.full([3, 3, 3, 6], np.nan))
    with pytest.raises(loop.NonFiniteLossError, match="step 2, model/conv/kernel"):
        checkpointing.save_checkpoint(
            tmp_path, model=model, optimizer=optimizer, step=2
        )
    assert files_of(tmp_path) == before
    assert checkpointing.latest_checkpoint(tmp_path) == first


FULL_DISK = """
import resource, sys
from tests.training import test_checkpointing
folder, size = sys.argv[1], int(sys.argv[2])
test_checkpointing.save(folder, step=1)
# Files cannot grow beyond it: the nearest thing to a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    test_checkpointing.save(folder, step=2)
except OSError as error:
    print("OSError:", error)
"""


@pytest.mark.slow
def test_save_on_a_full_disk_keeps_the_last_checkpoint(tmp_path, root):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), "500"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    message = "model.ckpt-2 could not be written: File too large. The last one is as"
    assert message in done.stdout, done.stderr[-3000:]
    assert files_of(tmp_path) == [
        "checkpoint",
        "model.ckpt-1.data-00000-of-00001",
        "model.ckpt-1.index",
    ]
    checkpointing.restore_checkpoint(*build(), tmp_path)


def test_save_that_breaks_off_is_not_picked_up(tmp_path, monkeypatch):
    first = save(tmp_path, step=1)
    replace = checkpointing.os.replace

    def break_off(source, target):
        if str(target).endswith("-2.index"):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(checkpointing.os, "replace", break_off)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, step=2)
    assert checkpointing.latest_checkpoint(tmp_path) == first
    assert checkpointing.list_checkpoints(tmp_path) == [first]
    monkeypatch.undo()
    assert checkpointing.latest_checkpoint(tmp_path) == first
    assert save(tmp_path, step=2) == checkpointing.latest_checkpoint(tmp_path)


def test_latest_checkpoint_takes_prefix_index_and_folder(tmp_path):
    assert checkpointing.latest_checkpoint(tmp_path) is None
    assert checkpointing.latest_checkpoint(tmp_path / "nowhere") is None
    prefix = save(tmp_path, step=3)
    for path in (prefix, f"{prefix}.index", tmp_path):
        assert checkpointing.latest_checkpoint(path) == prefix
    save(tmp_path, step=20)
    (tmp_path / "checkpoint").unlink()
    assert checkpointing.latest_checkpoint(tmp_path) == str(tmp_path / "model.ckpt-20")


def test_restore_lists_what_differs(tmp_path):
    save(tmp_path)
    model, optimizer = build(norm=False)
    with pytest.raises(ValueError, match="not of this network") as caught:
        checkpointing.restore_checkpoint(model, optimizer, tmp_path)
    message = str(caught.value)
    assert "missing in the checkpoint: model/conv/bias (6,)" in message
    assert "not in the network: model/norm/gamma (6,)" in message


def test_load_names_other_shapes_and_leaves_the_network_alone(tmp_path):
    save(tmp_path)
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(6, 3, use_bias=False, name="conv")(images)
    x = keras.layers.BatchNormalization(name="norm")(x)
    logits = keras.layers.Conv2D(5, 1, name="logits")(x)
    model = keras.Model(images, {"semantic": logits})
    before = model.get_weights()
    shapes = r"logits/kernel \(1, 1, 6, 5\) / \(1, 1, 6, 3\)"
    with pytest.raises(ValueError, match=shapes):
        load_checkpoint(model, tmp_path)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    load_checkpoint(model, tmp_path, skip=["^logits/"])
    np.testing.assert_array_equal(model.get_layer("norm").gamma, np.ones(6))
    assert np.abs(model.get_weights()[0] - before[0]).max() > 0


def test_load_takes_no_optimizer_and_no_seeds(tmp_path):
    model, optimizer = build(dropout_rate=0.5)
    fill(model, optimizer, start=3)
    checkpointing.save_checkpoint(tmp_path, model=model, optimizer=optimizer, step=4)
    other = toy_network.build_toy()
    report = load_checkpoint(other, tmp_path)
    assert len(report.assigned) == len(other.weights)
    for old, new in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
@pytest.mark.parametrize("damage", ["truncated", "changed"])
def test_read_checkpoint_names_a_damaged_file(tmp_path, suffix, damage):
    prefix = save(tmp_path)
    file = pathlib.Path(prefix + suffix)
    content = file.read_bytes()
    changed = content[:80] + bytes([content[80] ^ 1]) + content[81:]
    file.write_bytes(content[:50] if damage == "truncated" else changed)
    with pytest.raises(ValueError, match=r"model\.ckpt-1 is damaged"):
        checkpointing.read_checkpoint(prefix)


def test_read_checkpoint_says_where_there_is_none(tmp_path):
    with pytest.raises(ValueError, match="There is no checkpoint at"):
        checkpointing.read_checkpoint(tmp_path / "nowhere")
