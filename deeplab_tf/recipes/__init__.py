# Licensed under the Apache License, Version 2.0.
"""Published results as configurations: one file a data set."""

from deeplab_tf.config.recipe import Recipe
from deeplab_tf.recipes import ade20k, camvid, cityscapes, shapes, voc2012

_RECIPES = {
    recipe.name: recipe
    for recipe in (
        *ade20k.RECIPES,
        *camvid.RECIPES,
        *cityscapes.RECIPES,
        *shapes.RECIPES,
        *voc2012.RECIPES,
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
