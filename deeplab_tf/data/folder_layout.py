# Licensed under the Apache License, Version 2.0.
"""Finds images and their masks in a folder, however it is laid out.

images/a.jpg             masks/a.png
images/train/a.jpg       masks/train/a.png
train/images/a.jpg       train/masks/a.png
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from deeplab_tf.data.image_files import IMAGE_SUFFIXES
from deeplab_tf.data.mask_files import MASK_SUFFIXES
from deeplab_tf.data.split_lists import check_folder

# Folders that are looked for, in lower case.
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "photos", "jpegimages")
MASK_FOLDERS = (
    "masks",
    "mask",
    "labels",
    "label",
    "annotations",
    "annotation",
    "segmentations",
    "segmentation",
    "segmentationclass",
)
# How folders and lists of splits are called, and how we call them.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "trainval": "trainval",
    "test": "test",
    "testing": "test",
}
_IMAGE_SUFFIXES = (*IMAGE_SUFFIXES, ".bmp", ".gif", ".tif", ".tiff", ".webp")
_MAX_LISTED = 10
# Masks whose names are compared with those of all images.
_MAX_TRIED = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderPart:
    """A folder of images and the one of their masks.

    Attributes:
        split: what they are for; None: nobody says.
        images: folder of the images.
        masks: folder of the masks; None: there are none.
        notes: what a person should know.
    """

    split: str | None
    images: pathlib.Path
    masks: pathlib.Path | None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderFiles:
    """Images and masks by name: the path in their folder, without ending.

    Attributes:
        part: where they lie.
        images: file of each image.
        masks: file of each mask; not every image need have one.
        notes: what a person should know.
    """

    part: FolderPart
    images: Mapping[str, pathlib.Path]
    masks: Mapping[str, pathlib.Path]
    notes: tuple[str, ...] = ()


def find_parts(
    root: pathlib.Path, *, image_folder: str = "", mask_folder: str = ""
) -> list[FolderPart]:
    """Returns the folders of images and masks, one part for each split folder.

    Args:
        root: the folder of the data set.
        image_folder: folder of the images in it; "" looks for the usual names.
        mask_folder: folder of the masks in it; "" looks for the usual names.

    Raises:
        FileNotFoundError: a folder is not there.
        ValueError: it is not clear which folder is meant.
    """
    check_folder(root, content="images and masks")
    if not image_folder and not _named(root, IMAGE_FOLDERS):
        parts = _parts_of_split_folders(root, mask_folder=mask_folder)
        if parts:
            return parts
    images = _folder(root, image_folder, IMAGE_FOLDERS, "image", _IMAGE_SUFFIXES)
    masks = _folder(root, mask_folder, MASK_FOLDERS, "mask", MASK_SUFFIXES)
    splits = _split_folders(images)
    if not splits:
        return [FolderPart(split=None, images=images, masks=masks)]
    of_masks = _split_folders(masks)
    inside = {path for folder in splits.values() for path in folder.rglob("*")}
    outside = [path for path in _walk(images, _IMAGE_SUFFIXES) if path not in inside]
    notes: tuple[str, ...] = ()
    if outside:
        names = list_some(sorted(str(path.relative_to(images)) for path in outside))
        notes = (f"Left out, in no folder of a split in {images}: {names}.",)
    return [
        FolderPart(
            split=split,
            images=folder,
            masks=_mask_part(split, masks, of_masks),
            notes=notes if number == 0 else (),
        )
        for number, (split, folder) in enumerate(splits.items())
    ]


def find_files(
    part: FolderPart, *, image_suffix: str = "", mask_suffix: str = ""
) -> FolderFiles:
    """Returns the images and masks of a part.

    Args:
        part: where to look; folders in it count, too.
        image_suffix: end of the images' names that is no part of the example's name.
        mask_suffix: the same of the masks; "" finds out where one is needed.

    Raises:
        FileNotFoundError: there is no image.
        ValueError: two files have the same name.
    """
    if part.masks == part.images and not mask_suffix:
        raise ValueError(
            f"{part.images} holds images and masks: give --mask_suffix, the end of the "
            "masks' names, such as _mask; or move the masks to a folder of their own."
        )
    images = _files(part.images, _IMAGE_SUFFIXES)
    masks = [] if part.masks is None else _files(part.masks, MASK_SUFFIXES)
    if part.masks == part.images:
        images = [path for path in images if not path.stem.endswith(mask_suffix)]
    by_image = _by_name(images, folder=part.images, suffix=image_suffix)
    if not by_image:
        ending = f"{image_suffix}.*" if image_suffix else ".jpg, .jpeg or .png"
        raise FileNotFoundError(f"{part.images} holds no image ({ending}).")
    if part.masks is None:
        return FolderFiles(part=part, images=by_image, masks={}, notes=part.notes)
    notes = part.notes
    names = [_name(path, part.masks) for path in masks]
    if not mask_suffix and not image_suffix:
        mask_suffix = _common_suffix(by_image, names)
        if mask_suffix:
            notes += (f"Masks are called <image>{mask_suffix}.* in {part.masks}.",)
    by_mask = _by_name(masks, folder=part.masks, suffix=mask_suffix)
    return FolderFiles(part=part, images=by_image, masks=by_mask, notes=notes)


def list_some(names: Iterable[str]) -> str:
    """Returns names with commas, ten at most."""
    names = list(names)
    more = [f"and {len(names) - _MAX_LISTED} more"] if names[_MAX_LISTED:] else []
    return ", ".join([*names[:_MAX_LISTED], *more])


def _parts_of_split_folders(
    root: pathlib.Path, *, mask_folder: str
) -> list[FolderPart]:
    """Returns the parts of <split>/images and <split>/masks, if there are any."""
    parts = []
    for split, folder in _split_folders(root).items():
        if not _named(folder, IMAGE_FOLDERS):
            continue
        images = _folder(folder, "", IMAGE_FOLDERS, "image", _IMAGE_SUFFIXES)
        masks = None
        if mask_folder or _named(folder, MASK_FOLDERS) or split != "test":
            masks = _folder(folder, mask_folder, MASK_FOLDERS, "mask", MASK_SUFFIXES)
        parts.append(FolderPart(split=split, images=images, masks=masks))
    return parts


def _mask_part(
    split: str, masks: pathlib.Path, of_masks: Mapping[str, pathlib.Path]
) -> pathlib.Path | None:
    """Returns the folder of the masks of a split."""
    if not of_masks:
        return masks
    if split in of_masks:
        return of_masks[split]
    if split == "test":
        return None
    raise FileNotFoundError(
        f"{masks} has no folder for the masks of the split {split}; it has "
        f"{', '.join(path.name for path in of_masks.values())}."
    )


def _split_folders(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Returns the folders in a folder that are called as splits."""
    found: dict[str, pathlib.Path] = {}
    for path in sorted(folder.iterdir()):
        split = SPLIT_NAMES.get(path.name.lower())
        if split is None or not path.is_dir():
            continue
        if split in found:
            raise ValueError(
                f"{found[split]} and {path} both mean the split {split}: keep one."
            )
        found[split] = path
    return found


def _named(root: pathlib.Path, names: Sequence[str]) -> list[pathlib.Path]:
    """Returns the folders with one of some names."""
    return [
        path
        for path in sorted(root.iterdir())
        if path.is_dir() and path.name.lower() in names
    ]


def _folder(
    root: pathlib.Path,
    given: str,
    names: Sequence[str],
    kind: str,
    suffixes: Sequence[str],
) -> pathlib.Path:
    """Returns the folder of images or masks in a folder."""
    if given:
        return check_folder(root / given, content=f"{kind}s")
    # A folder of boxes in .txt or .xml is no folder of masks.
    found = [path for path in _named(root, names) if any(_walk(path, suffixes))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{root} has several folders of {kind}s, "
            f"{' and '.join(path.name for path in found)}: name the right one with "
            f"--{kind}_folder."
        )
    holds = sorted(path.name for path in root.iterdir())
    raise FileNotFoundError(
        f"{root} has no folder with {kind}s, such as {names[0]}/: name it with "
        f"--{kind}_folder. It holds {list_some(holds) or 'nothing'}."
    )


def _files(folder: pathlib.Path, suffixes: Sequence[str]) -> list[pathlib.Path]:
    """Returns the files with some endings in a folder and those below, by name."""
    return sorted(_walk(folder, suffixes))


def _walk(folder: pathlib.Path, suffixes: Sequence[str]) -> Iterator[pathlib.Path]:
    """Yields these files; what is hidden is left out."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        if path.suffix.lower() in suffixes and not hidden and path.is_file():
            yield path


def _name(path: pathlib.Path, folder: pathlib.Path) -> str:
    """Returns the path in a folder without the ending, with / on every system."""
    return path.relative_to(folder).with_suffix("").as_posix()


def _by_name(
    paths: Iterable[pathlib.Path], *, folder: pathlib.Path, suffix: str
) -> dict[str, pathlib.Path]:
    """Returns files by name without suffix; files without the suffix are left out."""
    found: dict[str, pathlib.Path] = {}
    doubles = []
    for path in paths:
        name = _name(path, folder)
        if not name.endswith(suffix):
            continue
        name = name.removesuffix(suffix)
        if name in found:
            doubles.append(f"{found[name].name} and {path.name}")
        found[name] = path
    if doubles:
        raise ValueError(
            f"{folder} holds files that differ only in their ending: "
            f"{list_some(doubles)}. Which one belongs to the example is not clear: "
            "move or rename one of each."
        )
    return found


def _common_suffix(images: Iterable[str], masks: Sequence[str]) -> str:
    """Returns what the masks' names end in, if they are not those of the images."""
    names = set(images)
    if not masks or names & set(masks):
        return ""
    # Longest name first: "a1" and "a10" both begin with "a1".
    starts = sorted(names, key=len, reverse=True)
    counts: dict[str, int] = {}
    tried = masks[:_MAX_TRIED]
    for mask in tried:
        start = next((name for name in starts if mask.startswith(name)), mask)
        counts[mask[len(start) :]] = counts.get(mask[len(start) :], 0) + 1
    suffix, count = max(counts.items(), key=lambda item: item[1])
    return suffix if 2 * count > len(tried) else ""
