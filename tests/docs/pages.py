# Licensed under the Apache License, Version 2.0.
"""Reads what the documentation tells its readers to type."""

import dataclasses
import re
import shlex

from tests.conftest import ROOT

PAGES = (
    "README.md",
    *(f"g3doc/{path.name}" for path in sorted((ROOT / "g3doc").glob("*.md"))),
)

_BLOCK = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and the number of its first line."""

    page: str
    line: int
    language: str
    text: str

    @property
    def commands(self):
        """The command lines of a bash block, each as one line."""
        joined = self.text.replace("\\\n", " ")
        commands = [shlex.split(line, comments=True) for line in joined.splitlines()]
        return [shlex.join(words) for words in commands if words]


def read_page(page):
    return (ROOT / page).read_text("utf-8")


def read_blocks(page):
    text = read_page(page)
    return [
        Block(
            page=page,
            line=text.count("\n", 0, match.start()) + 2,
            language=match[1],
            text=match[2],
        )
        for match in _BLOCK.finditer(text)
    ]


def read_prose(page):
    """Returns a page without its fenced blocks."""
    return _BLOCK.sub("", read_page(page))


def read_anchors(page):
    """Returns the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", read_prose(page), re.MULTILINE)
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in kept}


def all_commands():
    """Returns (page, command) of all bash blocks, in order."""
    return [
        (page, command)
        for page in PAGES
        for block in read_blocks(page)
        if block.language == "bash"
        for command in block.commands
    ]
