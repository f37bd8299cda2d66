"""The drawings of a published page as Markdown, for where the page's own styles are not."""

from __future__ import annotations

import base64
import re
from html import unescape

from tasks.report.markdown import plain

_WIDTH, _HEIGHT = 660, 460
_DRAWING = re.compile(r'<svg([^>]* class="marks"[^>]*)>(.*?)</svg>', re.DOTALL)
_TITLE = re.compile(r'aria-label="([^"]*)"')
# What the drawings name of the page's style: the first block, which is that of paper.
_PALETTE = re.compile(r":root \{.*?\}", re.DOTALL)


def pictures(page: bytes) -> str:
    """Every drawing under its title, each within the text: nothing else is to be asked for.

    Args:
        page: a night's, a training's, or that over all nights; empty where there is none.
    """
    text = page.decode()
    palette = _PALETTE.search(text)
    style = f"<style>{palette[0]}</style>" if palette else ""
    ground = '<rect width="100%" height="100%" fill="var(--paper)"/>'
    drawn = []
    for attributes, content in _DRAWING.findall(text):
        named = _TITLE.search(attributes)
        title = plain(unescape(named[1])) if named else ""
        size = f' width="{_WIDTH}" height="{_HEIGHT}"'
        svg = f"<svg{attributes}{size}>{style}{ground}{content}</svg>"
        data = base64.b64encode(svg.encode()).decode()
        drawn.append(f"### {title}\n\n![{title}](data:image/svg+xml;base64,{data})")
    return "\n\n".join(drawn)
