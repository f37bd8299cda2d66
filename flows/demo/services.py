"""What a demo folder needs while its pipeline runs: the API, and values for its variables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.demo import api
from flows.demo.layout import CUSTOMERS, MARK, PRODUCTS
from flows.pipeline import environment, find


@contextmanager
def demo_services(pipeline: str) -> Iterator[None]:
    """Serve the product API while the block runs, if the pipeline lies in a demo folder.

    A variable that the environment sets already is left alone, so that a pipeline copied from the
    demo can be pointed at an API and a database of its own.
    """
    folder = find(pipeline).parent
    if not (folder / MARK).is_file():
        yield
        return
    with (
        api.serve_products(folder / PRODUCTS) as url,
        environment(
            {
                "PRODUCTS_URL": url,
                "PRODUCTS_TOKEN": api.TOKEN,
                "CUSTOMERS_DB": f"sqlite:///{Path(CUSTOMERS)}",
            }
        ),
    ):
        yield
