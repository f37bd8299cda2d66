"""On pages, a link to a file of the source tree is its path: the tree does not travel with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Replace links that leave the folder of the documentation."""
    folder, docs = Path(page.file.abs_src_path).parent, Path(config.docs_dir).resolve()

    def kept(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if target.is_relative_to(docs):
            return link[0]
        path, text = str(target.relative_to(docs.parents[1])), link[1].strip("`")
        return f"`{path}`" if text in path else f"{link[1]} (`{path}`)"

    return _LINK.sub(kept, markdown)
