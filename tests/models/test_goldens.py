# Licensed under the Apache License, Version 2.0.
"""Networks against the recorded ones of research/deeplab."""

import math
import re

import keras
import numpy as np
import pytest

from deeplab_tf.layers.multiply_adds import count_model
from deeplab_tf.layers.resize import resize_bilinear, scale_dimension
from deeplab_tf.models import build_model, deeplab_v2, deeplab_v3, deeplab_v3plus
from tests import contracts, goldens

pytestmark = [pytest.mark.reference, pytest.mark.slow]
NAMES = (
    *goldens.MOBILENET_V2,
    *goldens.MOBILENET_V3,
    *goldens.MOBILENET_EDGETPU,
    *goldens.RESNET,
    *goldens.XCEPTION,
    *goldens.NASNET,
    *goldens.HEADS,
)


class Result:
    """A recorded network beside ours with the same weights.

    Attributes:
        golden: the recorded values.
        size: (trainable parameters, all parameters, multiply-adds) of ours.
        outputs: our values: "semantic", "encoder", "decoder" and the endpoints.
    """

    def __init__(self, golden, patch):
        backbones = []
        for module in (deeplab_v2, deeplab_v3, deeplab_v3plus):
            build = module.build_backbone
            patch.setattr(
                module,
                "build_backbone",
                lambda *args, build=build: (
                    backbones.append(build(*args)) or backbones[-1]
                ),
            )
        model = golden.build()
        self.golden = golden
        self.outputs = {"semantic": model(golden.image)["semantic"]}
        tensors = {"backbone": backbones[0].features}
        tensors |= {f"endpoint {k}": x for k, x in backbones[0].endpoints.items()}
        layers = {layer.name for layer in model.layers}
        for layer in layers & {"aspp", "dense_prediction_cell"}:
            tensors["encoder"] = model.get_layer(layer)(backbones[0].features)
        if "decoder" in layers:
            tensors["decoder"] = model.get_layer("decoder").output
        # Of an image pyramid, the endpoints of the first scale are recorded.
        image, pyramid = golden.image, golden.config.image_pyramid
        if pyramid is not None:
            size = [scale_dimension(s, pyramid.scales[0]) for s in image.shape[1:3]]
            image = resize_bilinear(image, size)
        self.outputs |= keras.Model(backbones[0].input, tensors)(image)
        self.size = (
            sum(math.prod(weight.shape) for weight in model.trainable_weights),
            model.count_params(),
            count_model(build_model(golden.counted_config), image_size=(513, 513)),
        )

    def find(self, key):
        """Returns what we have of a recorded array, or None."""
        what = self.golden.case["arrays"][key]["what"]
        return self.find_endpoint(what) if key.startswith("endpoint") else self.get(key)

    def find_endpoint(self, name):
        """Returns an endpoint by the original's name, or None."""
        scope = f"{self.golden.scope}/"
        return self.get(f"endpoint {name.removeprefix(scope).removesuffix('/output')}")

    def get(self, key):
        """Returns one of our outputs, or None."""
        return np.asarray(self.outputs[key]) if key in self.outputs else None


@pytest.fixture(scope="module", params=NAMES)
def result(request, reference):
    """Returns a Result; as it belongs to the module, tests run network by network."""
    with pytest.MonkeyPatch.context() as patch:
        return Result(goldens.load(reference, request.param), patch)


def test_network_is_that_of_the_original(result):
    case = result.golden.case
    arrays = result.golden.arrays
    expected = [case["params_trainable"], case["params_all"]]
    assert result.size == (*expected, case["multiply_adds_513x513"])
    logits = result.get("semantic")
    contracts.assert_close(logits, arrays["logits"][None], tolerance=1e-4)
    upsampled = resize_bilinear(logits, result.golden.image.shape[1:3])
    labels = np.argmax(upsampled, axis=-1)[0]
    assert np.mean(labels == arrays["labels"]) >= 0.999
    for key, row in case["arrays"].items():
        recorded = arrays[key][None].astype("float32")
        found = result.find(key)[..., :: row["channel_stride"]]
        # Recorded in float16.
        contracts.assert_close(found, recorded, tolerance=1e-3)


def test_all_endpoints_have_the_statistics_of_the_original(result):
    compared = set()
    for key, (shape, *numbers) in result.golden.case["endpoint_stats"].items():
        # The first half of a separable convolution is no endpoint of Xception here.
        if re.search(r"separable_conv\d_depthwise$", key):
            continue
        x = result.find_endpoint(key)
        assert x is not None, key
        assert list(x.shape) == shape
        found = [x.mean(), x.std(), np.abs(x).max()]
        # Recorded with seven digits; a mean may cancel out.
        tolerance = 1e-4 * numbers[-1]
        np.testing.assert_allclose(found, numbers, atol=tolerance, err_msg=key)
        compared.add(key.removesuffix("/output").removeprefix(result.golden.scope))
    ours = {key for key in result.outputs if key.startswith("endpoint ")}
    assert len(compared) == len(ours) > 10
