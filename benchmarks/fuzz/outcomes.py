# Licensed under the Apache License, Version 2.0.
"""What may come of a mutated file, and by which way it comes in."""

RIGHT = "right answer"
NAMED = "error that names the file"
FAILED = "failed"

READ = "records, read"
TRAINED_ON = "records, trained on"
FOLDER = "folder of images"
BUILT = "images made into records"
PHOTO = "photos to predict"
MASK = "masks of any kind"
DOORS = (READ, TRAINED_ON, FOLDER, BUILT, PHOTO, MASK)


def door_of(number: int) -> str:
    """Returns the door of a file by its number: they take turns."""
    return DOORS[number % len(DOORS)]
