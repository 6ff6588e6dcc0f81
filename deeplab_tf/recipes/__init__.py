# Licensed under the Apache License, Version 2.0.
"""Published results as configurations: one file a data set."""

from deeplab_tf.config.recipe import Recipe
from deeplab_tf.recipes import (
    ade20k,
    camvid,
    cityscapes,
    coco_stuff,
    pascal_context,
    pascal_person_part,
    shapes,
    voc2012,
    voc2012_v1_v2,
)

_RECIPES = {
    recipe.name: recipe
    for recipe in (
        *ade20k.RECIPES,
        *camvid.RECIPES,
        *cityscapes.RECIPES,
        *coco_stuff.RECIPES,
        *pascal_context.RECIPES,
        *pascal_person_part.RECIPES,
        *shapes.RECIPES,
        *voc2012.RECIPES,
        *voc2012_v1_v2.RECIPES,
    )
}


def list_recipes() -> list[Recipe]:
    """Returns all recipes, by name."""
    return [_RECIPES[name] for name in sorted(_RECIPES)]


def get_recipe(name: str) -> Recipe:
    """Returns a recipe by name.

    Raises:
        ValueError: there is none; the message lists them.
    """
    if name not in _RECIPES:
        raise ValueError(
            f"Unknown recipe {name!r}; there are {', '.join(sorted(_RECIPES))}."
        )
    return _RECIPES[name]
