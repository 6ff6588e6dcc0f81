# Licensed under the Apache License, Version 2.0.
"""Image pyramids that cannot be, and the stride of their logits."""

import pytest

from deeplab_tf.config.deeplab_v2 import DeepLabV2Config
from deeplab_tf.config.deeplab_v3plus import DeepLabV3PlusConfig
from deeplab_tf.config.image_pyramid import ImagePyramidConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": ()}, "positive and at least one"),
        ({"scales": (0.5, 0.0)}, "positive and at least one"),
        ({"scales": (0.5, 0.5)}, "must differ"),
        ({"merge": "sum"}, "merge must be one of"),
    ],
)
def test_impossible_pyramids_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ImagePyramidConfig(**options)


@pytest.mark.parametrize(
    ("scales", "stride"), [((0.5, 0.75), 8), ((0.5, 1.0), 8), ((1.0, 2.0), 4)]
)
def test_logits_have_the_size_of_the_largest_scale(scales, stride):
    pyramid = ImagePyramidConfig(scales=scales)
    assert DeepLabV2Config(image_pyramid=pyramid).logits_stride == stride
    assert DeepLabV3PlusConfig(image_pyramid=pyramid).logits_stride == stride / 2
