# Licensed under the Apache License, Version 2.0.
"""The TFLite files of TensorFlow's Model Garden, of its quantisation-aware training.

They run as they are. Its MobileNetV2 networks have no checkpoint, and the names inside
the files are not published, so that no network is built for them.
"""

from deeplab_tf.checkpoints.published_checkpoint import (
    TFLITE,
    TFLITE_FILE,
    PublishedCheckpoint,
    Score,
)

SOURCE = "tensorflow/models, official/projects/qat/vision/README.md"
_HOST = "https://storage.googleapis.com/tf_model_garden/vision/qat/"
_NOT_BUILT = (
    "the names inside Model Garden's files are not published: the file runs as it is, "
    "in predict"
)


def _tflite(
    name: str,
    file: str,
    *,
    dataset: str,
    num_classes: int,
    split: str,
    miou: float,
    note: str,
) -> PublishedCheckpoint:
    return PublishedCheckpoint(
        name=name,
        urls=(_HOST + file,),
        # Files of several networks have the same name.
        local_name=f"{name}.tflite",
        format=TFLITE,
        contents=(TFLITE_FILE,),
        trained_on=("COCO", split.removesuffix(" val")),
        dataset=dataset,
        num_classes=num_classes,
        ignore_label=255,
        scores=(Score(percent=miou, split=split),),
        source=SOURCE,
        not_built=_NOT_BUILT,
        note=note,
    )


def _voc(kind: str, file: str, *, miou: float, note: str) -> PublishedCheckpoint:
    return _tflite(
        f"garden_mobilenetv2_deeplabv3_voc_{kind}",
        file,
        dataset="voc2012",
        num_classes=21,
        split="VOC 2012 val",
        miou=miou,
        note=f"DeepLabv3, input 512 x 512; {note}.",
    )


def _cityscapes(kind: str, file: str, *, miou: float, note: str) -> PublishedCheckpoint:
    return _tflite(
        f"garden_mobilenetv2_deeplabv3plus_cityscapes_{kind}",
        f"mnv2_deeplabv3plus_cityscapes/{file}",
        dataset="cityscapes",
        num_classes=19,
        split="Cityscapes val",
        miou=miou,
        note=f"DeepLabv3+, input 1024 x 2048; {note}.",
    )


_FLOAT = "float32"
_AFTER = "8 bits, quantised after its training"
_DURING = "8 bits, trained for them"

CHECKPOINTS = (
    _voc(
        "float32",
        "deeplabv3_mobilenetv2_pascal_coco_0.21/model_none.tflite",
        miou=75.30,
        note=_FLOAT,
    ),
    _voc(
        "int8",
        # So it is published, without a slash before "model".
        "deeplabv3_mobilenetv2_pascal_coco_0.21model_int8_full.tflite",
        miou=73.95,
        note=_AFTER,
    ),
    _voc(
        "qat",
        "deeplabv3_mobilenetv2_pascal_coco_0.21/Fmodel_default.tflite",
        miou=74.68,
        note=_DURING,
    ),
    _cityscapes("float32", "model_none.tflite", miou=73.84, note=_FLOAT),
    _cityscapes("int8", "model_int8_full.tflite", miou=72.33, note=_AFTER),
    _cityscapes("qat", "Fmodel_default.tflite", miou=73.49, note=_DURING),
)
