# Licensed under the Apache License, Version 2.0.
"""Decides what the pixels of masks mean: which classes there are and how to read them.

A colour table decides by colour. Without one, numbers are class ids, and masks with
black and one other colour have two classes. What is not clear is an error that shows
the colour table which would make it clear.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from deeplab_tf.data.catalog.dataset_info import MAX_LABEL, Color
from deeplab_tf.data.catalog.voc2012 import pascal_color, pascal_colors
from deeplab_tf.data.color_table import ColorTable
from deeplab_tf.data.folder_layout import list_some
from deeplab_tf.data.label_files import LabelReader
from deeplab_tf.data.mask_labels import BlackAndWhite, ColorIds, MaskIds
from deeplab_tf.data.mask_survey import BLACK, WHITE, Count, MaskSurvey

DEFAULT_IGNORE_LABEL = 255
TWO_CLASSES = ("background", "foreground")
_BACKGROUND_NAMES = ("background", "bg")
# More colours than this are no classes, but smoothed borders or a photo.
_MAX_TABLE_ROWS = 30
# Share of black and white pixels from which masks are soft black and white.
_SOFT_SHARE = 0.9


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskMeaning:
    """What masks mean.

    Attributes:
        classes: names in the order of their ids.
        palette: a colour of each class.
        read: makes class ids of a mask.
        notes: what was decided, for a person to check.
    """

    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    read: LabelReader
    notes: tuple[str, ...] = ()

    @property
    def has_background(self) -> bool:
        """Whether class 0 is everything that is no other class, by its name."""
        return self.classes[0].lower() in _BACKGROUND_NAMES


def understand_masks(
    survey: MaskSurvey,
    *,
    class_names: Sequence[str] = (),
    color_table: ColorTable | None = None,
    ignore_label: int | None = None,
    binary: bool = False,
    ignore_unknown: bool = False,
) -> MaskMeaning:
    """Returns what masks mean.

    Args:
        survey: what they hold.
        class_names: names in the order of the ids; (): as many as the masks show.
        color_table: which class a colour stands for.
        ignore_label: id that is no class; None: 255, unless masks of two values use
            it as a class.
        binary: whether bright pixels are one class and dark ones the other.
        ignore_unknown: whether what is no class becomes the ignore label.

    Raises:
        ValueError: it is not clear; the message says what the masks hold, and how to
            make it clear.
    """
    if survey.lossy and not binary:
        raise ValueError(
            f"{len(survey.lossy)} of {survey.num_masks} masks are JPEG, as "
            f"{survey.lossy[0]}: JPEG changes the values of pixels, so ids and colours "
            "near borders are wrong. Make the masks again from their source, as PNG; "
            "black and white ones can be used with --binary."
        )
    notes = _notes(survey)
    if binary:
        meaning = _two_classes(survey, class_names)
    elif color_table is not None:
        label = DEFAULT_IGNORE_LABEL if ignore_label is None else ignore_label
        meaning = _by_table(survey, color_table, label, ignore_unknown)
    elif _has_two_colors(survey, ignore_label) and len(class_names) in (0, 2):
        meaning = _two_classes(survey, class_names)
        value = "" if survey.colors else f", {max(survey.numbers)}"
        notes.append(
            f"Masks hold black and one other value{value}: taken as two classes, "
            f"{' and '.join(meaning.classes)}. Other names: --class_names."
        )
    elif survey.colors:
        raise ValueError(_describe_colors(survey, class_names))
    else:
        meaning = _by_number(survey, class_names, ignore_label, ignore_unknown)
    return dataclasses.replace(meaning, notes=(*notes, *meaning.notes))


def _notes(survey: MaskSurvey) -> list[str]:
    """Returns what a person should know of the files."""
    notes = []
    for paths, text in (
        (survey.uniform, "hold one value alone"),
        (survey.grey_rgb, "store grey in three channels: read as one"),
        (survey.scaled, "have 16 bits and value x 257: read as 8 bits"),
        (survey.lossy, "are JPEG, which is lossy: cut at half the brightness"),
    ):
        if paths:
            notes.append(
                f"{len(paths)} of {survey.num_masks} masks {text}, as {paths[0]}."
            )
    return notes


def _has_two_colors(survey: MaskSurvey, ignore_label: int | None) -> bool:
    """Returns whether masks hold black and one other colour."""
    colors = survey.all_colors
    if len(colors) != 2 or BLACK not in colors or len(survey.indices) > 2:
        return False
    if ignore_label is not None and ignore_label in survey.numbers:
        return False
    # Of a palette the indices count, unless black and white say what is meant.
    first = survey.palette[0] if survey.palette else BLACK
    return first == BLACK or WHITE in colors


def _two_classes(survey: MaskSurvey, class_names: Sequence[str]) -> MaskMeaning:
    """Returns dark and bright."""
    if len(class_names) not in (0, 2):
        raise ValueError(
            f"Masks in black and white have two classes, got {len(class_names)} names: "
            f"{', '.join(class_names)}."
        )
    if not survey.brightest:
        raise ValueError(
            "Every pixel of every mask is black: there is one class alone."
        )
    threshold = (survey.brightest + 1) // 2
    notes = []
    if len(survey.all_colors) > 2:
        notes.append(
            f"Masks hold {len(survey.all_colors)} values from 0 to {survey.brightest}: "
            f"class 1 from {threshold} on."
        )
    others = [color for color in survey.all_colors if len(set(color)) > 1]
    bright = others[0] if len(others) == 1 else pascal_color(1)
    return MaskMeaning(
        classes=tuple(class_names) or TWO_CLASSES,
        palette=(BLACK, bright),
        read=BlackAndWhite(threshold=threshold),
        notes=tuple(notes),
    )


def _by_table(
    survey: MaskSurvey, table: ColorTable, ignore_label: int, ignore_unknown: bool
) -> MaskMeaning:
    """Returns what a colour table says; of masks with ids, names and colours alone."""
    meaning = MaskMeaning(
        classes=table.classes,
        palette=table.palette,
        read=ColorIds(
            table=table, ignore_label=ignore_label, ignore_unknown=ignore_unknown
        ),
    )
    allowed = {*range(len(table.classes)), ignore_label}
    holds_ids = not survey.colors and set(survey.numbers) <= allowed
    if not holds_ids or _holds_colors_of(table, survey, ignore_label):
        return meaning
    note = (
        "Masks hold ids, not the colours of --color_table, which gives the classes "
        "their names and colours."
    )
    return dataclasses.replace(meaning, read=MaskIds(), notes=(note,))


def _holds_colors_of(table: ColorTable, survey: MaskSurvey, ignore_label: int) -> bool:
    """Returns whether grey values and palette colours are those of a table."""
    known = {*table.ids, *table.ignored}
    greys = {value for value in survey.greys if (value,) * 3 not in known}
    unknown = [color for color in survey.palette_colors if color not in known]
    # The colour of the ignore label need not be in the table.
    return greys <= {ignore_label} and len(unknown) <= (ignore_label in survey.indices)


def _by_number(
    survey: MaskSurvey,
    class_names: Sequence[str],
    ignore_label: int | None,
    ignore_unknown: bool,
) -> MaskMeaning:
    """Returns that grey values and palette indices are class ids."""
    label = DEFAULT_IGNORE_LABEL if ignore_label is None else ignore_label
    found = {value: n for value, n in survey.numbers.items() if value != label}
    notes = []
    if label in survey.numbers:
        pixels = survey.numbers[label].pixels
        notes.append(f"{pixels:,} pixels of the value {label} are ignored.")
    if not found:
        raise ValueError(f"Every pixel of every mask is {label}, the ignore label.")
    names = tuple(class_names)
    if names:
        unknown = [value for value in found if value >= len(names)]
        if unknown and not ignore_unknown:
            raise ValueError(_describe_numbers(survey, found, label, names))
        absent = [name for i, name in enumerate(names) if i not in found and i != label]
        if absent:
            notes.append(f"No mask holds {list_some(absent)}.")
    else:
        ids = {*found, label} if label < max(found) else {*found}
        if ids != set(range(len(ids))) or len(ids) > MAX_LABEL + 1:
            raise ValueError(_describe_numbers(survey, found, label, names))
        if len(ids) == 1:
            raise ValueError(
                "Every pixel of every mask is 0 or ignored, which is one class alone. "
                "If others are just rare, name all with --class_names."
            )
        names = tuple(f"class_{value}" for value in sorted(ids))
        notes.append(
            f"Masks hold the ids 0 to {len(names) - 1}: {len(names)} classes. Give "
            "them names with --class_names."
        )
    return MaskMeaning(
        classes=names,
        palette=_palette(survey, len(names)),
        read=MaskIds(),
        notes=tuple(notes),
    )


def _palette(survey: MaskSurvey, num_classes: int) -> tuple[Color, ...]:
    """Returns the colours of palette masks, or those of VOC."""
    stored = (survey.palette or ())[:num_classes]
    if len(set(stored)) == num_classes:
        return tuple(stored)
    return pascal_colors(num_classes)


def _describe_colors(survey: MaskSurvey, class_names: Sequence[str]) -> str:
    """Returns the message for coloured masks without a colour table."""
    colors = survey.all_colors
    first = next(iter(survey.colors.values())).first
    if len(colors) > _MAX_TABLE_ROWS:
        return (
            f"Masks hold {len(colors)} colours or more, as {first}: that is no mask of "
            "classes. Save masks without smoothing and as PNG; if they are as they "
            "should be, say with --color_table which class a colour is."
        )
    return (
        f"Masks hold colours, as {first}; a colour table must say which class each "
        "is. Give these names, put the lines into a file and give it as --color_table "
        "(a colour that is no class: --ignore_color):\n"
        f"{_table_text(colors, class_names)}"
    )


def _describe_numbers(
    survey: MaskSurvey,
    found: Mapping[int, Count],
    ignore_label: int,
    class_names: Sequence[str],
) -> str:
    """Returns the message for numbers that are no ids."""
    num_classes = len(class_names) or len(found)
    odd = next((value for value in found if value >= num_classes), max(found))
    count = found[odd]
    text = (
        f"Masks hold the values {list_some(str(value) for value in found)}; expected "
        f"for {num_classes} classes are 0 to {num_classes - 1}, and {ignore_label} for "
        f"what is ignored. {odd} occurs in {count.masks} of {survey.num_masks} masks, "
        f"first in {count.first}."
    )
    if len(found) > _MAX_TABLE_ROWS:
        pixels = sorted(count.pixels for count in survey.numbers.values())
        if sum(pixels[-2:]) > _SOFT_SHARE * sum(pixels):
            return f"{text} If they are black and white with soft borders: --binary."
        return f"{text} If they are ids, name all classes with --class_names."
    table = _table_text(_colors_of(survey, found), class_names)
    return (
        f"{text} If they are ids and some classes do not occur, give all names with "
        "--class_names. If each value is a class, put these lines into a file and give "
        f"it as --color_table:\n{table}"
    )


def _colors_of(survey: MaskSurvey, found: Collection[int]) -> dict[Color, Count]:
    """Returns the colours that stand for numbers."""
    palette = survey.palette or ()
    return {
        palette[value] if value < len(palette) else (value, value, value): count
        for value, count in survey.numbers.items()
        if value in found
    }


def _table_text(colors: Mapping[Color, Count], class_names: Sequence[str]) -> str:
    """Returns a colour table of colours, with the names if there are as many."""
    names = list(class_names)
    if len(names) != len(colors):
        names = [f"class_{i}" for i in range(len(colors))]
    return "\n".join(
        f"  {name} {' '.join(map(str, color))}"
        for name, color in zip(names, colors, strict=True)
    )
