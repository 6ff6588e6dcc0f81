# Licensed under the Apache License, Version 2.0.
import re

import numpy as np
import pytest
from PIL import Image

import deeplab_tf
from deeplab_tf.cli import flag_table
from deeplab_tf.recipes import get_recipe, list_recipes
from tests.conftest import ROOT
from tests.docs import command_table, pages
from tests.docs.workspace import Workspace, classify

# Pages whose commands go on from those of README.md.
FIRST_PAGE = "README.md"
LANGUAGES = ("bash", "python", "text")
PAGES_WITH_COMMANDS = [
    page
    for page in pages.PAGES
    if any(block.language in ("bash", "python") for block in pages.read_blocks(page))
]
# Flags in the prose that are not this project's.
FOREIGN_FLAGS = {"help"}


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("docs"))


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_block_has_a_language(page):
    assert {block.language for block in pages.read_blocks(page)} <= set(LANGUAGES)


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_command_is_run_here_or_by_make(page):
    unknown = [
        command
        for where, command in pages.all_commands()
        if where == page and classify(command) is None
    ]
    assert not unknown, "say in command_table.py how these are tried"


def test_every_entry_of_the_tables_is_used():
    commands = [command for _, command in pages.all_commands()]
    code = "".join(
        block.text
        for page in pages.PAGES
        for block in pages.read_blocks(page)
        if block.language == "python"
    )
    assert {*command_table.MADE, *command_table.PIP_FLAGS} <= set(commands)
    for script in command_table.EXTRA_FLAGS:
        assert any(command.startswith(f"python {script}") for command in commands)
    for text in (*command_table.PYTHON_SUBSTITUTIONS, *command_table.OWN_PROCESS):
        assert text in code


@pytest.mark.parametrize("command", command_table.MADE)
def test_make_does_what_the_documentation_leaves_to_it(command):
    assert command_table.MADE[command] in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter")
@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_commands_and_code_run(workspace, page):
    workspace.run_page(FIRST_PAGE)
    workspace.run_page(page)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter")
def test_five_commands_lead_from_photos_to_an_exported_model(workspace):
    page = "g3doc/your_own_data.md"
    assert len(pages.read_blocks(page)[0].commands) == 5
    workspace.run_page(page)
    run = workspace.folder / "runs" / "photos"
    assert "foreground" in (run / "eval" / "eval.csv").read_text("utf-8")
    with Image.open(run / "predictions" / "photo_mask.png") as mask:
        assert set(np.unique(np.asarray(mask))) <= {0, 1}
        with Image.open(workspace.folder / "photo.jpg") as photo:
            assert mask.size == photo.size
    assert (run / "export" / "saved_model" / "saved_model.pb").is_file()
    assert (run / "export" / "model.tflite").stat().st_size > 1e6


@pytest.mark.parametrize("page", pages.PAGES)
def test_links_resolve(page):
    folder = (ROOT / page).parent
    targets = re.findall(r"\]\(([^)]+)\)", pages.read_prose(page))
    for target in targets:
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        path = (folder / name).resolve() if name else ROOT / page
        assert path.is_file(), target
        if anchor:
            anchors = pages.read_anchors(path.relative_to(ROOT).as_posix())
            assert anchor in anchors, target


def test_every_page_is_linked_from_the_readme():
    text = pages.read_page("README.md")
    assert [page for page in pages.PAGES[1:] if f"({page})" not in text] == []


@pytest.mark.parametrize("page", pages.PAGES)
def test_flags_in_the_prose_exist(page):
    defined = {flag.name for flag in flag_table.TABLE} | FOREIGN_FLAGS
    for folder in ("deeplab_tf/cli", "datasets"):
        for path in (ROOT / folder).glob("*.py"):
            text = path.read_text("utf-8")
            defined.update(re.findall(r"DEFINE_\w+\(\s*\"(\w+)\"", text))
    found = set(re.findall(r"(?<![\w-])--(\w+)", pages.read_prose(page)))
    assert found - defined == set()


def test_names_of_the_package_are_public():
    text = "".join(pages.read_page(page) for page in pages.PAGES)
    found = set(re.findall(r"\bdeeplab\.(\w+)", text))
    assert found - set(deeplab_tf.__all__) == set()


@pytest.mark.parametrize("page", pages.PAGES)
def test_settings_in_the_prose_can_be_set(page):
    recipe = get_recipe("deeplab_v3plus_mobilenet_v2_camvid")
    parts = "model|data|train|evaluation"
    pattern = rf"`(?:--set=)?((?:{parts})\.[\w.]+=[^`]+)`"
    for setting in re.findall(pattern, pages.read_prose(page)):
        recipe.override(setting)


def test_training_lists_every_recipe():
    listed = re.findall(r"^\| `(\w+)` \|", pages.read_page("g3doc/training.md"), re.M)
    names = {recipe.name for recipe in list_recipes()}
    assert names <= set(listed)
