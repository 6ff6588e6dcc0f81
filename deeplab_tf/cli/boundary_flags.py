# Licensed under the Apache License, Version 2.0.
"""The flags of scores along boundaries: trimap and boundary IoU."""

from absl import flags as absl_flags

from deeplab_tf.cli import flags
from deeplab_tf.metrics.boundary_iou import BoundaryIoU
from deeplab_tf.metrics.trimap import AROUND, Trimap

FLAGS = absl_flags.FLAGS


def define() -> None:
    """Defines the flags."""
    absl_flags.DEFINE_list(
        "trimap_widths",
        None,
        "Scores within so many pixels of boundaries too, as in 1,2,4,8,16,32.",
    )
    absl_flags.DEFINE_enum(
        "trimap_around",
        Trimap.around,
        list(AROUND),
        "What makes a boundary of the trimap: any other label, or the ignore label "
        "alone, as in the papers on VOC.",
    )
    absl_flags.DEFINE_boolean(
        "boundary_iou", False, "Intersection over union of the contours too."
    )
    absl_flags.DEFINE_float(
        "boundary_dilation_ratio",
        BoundaryIoU.dilation_ratio,
        "Depth of the contours of --boundary_iou, a share of the image's diagonal.",
    )


def trimap_from_flags() -> Trimap | None:
    """Returns the bands that the flags ask for; None if they ask for none.

    Raises:
        ValueError: the flags make no trimap.
    """
    if FLAGS.trimap_widths is None:
        if flags.is_given("trimap_around"):
            raise ValueError(
                "--trimap_around says where the bands of --trimap_widths lie: give "
                "that too, as in --trimap_widths=1,2,4,8,16,32."
            )
        return None
    try:
        widths = tuple(int(width) for width in FLAGS.trimap_widths)
    except ValueError as error:
        raise ValueError(
            "--trimap_widths must be whole numbers with commas between them, got "
            f"{','.join(FLAGS.trimap_widths)!r}."
        ) from error
    try:
        return Trimap(widths=widths, around=FLAGS.trimap_around)
    except ValueError as error:
        raise ValueError(f"--trimap_widths: {error}") from error


def boundary_iou_from_flags() -> BoundaryIoU | None:
    """Returns the boundary IoU that the flags ask for; None if they ask for none.

    Raises:
        ValueError: the flags contradict each other.
    """
    if not FLAGS.boundary_iou:
        if flags.is_given("boundary_dilation_ratio"):
            raise ValueError(
                "--boundary_dilation_ratio is the depth of --boundary_iou: give that "
                "too."
            )
        return None
    try:
        return BoundaryIoU(dilation_ratio=FLAGS.boundary_dilation_ratio)
    except ValueError as error:
        raise ValueError(f"--boundary_dilation_ratio: {error}") from error


def check() -> None:
    """Refuses flags that do not fit together, before any work.

    Raises:
        ValueError: see `trimap_from_flags` and `boundary_iou_from_flags`.
    """
    trimap_from_flags()
    boundary_iou_from_flags()
