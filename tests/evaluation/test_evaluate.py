# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.evaluation.evaluate import evaluate
from deeplab_tf.inference.predictor import Predictor
from deeplab_tf.metrics.boundary_iou import BoundaryIoU
from deeplab_tf.metrics.trimap import Trimap


def example(labels, *, prediction=None, name="a"):
    """An example whose red channel holds what `red_channel` predicts."""
    labels = np.asarray(labels, np.int32)
    prediction = labels if prediction is None else np.asarray(prediction)
    image = np.zeros([*labels.shape, 3], np.uint8)
    image[..., 0] = prediction
    return {"image": image, "labels": labels, "image_name": name.encode()}


def red_channel(images):
    return {"labels": tf.cast(images[..., 0], tf.int32)}


def run(examples, **options):
    options = {"num_classes": 3, "ignore_label": 255, **options}
    return evaluate(red_channel, examples, **options)


def test_confusion_is_summed_over_images_of_any_size():
    examples = [
        example([[0, 1], [2, 255]], prediction=[[0, 0], [2, 1]]),
        example([[1, 1, 1]], prediction=[[1, 1, 2]]),
    ]
    report = run(examples, class_names=["sky", "road", "car"])
    np.testing.assert_array_equal(
        report.confusion_matrix, [[1, 0, 0], [1, 2, 1], [0, 0, 1]]
    )
    # IoU 1/2, 2/4 and 1/2 of the sums, not the mean of both images.
    assert report.scores.class_iou == (0.5, 0.5, 0.5)
    assert report.mean_iou == 0.5
    assert report.num_images == 2
    assert report.class_names == ("sky", "road", "car")
    assert report.seconds > 0


def test_batches_count_their_images():
    images = [example([[0, 1]]), example([[1, 2]], prediction=[[1, 1]])]
    batch = {key: np.stack([image[key] for image in images]) for key in images[0]}
    one_by_one, batched = run(images), run([batch])
    np.testing.assert_array_equal(batched.confusion_matrix, one_by_one.confusion_matrix)
    assert batched.num_images == 2


def test_datasets_and_arrays_give_equal_reports():
    images = [example([[0, 1]]), example([[1, 2]], prediction=[[1, 1]])]
    stacked = {key: np.stack([image[key] for image in images]) for key in images[0]}
    dataset = tf.data.Dataset.from_tensor_slices(stacked)
    np.testing.assert_array_equal(
        run(dataset).confusion_matrix, run(images).confusion_matrix
    )


def test_predictor_is_traced_once_for_all_sizes_and_evaluations():
    traces = []

    def function(images):
        traces.append(images.shape)
        return red_channel(images)

    predict = Predictor(function=function)
    examples = [example(np.ones([height, 5])) for height in range(1, 6)]
    for _ in range(2):
        report = evaluate(predict, examples, num_classes=3, ignore_label=255)
        assert report.confusion_matrix[1, 1] == 75
    assert len(traces) == 1


def test_only_labels_are_computed():
    def pure(images):
        outputs = red_channel(images)
        outputs["probabilities"] = tf.numpy_function(
            lambda _: 1 / 0, [images], tf.float32, stateful=False
        )
        return outputs

    report = evaluate(
        Predictor(function=pure), [example([[1]])], num_classes=3, ignore_label=255
    )
    assert report.num_images == 1


def test_max_examples_and_progress():
    progress = []
    report = run(
        [example([[0]]) for _ in range(5)], max_examples=3, progress=progress.append
    )
    assert report.num_images == 3
    assert progress == [1, 2, 3]


def test_counts_along_boundaries_are_summed_over_images_of_any_size():
    examples = [
        example([[0, 0, 0, 1, 1, 1]], prediction=[[0, 0, 1, 1, 1, 0]]),
        example([[2, 2], [1, 1]], prediction=[[2, 2], [1, 0]]),
    ]
    report = run(examples, trimap=Trimap(widths=(1, 2)), boundary_iou=BoundaryIoU())
    narrow = [[0, 1, 0], [1, 2, 0], [0, 0, 2]]
    wide = [[1, 1, 0], [1, 3, 0], [0, 0, 2]]
    np.testing.assert_array_equal(report.trimap.confusion_matrices, [narrow, wide])
    # Images so thin are boundary all over.
    class_iou = report.boundary_iou.scores.class_iou
    assert class_iou == report.scores.class_iou == (2 / 5, 3 / 6, 1)


def test_boundaries_are_left_out_unless_asked_for():
    report = run([example([[0, 1]])])
    assert (report.trimap, report.boundary_iou) == (None, None)
    assert not {"trimap", "boundary_iou"} & set(report.to_dict())


@pytest.mark.parametrize(
    ("around", "advice"),
    [("void", "Take one around labels"), ("labels", "no image has two labels")],
)
def test_trimap_without_pixels_is_told(around, advice, caplog):
    report = run([example([[1, 1]])], trimap=Trimap(around=around))
    assert report.trimap.is_empty
    assert f"The trimap around {around} holds no pixel" in caplog.text
    assert advice in caplog.text


def test_details_reach_the_report():
    assert run([example([[0]])], details={"step": 7}).to_dict()["step"] == 7


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            example([[3]], prediction=[[0]], name="b7"),
            r"image b7: .*got 3 \(1 pixels\)",
        ),
        (example([[-1]], prediction=[[0]], name="b7"), r"image b7: .*got -1"),
        (example([[0]], prediction=[[9]], name="b7"), r"image b7: Predictions .*got 9"),
        ({**example([[0]]), "labels": np.zeros([2, 2], int)}, "image a: .*same shape"),
        ({"image": np.zeros([1, 1, 3]), "labels": np.array([[7]])}, "image 1: .*got 7"),
    ],
    ids=["label", "negative label", "prediction", "size", "no name"],
)
def test_bad_examples_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        run([example([[0]]), bad])


def test_no_examples_are_an_error():
    with pytest.raises(ValueError, match="no examples"):
        run([])


def test_names_must_fit_the_classes():
    with pytest.raises(ValueError, match="got 2 names and 3 classes"):
        run([example([[0]])], class_names=["a", "b"])
