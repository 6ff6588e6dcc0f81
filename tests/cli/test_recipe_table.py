# Licensed under the Apache License, Version 2.0.
import dataclasses

from deeplab_tf.cli.recipe_table import WIDTH, format_recipes
from deeplab_tf.recipes import get_recipe, list_recipes
from tests.cli.command import run_command


def test_a_recipe_has_a_line_and_its_source_below():
    recipe = dataclasses.replace(
        get_recipe("deeplab_v3plus_mobilenet_v2_shapes"),
        expected="0.80 mean IoU",
        source="a paper " * 40,
    )
    lines = format_recipes([recipe], width=60).splitlines()
    assert lines[0].split("  ")[0] == "recipe"
    assert lines[2].split() == [recipe.name, "mobilenet_v2", "shapes"]
    assert lines[3] == "    expected: 0.80 mean IoU"
    assert lines[4].startswith("    source:   a paper a paper")
    assert lines[5].startswith(" " * 14 + "paper a paper")
    assert lines[5].endswith(" ...")
    assert len(lines) == 6
    assert max(map(len, lines[3:])) <= 60


def test_list_recipes_prints_the_table_and_needs_nothing_else():
    result = run_command("train", "--list_recipes")
    assert result.code == 0
    for recipe in list_recipes():
        assert f"\n{recipe.name} " in result.out
    assert max(map(len, result.out.splitlines())) <= WIDTH
