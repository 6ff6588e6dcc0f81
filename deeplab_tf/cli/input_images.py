# Licensed under the Apache License, Version 2.0.
"""The images that a command is asked to predict, and what their results are called."""

import collections
import dataclasses
import glob
import logging
import os
import pathlib
from collections.abc import Sequence

log = logging.getLogger(__name__)

# Endings of the files of a folder that are taken for images.
PHOTO_SUFFIXES = (
    ".bmp",
    ".gif",
    ".jpeg",
    ".jpg",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)

# What predict writes for each image: never its input, where it lies in --output_dir.
MASK_ENDING = "_mask.png"
OVERLAY_ENDING = "_overlay.png"


@dataclasses.dataclass(frozen=True, order=True)
class InputImage:
    """An image and what its results are called.

    Attributes:
        path: the file.
        name: of the results below the output folder, without ending: `a/photo`.
    """

    path: pathlib.Path
    name: str


def find_images(
    inputs: Sequence[str], *, output_dir: str | os.PathLike[str]
) -> list[InputImage]:
    """Returns the images that files, folders and patterns mean, each once.

    Of a folder these are the files with the ending of an image, those of folders
    below it too; hidden ones are left out. Files that are named or matched by a pattern
    are taken whatever they are called. Results of an earlier prediction in
    `output_dir` are left out.

    Results are called as the image without its ending, with the folders that lie below
    the named folder or below the first `*`. Where two images would have the same name,
    theirs begin further up; where only the endings of the files differ, they stay.

    Args:
        inputs: files, folders and patterns with `*`, `?`, `[]` and `**`.
        output_dir: folder of the results.

    Raises:
        ValueError: there are no images.
        FileNotFoundError: there is no such file or folder, or a pattern matches none.
    """
    if not inputs:
        raise ValueError("--input must be given: an image, a folder or a pattern.")
    output = pathlib.Path(output_dir).resolve()
    found: dict[str, tuple[pathlib.Path, pathlib.Path]] = {}
    results = 0
    for text in inputs:
        root, paths = _expand(text)
        for path in paths:
            if _is_result(path, output):
                results += 1
            else:
                found.setdefault(os.path.abspath(path), (path, root))
    if results:
        log.info("%d files of an earlier prediction are left out.", results)
    if not found:
        raise ValueError(
            f"There are no images in {', '.join(inputs)}: expected files that end in "
            f"{', '.join(PHOTO_SUFFIXES)}."
        )
    names = _distinct_names(list(found.values()))
    return [
        InputImage(path, name)
        for (path, _), name in zip(found.values(), names, strict=True)
    ]


def _expand(text: str) -> tuple[pathlib.Path, list[pathlib.Path]]:
    """Returns the folder where names of results begin, and the files of an input."""
    path = pathlib.Path(text)
    if path.is_dir():
        return path, _files_below(path)
    if path.is_file():
        return path.parent, [path]
    if not glob.has_magic(text):
        raise FileNotFoundError(f"--input={text}: there is no such file or folder.")
    matches = sorted(map(pathlib.Path, glob.glob(text, recursive=True)))
    files = [match for match in matches if match.is_file()]
    if not files:
        raise FileNotFoundError(f"--input={text} matches no file.")
    first_magic = [glob.has_magic(part) for part in path.parts].index(True)
    return pathlib.Path(*path.parts[:first_magic]), files


def _files_below(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the image files of a folder and of those below it."""
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    images = [path for path in files if path.suffix.lower() in PHOTO_SUFFIXES]
    if others := len(files) - len(images):
        log.info(
            "%s: %d files left out, whose names do not end as images' do.",
            folder,
            others,
        )
    return images


def _is_result(path: pathlib.Path, output: pathlib.Path) -> bool:
    """Returns whether a file is what predict wrote into its output folder."""
    return (
        path.name.endswith((MASK_ENDING, OVERLAY_ENDING))
        and output in path.resolve().parents
    )


def _distinct_names(files: Sequence[tuple[pathlib.Path, pathlib.Path]]) -> list[str]:
    """Returns names of results, all different, as short as that allows.

    Args:
        files: the path of each, and the folder where its name begins.
    """
    absolute = [path.absolute() for path, _ in files]
    top = os.path.commonpath([path.parent for path in absolute])
    below_top = [path.relative_to(top) for path in absolute]
    candidates = (
        [_without_ending(path.relative_to(root)) for path, root in files],
        [_without_ending(path) for path in below_top],
        below_top,
    )
    names: dict[int, str] = {}
    for paths in candidates:
        open_ids = [i for i in range(len(files)) if i not in names]
        # As a file system sees them that does not tell A from a.
        wanted = {i: paths[i].as_posix().casefold() for i in open_ids}
        counts = collections.Counter([*map(str.casefold, names.values())])
        counts.update(wanted.values())
        for i in open_ids:
            if counts[wanted[i]] == 1:
                names[i] = paths[i].as_posix()
    for i in range(len(files)):
        names.setdefault(i, f"{below_top[i].as_posix()}-{i}")
    return [names[i] for i in range(len(files))]


def _without_ending(path: pathlib.Path) -> pathlib.Path:
    """Returns a path without the ending of an image; other dots stay."""
    is_known = path.suffix.lower() in PHOTO_SUFFIXES
    return path.with_suffix("") if is_known else path
