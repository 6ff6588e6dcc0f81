# Licensed under the Apache License, Version 2.0.
from deeplab_tf.checkpoints.published import get_published, list_pretrained
from deeplab_tf.cli.pretrained_table import format_page, format_pretrained
from tests.cli.command import run_command
from tests.docs import pages


def test_a_checkpoint_has_a_line_and_its_score_and_file_below():
    published = get_published("mobilenetv2_coco_voc_trainval")
    lines = format_pretrained([published]).splitlines()
    assert lines[0].split() == ["checkpoint", "backbone", "classes", "MB"]
    assert lines[2].split() == [published.name, "mobilenet_v2", "voc2012", "23"]
    assert lines[3].startswith("    reported: 80.25 mean IoU on test, stride 8")
    assert lines[4] == f"    file:     {published.file_name}"


def test_list_pretrained_prints_all_and_needs_nothing_else():
    result = run_command("train", "--list_pretrained")
    assert result.code == 0
    for published in list_pretrained():
        assert f"\n{published.name} " in result.out


def test_the_page_has_the_table_that_the_command_prints():
    result = run_command("pretrained_table")
    assert result.code == 0
    table = result.out.strip()
    assert table == format_page(list_pretrained())
    assert table in pages.read_page("g3doc/model_zoo.md")
