"""The pages in a real browser: quiet, self-contained, legible at every size and scheme."""

from __future__ import annotations

import functools
import http.server
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.core.store import Store
from tasks.report import task
from tasks.report.page import index_page
from tests.browser import chromium
from tests.unit.report import nights

PROGRAM = chromium.find()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")

PAGES = ("report.html", "training.html", "incident.html", "index.html")
SIZES = {"desktop": (1280, 900), "phone": (390, 844), "narrow": (320, 640)}

# Of the element that has the focus: its place, and the width and the contrast of its outline.
FOCUSED = """
(() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const light = color => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const [a, b] = [light(style.outlineColor), ground].sort((x, y) => y - x);
  const width = style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth);
  return [[...document.querySelectorAll('*')].indexOf(e), width, (a + 0.05) / (b + 0.05)];
})()
"""

# For each text: its colour against the nearest painted ground behind it, by WCAG 2.2.
FAINT_TEXTS = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = color => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor);
      if (color[3] > 250) return color;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    const hidden = element.closest('.unseen, .skip, style') || !element.getClientRects().length;
    if (!text || hidden) continue;
    const style = getComputedStyle(element);
    const color = rgba(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(color), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) found.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[str]:
    """One page of each kind, served on loopback."""
    root = tmp_path_factory.mktemp("site")
    with nights.open_night(Store(root / "store")) as run:
        night = nights.night(run, warnings=("History lacks 3 July 2010: no file came.",))
        for ref in (
            task.publish(run, night),
            task.publish_training(run, nights.training()),
            task.publish_incident(run, nights.incident(night.quality)),
        ):
            (root / Path(ref.uri).name).write_bytes(run.read_bytes(ref))
        task.publish_changes(run, nights.changes_frame(), night.provenance)
        compared = next(ref for ref in run.written() if ref.uri.endswith("/report.html"))
        (root / "report.html").write_bytes(run.read_bytes(compared))
    (root / "index.html").write_bytes(index_page("retail", nights.lines()))
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line on the terminal for each."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Page]:
    assert PROGRAM is not None
    with chromium.launch(PROGRAM) as page:
        yield page


@pytest.fixture
def page(browser) -> chromium.Page:
    browser.requests.clear()
    browser.complaints.clear()
    return browser


@pytest.mark.parametrize("name", PAGES)
class TestPages:
    def test_nothing_is_asked_for_but_the_page_and_nothing_is_complained_of(
        self, site, page, name
    ) -> None:
        page.open(f"{site}/{name}")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        assert page.requests == [f"{site}/{name}"]
        assert page.complaints == []

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_every_text_stands_out_from_its_ground(self, site, page, name, scheme) -> None:
        page.open(f"{site}/{name}", scheme=scheme)
        assert page.evaluate(FAINT_TEXTS) == []

    @pytest.mark.parametrize("size", SIZES)
    def test_the_page_is_no_wider_than_the_window(self, site, page, name, size) -> None:
        width, height = SIZES[size]
        page.open(f"{site}/{name}", width, height)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("innerWidth") == width

    def test_landmarks_and_headings_lead_through_the_page(self, site, page, name) -> None:
        page.open(f"{site}/{name}")
        count = "document.querySelectorAll('{}').length"
        for landmark in ("header", "main", "footer", "h1"):
            assert page.evaluate(count.format(landmark)) == 1, landmark
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.evaluate(count.format("table:not(:has(th[scope=col]))")) == 0

    def test_the_first_tab_offers_to_skip_to_the_content(self, site, page, name) -> None:
        page.open(f"{site}/{name}")
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"

    def test_every_link_within_the_page_leads_somewhere(self, site, page, name) -> None:
        page.open(f"{site}/{name}")
        targets = page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.hash)")
        for target in targets:
            assert page.evaluate(f"document.querySelector({target!r}) !== null"), target


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tab_key_reaches_every_control_and_shows_where_it_is(site, page, name, scheme) -> None:
    page.open(f"{site}/{name}", scheme=scheme)
    controls = "a[href], summary, [tabindex='0']"
    count = page.evaluate(
        f"[...document.querySelectorAll({controls!r})].filter(e => e.checkVisibility()).length"
    )
    reached = []
    for _ in range(count):
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
        reached.append(page.evaluate(FOCUSED))
    places = [place for place, _, _ in reached]
    assert places == sorted(set(places)), "each once, in the order of the page"
    assert all(width >= 2 for _, width, _ in reached), "the focus has an outline"
    assert all(contrast >= 3 for _, _, contrast in reached), "that stands out from its ground"


def test_every_picture_has_a_name_and_a_caption(site, page) -> None:
    for name in PAGES:
        page.open(f"{site}/{name}")
        bare = "figure:not(:has(figcaption)), svg.marks:not([role=img][aria-label])"
        assert not page.has(bare), name
        assert page.evaluate("[...document.querySelectorAll('img:not([alt])')].length") == 0


def test_folded_alerts_open_by_the_keyboard(site, page) -> None:
    page.open(f"{site}/report.html")
    page.evaluate("document.querySelector('#alerts summary').focus()")
    for kind in ("keyDown", "keyUp"):
        page.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", text="\r", windowsVirtualKeyCode=13
        )
    assert page.evaluate("document.querySelector('#alerts details').open")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_colours_follow_the_scheme(site, page) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page.open(f"{site}/report.html", scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(251, 250, 247)", "rgb(20, 22, 26)"]


def test_print_is_dark_on_white_even_from_a_dark_screen(site, page) -> None:
    page.open(f"{site}/report.html", scheme="dark")
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.call("Emulation.setEmulatedMedia", media="print", features=features)
    try:
        assert (
            page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        assert page.evaluate(FAINT_TEXTS) == []
        assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
        held = "document.querySelector('.held table').getBoundingClientRect().height"
        assert page.evaluate(held) > 0, "what is folded on screen is printed"
    finally:
        page.call("Emulation.setEmulatedMedia", media="", features=[])


def test_the_drawings_text_is_readable_on_a_phone(site, page) -> None:
    page.open(f"{site}/report.html", *SIZES["phone"])
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('svg.marks text')]"
        ".map(t => 11 * t.ownerSVGElement.getBoundingClientRect().width"
        " / t.ownerSVGElement.viewBox.baseVal.width))"
    )
    assert smallest >= 10
