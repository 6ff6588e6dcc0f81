# Licensed under the Apache License, Version 2.0.
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.training import fit
from tests.training import toy_network


def test_fit_model_trains_the_weights_of_the_network():
    keras.utils.set_random_seed(1)
    network = toy_network.build_toy()
    before = network.get_weights()
    trainer = fit.fit_model(network, SoftmaxCrossEntropy())
    trainer.compile(optimizer=keras.optimizers.SGD(0.3, momentum=0.9))
    arrays = toy_network.toy_arrays()
    history = trainer.fit(
        arrays["image"],
        {"labels": arrays["labels"]},
        batch_size=4,
        epochs=15,
        verbose=0,
    ).history
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    for old, new in zip(before, network.get_weights(), strict=True):
        assert np.abs(old - new).max() > 0


def test_fit_model_reports_the_loss_itself():
    network = toy_network.build_toy()
    loss = SoftmaxCrossEntropy(ignore_label=2, class_weights=(1.0, 3.0, 1.0))
    trainer = fit.fit_model(network, loss)
    trainer.compile(optimizer="sgd")
    arrays = toy_network.toy_arrays(4)
    targets = {"labels": arrays["labels"]}
    found = trainer.evaluate(arrays["image"], targets, verbose=0, batch_size=4)
    expected = loss(targets, network(arrays["image"], training=False))
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_fit_model_gives_the_loss_the_step():
    steps = []

    def loss(targets, outputs, *, step):
        steps.append(None if step is None else int(step))
        return keras.ops.mean(outputs["semantic"])

    trainer = fit.fit_model(toy_network.build_toy(), loss)
    trainer.compile(optimizer="sgd", run_eagerly=True)
    arrays = toy_network.toy_arrays(4)
    targets = {"labels": arrays["labels"]}
    trainer.fit(arrays["image"], targets, batch_size=2, epochs=1, verbose=0)
    trainer.evaluate(arrays["image"], targets, batch_size=4, verbose=0)
    assert steps == [0, 1, None]


def test_fit_model_rejects_sample_weights():
    trainer = fit.fit_model(toy_network.build_toy(), SoftmaxCrossEntropy())
    trainer.compile(optimizer="sgd")
    arrays = toy_network.toy_arrays(4)
    with pytest.raises(ValueError, match="no sample_weight"):
        trainer.fit(
            arrays["image"],
            {"labels": arrays["labels"]},
            sample_weight=np.ones(4),
            verbose=0,
        )


ON_JAX = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            raise ImportError("tensorflow is blocked")

sys.meta_path.insert(0, Block())
import keras
import numpy as np
from deeplab_tf.config.aspp import ASPPConfig
from deeplab_tf.config.deeplab_v3 import DeepLabV3Config
from deeplab_tf.config.mobilenet_v2 import MobileNetV2Config
from deeplab_tf.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from deeplab_tf.models import build_model
from deeplab_tf.training.fit import fit_model
from tests.training import toy_network

assert keras.backend.backend() == "jax"
keras.utils.set_random_seed(1)
arrays = toy_network.toy_arrays(4)
targets = {"labels": arrays["labels"]}
toy = toy_network.build_toy(dropout_rate=0.1)
deeplab = build_model(
    DeepLabV3Config(
        num_classes=3,
        backbone=MobileNetV2Config(depth_multiplier=0.1, output_stride=8),
        aspp=ASPPConfig(filters=8, atrous_rates=()),
    )
)
for network, epochs in ((toy, 10), (deeplab, 2)):
    before = network.get_weights()
    trainer = fit_model(network, SoftmaxCrossEntropy())
    trainer.compile(optimizer=keras.optimizers.SGD(0.3))
    losses = trainer.fit(
        arrays["image"], targets, batch_size=2, epochs=epochs, verbose=0
    ).history["loss"]
    assert np.isfinite(losses).all(), losses
    changes = [
        np.abs(old - new).max()
        for old, new in zip(before, network.get_weights(), strict=True)
    ]
    assert sum(change > 0 for change in changes) > 0.9 * len(changes), changes
    if network is toy:
        assert losses[-1] < losses[0], losses
assert "tensorflow" not in sys.modules
print("done")
"""


@pytest.mark.slow
def test_fit_model_trains_on_jax_without_tensorflow(root):
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX],
        cwd=root,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.endswith("done\n"), done.stderr[-3000:]
