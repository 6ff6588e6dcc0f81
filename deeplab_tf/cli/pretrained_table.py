# Licensed under the Apache License, Version 2.0.
"""The released checkpoints as a table: for --list_pretrained, and in Markdown.

`python -m deeplab_tf.cli.pretrained_table` prints the table of g3doc/model_zoo.md.
"""

from collections.abc import Sequence

from deeplab_tf.checkpoints.published import list_pretrained
from deeplab_tf.checkpoints.published_checkpoint import PublishedCheckpoint
from deeplab_tf.cli import recipe_table, reporting
from deeplab_tf.config.backbone import BackboneConfig

_HEADER = ("checkpoint", "backbone", "classes", "MB")
_PAGE_HEADER = (
    "name",
    "file",
    "network",
    "trained on",
    "outputs, ignored label",
    "reported",
    "where",
    "MB",
)


def format_pretrained(
    released: Sequence[PublishedCheckpoint], *, width: int = recipe_table.WIDTH
) -> str:
    """Returns a line for each checkpoint, and its score and its file below.

    Args:
        released: in the order of the table.
        width: columns that no line passes, unless a name alone does.
    """
    rows = [
        (r.name, r.variant or "-", r.dataset or "ImageNet", _size(r) or "-")
        for r in released
    ]
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows, strict=True)]
    rule = ["-" * n for n in widths]
    lines = [recipe_table.join_cells(cells, widths) for cells in (_HEADER, rule)]
    for published, row in zip(released, rows, strict=True):
        lines.append(recipe_table.join_cells(row, widths))
        texts = {
            "reported": "; ".join(map(str, published.scores)),
            "file": published.file_name,
            "no net": published.not_built,
            "note": published.note,
        }
        for title, text in texts.items():
            if text:
                lines += recipe_table.wrap(title, text, width=width)
    return "\n".join(lines)


def format_page(released: Sequence[PublishedCheckpoint]) -> str:
    """Returns the checkpoints as a table in Markdown."""
    lines = [_page_row(_PAGE_HEADER), _page_row(["---"] * len(_PAGE_HEADER))]
    for published in released:
        lines.append(
            _page_row(
                (
                    f"`{published.name}`",
                    f"[{published.file_name}]({published.urls[0]})",
                    _network(published),
                    ", ".join(published.trained_on),
                    _outputs(published),
                    "; ".join(map(str, published.scores)),
                    published.source,
                    _size(published),
                )
            )
        )
    return "\n".join(lines)


def _page_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _network(published: PublishedCheckpoint) -> str:
    contents = f" ({', '.join(published.contents)})"
    if (model := published.model) is not None:
        kind = type(model).__name__.removesuffix("Config")
        return f"{kind} on `{published.variant}`{_width(model.backbone)}{contents}"
    if published.backbone is not None:
        return f"classifier `{published.variant}`{contents}"
    return f"not built{contents}"


def _width(backbone: BackboneConfig) -> str:
    width = getattr(backbone, "depth_multiplier", 1.0)
    return "" if width == 1.0 else f" at {width:g}"


def _outputs(published: PublishedCheckpoint) -> str:
    if published.num_classes is None:
        return ""
    if published.ignore_label is None:
        return str(published.num_classes)
    return f"{published.num_classes}, {published.ignore_label}"


def _size(published: PublishedCheckpoint) -> str:
    size = published.size_megabytes
    return "" if size is None else f"{size:g}"


def run() -> None:
    """Prints the table in Markdown."""
    print(format_page(list_pretrained()))


def main() -> None:
    """The command."""
    reporting.run_main(run)


if __name__ == "__main__":
    main()
