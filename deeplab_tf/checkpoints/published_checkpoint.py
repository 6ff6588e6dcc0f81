# Licensed under the Apache License, Version 2.0.
"""What is known of one released checkpoint."""

import dataclasses

from deeplab_tf.config.backbone import BackboneConfig
from deeplab_tf.config.conv_style import ConvStyle
from deeplab_tf.config.deeplab_v3 import STYLE_OF_BACKBONE, DeepLabV3Config
from deeplab_tf.config.image_classifier import ImageClassifierConfig
from deeplab_tf.config.recipe import ModelConfig

TF1 = "TensorFlow 1"
TORCH = "PyTorch"
TFLITE = "TFLite"
FORMATS = (TF1, TORCH, TFLITE)

# What a file may hold.
CHECKPOINT = "checkpoint"
FROZEN_GRAPH = "frozen graph"
TFLITE_FILE = "TFLite file"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """A figure that the authors report of a checkpoint.

    Attributes:
        percent: the figure.
        metric: what it is.
        split: what it was measured on.
        output_stride: of the network in that measurement; None: it is not reported.
        scales: whose probabilities were averaged.
        flip: whether those of mirrored images were averaged in.
        crf: whether a dense CRF came behind the network.
    """

    percent: float
    metric: str = "mean IoU"
    split: str = "val"
    output_stride: int | None = None
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    crf: bool = False

    def __str__(self) -> str:
        parts = [f"{self.percent:.2f} {self.metric} on {self.split}"]
        if self.output_stride is not None:
            parts.append(f"stride {self.output_stride}")
        if len(self.scales) > 1:
            parts.append(f"scales {self.scales[0]:g} to {self.scales[-1]:g}")
        if self.flip:
            parts.append("mirrored")
        if self.crf:
            parts.append("with a dense CRF")
        return ", ".join(parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedCheckpoint:
    """A file that somebody released.

    Attributes:
        name: what its publisher calls it.
        urls: where it is, the first to be tried first.
        format: one of `FORMATS`.
        contents: what is inside: checkpoint, frozen graph, TFLite file.
        trained_on: data sets in the order of the training.
        dataset: of the classes, as the catalogue calls it; "" where it has no entry.
        num_classes: outputs of the classifier; None: it is not reported.
        ignore_label: label that its training left out; None for whole images.
        model: configuration of the network; None where the file holds a classifier of
            whole images, and where the network cannot be built.
        backbone: of a classifier of whole images, from which a training starts.
        classifier: configuration of that classifier; None where none is built.
        backbone_style: norm, activation and padding of that.
        recipe: whose network `model` is; "" where none has it.
        scores: what its publisher reports.
        source: where that is reported.
        size_megabytes: as published, which is rounded; None: it is not.
        sha256: of the file; None: it is not published.
        sha256_prefix: first digits of it, of which torchvision makes the file's name.
        local_name: what the file is called here, if not as in the URL.
        not_built: why no network is built for it; "" where one is.
        note: what else to know.
    """

    name: str
    urls: tuple[str, ...]
    format: str = TF1
    contents: tuple[str, ...] = (CHECKPOINT,)
    trained_on: tuple[str, ...]
    dataset: str = ""
    num_classes: int | None = None
    ignore_label: int | None = None
    model: ModelConfig | None = None
    backbone: BackboneConfig | None = None
    backbone_style: ConvStyle = STYLE_OF_BACKBONE
    classifier: ImageClassifierConfig | None = None
    recipe: str = ""
    scores: tuple[Score, ...] = ()
    source: str
    size_megabytes: float | None = None
    sha256: str | None = None
    sha256_prefix: str = ""
    local_name: str = ""
    not_built: str = ""
    note: str = ""

    @property
    def file_name(self) -> str:
        """What the file is called in the cache folder and on a mirror."""
        return self.local_name or self.urls[0].rpartition("/")[2]

    def network(self) -> ModelConfig:
        """Returns the configuration of the network that segments with these weights.

        Raises:
            ValueError: there is none.
        """
        if self.model is not None:
            return self.model
        if self.not_built:
            raise ValueError(
                f"No network is built for the released checkpoint {self.name}: "
                f"{self.not_built}."
            )
        raise ValueError(
            f"The released checkpoint {self.name} is a classifier of whole images, "
            "from which a training starts (train.py --pretrained): it segments nothing."
        )

    def base_network(self) -> ModelConfig:
        """Returns the network from which a training starts that names no other.

        Raises:
            ValueError: there is none.
        """
        if self.backbone is None:
            return self.network()
        return DeepLabV3Config(
            backbone=self.backbone, backbone_style=self.backbone_style
        )

    @property
    def variant(self) -> str:
        """The backbone by upstream's name; "" where it is not built."""
        backbone = self.backbone if self.model is None else self.model.backbone
        return "" if backbone is None else backbone.variant

    @property
    def output_strides(self) -> tuple[int, ...]:
        """Strides at which it was scored; without a score that of its network."""
        found = {s.output_stride for s in self.scores if s.output_stride is not None}
        if not found and self.model is not None:
            found = {self.model.backbone.output_stride}
        return tuple(sorted(found, reverse=True))

    @property
    def preprocessing(self) -> str:
        """How pixels reach the network: always inside it, as its first layer."""
        return "RGB in 0..255; scaled inside the network"
