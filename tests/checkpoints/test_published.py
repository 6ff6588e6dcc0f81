# Licensed under the Apache License, Version 2.0.
"""The table of released checkpoints: complete, consistent, equal to what is known."""

import re

import pytest

from deeplab_tf.checkpoints import kazuto1011_zoo, model_zoo, torchvision_zoo
from deeplab_tf.checkpoints.published import get_published, list_pretrained
from deeplab_tf.checkpoints.published_checkpoint import (
    CHECKPOINT,
    FORMATS,
    FROZEN_GRAPH,
    TF1,
    TFLITE_FILE,
    TORCH,
    Score,
)
from deeplab_tf.config.model_zoo import MOBILENET_V2
from deeplab_tf.config.recipe import rescale_rates
from deeplab_tf.config.torchvision import TORCHVISION
from deeplab_tf.data.catalog import get_dataset_info
from deeplab_tf.recipes import get_recipe

ALL = list_pretrained()
NETWORKS = [published for published in ALL if published.model is not None]
NAMES = [published.name for published in ALL]

# Name of the zoo -> size in MB, (score, output stride, number of scales).
FIGURES = {
    "mobilenetv2_dm05_coco_voc_trainaug": (7.6, (70.19, 16, 1)),
    "mobilenetv2_dm05_coco_voc_trainval": (7.6, (71.83, 8, 1)),
    "mobilenetv2_coco_voc_trainaug": (23, (75.32, 16, 1), (77.33, 8, 6)),
    "mobilenetv2_coco_voc_trainval": (23, (80.25, 8, 6)),
    "xception65_coco_voc_trainaug": (439, (82.20, 16, 1), (83.58, 8, 6)),
    "xception65_coco_voc_trainval": (439, (87.80, 8, 6)),
    "mobilenetv2_dm05_coco_voc_trainaug_8bit": (8.2, (69.65, 16, 1)),
    "mobilenetv2_coco_voc_trainaug_8bit": (24, (74.26, 16, 1)),
    "mobilenetv2_coco_cityscapes_trainfine": (23, (70.71, 16, 1), (73.57, 8, 3)),
    "mobilenetv3_large_cityscapes_trainfine": (17, (72.41, 32, 1)),
    "mobilenetv3_small_cityscapes_trainfine": (5, (68.99, 32, 1)),
    "xception65_cityscapes_trainfine": (439, (78.79, 16, 1), (80.42, 8, 3)),
    "xception71_dpc_cityscapes_trainfine": (445, (80.31, 16, 1)),
    "xception71_dpc_cityscapes_trainval": (446, (82.66, 8, 6)),
    "EdgeTPU-DeepLab": (None, (70.6, 32, 1), (74.1, 16, 1)),
    "EdgeTPU-DeepLab-slim": (None, (70.0, 32, 1), (73.2, 16, 1)),
    "mobilenetv2_ade20k_train": (24.8, (32.04, 16, 1), (75.41, 16, 1)),
    "xception65_ade20k_train": (439, (45.65, 8, 6), (82.52, 8, 6)),
    "xception_41_imagenet": (288,),
    "xception_65_imagenet": (447,),
    "xception_65_imagenet_coco": (292,),
    "xception_71_imagenet": (474,),
    "resnet_v1_50_beta_imagenet": (274,),
    "resnet_v1_101_beta_imagenet": (477,),
}


def each(entries):
    return pytest.mark.parametrize("published", entries, ids=[e.name for e in entries])


def test_names_and_files_are_there_once():
    assert len(set(NAMES)) == len(NAMES)
    assert len({published.file_name for published in ALL}) == len(ALL)


def test_the_zoo_is_complete_with_its_figures():
    found = {
        published.name: (
            published.size_megabytes,
            *((s.percent, s.output_stride, len(s.scales)) for s in published.scores),
        )
        for published in model_zoo.CHECKPOINTS
    }
    assert found == FIGURES


@pytest.mark.reference
def test_every_recorded_file_is_there(reference):
    text = (reference / "facts" / "urls.md").read_text("utf-8")
    zoo, _, rest = text.partition("## 2. ")
    files = {name for name in re.findall(r"`([\w.-]+\.tar\.gz)`", zoo)}
    _, _, torch = rest.partition("## 4. ")
    torch, _, others = torch.partition("## 5. ")
    files |= set(re.findall(r"`(deeplabv3_\w+-\w+\.pth)`", torch))
    files |= set(re.findall(r"`(deeplabv2_\w+-\w+-\d+\.pth)`", others))
    assert len(files) == 24 + 3 + 3
    assert files <= {published.file_name for published in ALL}


@each(ALL)
def test_entry_is_consistent(published):
    assert published.format in FORMATS
    assert published.source
    assert published.trained_on
    assert published.urls[0].startswith("https://")
    assert len({url.rpartition("/")[2] for url in published.urls}) == 1
    # It holds a network, or a backbone, or says why not.
    kinds = (published.model, published.backbone, published.not_built or None)
    assert len([kind for kind in kinds if kind is not None]) == 1
    if published.dataset:
        info = get_dataset_info(published.dataset)
        assert info.num_classes == published.num_classes
        assert info.ignore_label == published.ignore_label
    if published.name.startswith("torchvision_"):
        digits = re.fullmatch(r".+-([0-9a-f]{8})\.pth", published.file_name)[1]
        assert published.sha256_prefix == digits


@each(NETWORKS)
def test_network_has_the_classes_of_its_data(published):
    assert published.model.num_classes == published.num_classes
    assert published.network() is published.base_network()


@each([published for published in ALL if published.recipe])
def test_network_is_that_of_its_recipe_and_the_recipe_names_its_score(published):
    recipe = get_recipe(published.recipe)
    stride = published.model.backbone.output_stride
    assert rescale_rates(recipe.model, stride) == published.model
    assert recipe.data.dataset == published.dataset
    if not published.name.endswith("8bit"):
        for score in published.scores:
            assert f"{score.percent:g}" in recipe.expected


def test_kazuto1011_is_complete_with_its_figures():
    found = {
        published.name.rpartition("_")[2]: (
            published.num_classes,
            *(score.percent for score in published.scores),
        )
        for published in kazuto1011_zoo.CHECKPOINTS
    }
    assert found == {
        "vocaug": (21, 76.65, 77.93),
        "cocostuff10k": (182, 34.8, 35.6),
        "cocostuff164k": (182, 39.1, 39.7),
    }


def test_every_network_of_the_zoo_with_a_recipe_names_it():
    without = {p.name for p in model_zoo.CHECKPOINTS if p.model and not p.recipe}
    assert without == {
        "xception_65_imagenet_coco",
        *(n for n in NAMES if n.startswith(("mobilenetv3", "xception71", "EdgeTPU"))),
    }


def test_contents_are_those_of_the_zoo():
    assert get_published("xception65_coco_voc_trainaug").contents == (
        CHECKPOINT,
        FROZEN_GRAPH,
    )
    assert get_published("xception_65_imagenet").contents == (CHECKPOINT,)
    assert TFLITE_FILE in get_published("mobilenetv2_coco_voc_trainaug_8bit").contents
    assert {p.format for p in model_zoo.CHECKPOINTS} == {TF1}
    torch = (*torchvision_zoo.CHECKPOINTS, *kazuto1011_zoo.CHECKPOINTS)
    assert {p.format for p in torch} == {TORCH}


def test_score_is_text():
    score = Score(percent=77.33, output_stride=8, scales=(0.5, 1.75), flip=True)
    assert str(score) == "77.33 mean IoU on val, stride 8, scales 0.5 to 1.75, mirrored"
    assert str(Score(percent=70.6)) == "70.60 mean IoU on val"
    with_crf = Score(percent=77.93, crf=True)
    assert str(with_crf) == "77.93 mean IoU on val, with a dense CRF"


def test_strides_are_those_of_the_scores():
    published = get_published("mobilenetv2_coco_voc_trainaug")
    assert published.output_strides == (16, 8)
    assert get_published("xception_65_imagenet_coco").output_strides == (16,)
    assert get_published("xception_65_imagenet").output_strides == ()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("mobilenet_v2_coco_voc_trainaug", "mobilenetv2_coco_voc_trainaug"),
        ("edgetpu-deeplab", "EdgeTPU-DeepLab"),
        ("resnet50", "torchvision_resnet50_v1"),
        ("qqqq", "no name is near"),
    ],
)
def test_unknown_name_lists_the_near_ones(name, near):
    with pytest.raises(ValueError, match=f"no released checkpoint '{name}'; .*{near}"):
        get_published(name)


def test_classifier_says_that_a_training_starts_from_it():
    published = get_published("xception_65_imagenet")
    with pytest.raises(ValueError, match="from which a training starts"):
        published.network()
    assert published.base_network().backbone == published.backbone


def test_classifier_of_torchvision_keeps_its_norm():
    network = get_published("torchvision_mobilenet_v2_v1").base_network()
    assert network.backbone_style.norm_epsilon == 1e-5
    assert network.backbone_style.activation == "relu6"


def test_file_without_a_network_says_why():
    published = get_published("garden_mobilenetv2_deeplabv3_voc_qat")
    with pytest.raises(ValueError, match=r"No network is built .* are not published"):
        published.network()


def test_networks_are_those_of_the_configurations():
    assert get_published("mobilenetv2_coco_voc_trainaug").model == MOBILENET_V2
    for name, config in TORCHVISION.items():
        assert get_published(f"torchvision_{name}").model == config
