"""The site: built strictly from the documents, whole in itself, with every example run somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cxone_provider.operators import recordings
from tests.docs.snippets import ROOT, documents
from tools.site_pages import SECTIONS, navigation

TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
_PYTHON = re.compile(r"^(.*)\n```python\n", re.MULTILINE)
# its examples are run one after the other by tests/unit/simulator/test_documentation.py
WHOLE_DOCUMENT_IS_RUN = {"docs/simulator.md"}
_FETCHING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
_FETCHED_LINKS = {"stylesheet", "preload", "icon", "manifest"}


class _Fetches(HTMLParser):
    """Collects what a browser would fetch for a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(_FETCHING.get(tag, ""))
        if address and (tag != "link" or given.get("rel") in _FETCHED_LINKS):
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_document_is_a_page(site: Path) -> None:
    pages = {str(path.relative_to(site)) for path in site.rglob("*.html")}
    expected = {str(path.relative_to(ROOT / "docs").with_suffix(".html")) for path in (ROOT / "docs").rglob("*.md")}
    assert expected | {"index.html", "changelog.html", "contributing.html", "reporting.html"} <= pages


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    pages, fetched = list(site.rglob("*.html")), set()
    for page in pages:
        fetches = _Fetches()
        fetches.feed(page.read_text(encoding="utf-8"))
        fetched |= {address for address in fetches.addresses if urlsplit(address).netloc}
    assert len(pages) > 20
    assert fetched == set()
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.findall(r"url\(['\"]?https?:|@import", styles)


def test_every_operator_is_in_the_reference_with_its_arguments(site: Path) -> None:
    page = (site / "reference" / "operators.html").read_text(encoding="utf-8")
    headings = set(re.findall(r'<h2 id="[\w.]+\.(\w+Operator)"', page))
    assert headings == set(recordings.__all__)
    assert "<code>silence_dbfs</code>" in page
    assert ":class:" not in page


def test_links_to_source_lead_to_the_repository(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    assert re.search(r'href="https://github\.com/[\w/-]+/blob/main/docker-compose\.yaml"', page)
    assert 'href="archive.html"' in page


def test_every_page_has_one_place_in_the_navigation() -> None:
    pages = ["index.md", "new.md", "adr/0001-x.md", "howto/b.md", "howto/a.md", "changelog.md"]
    assert navigation(pages) == [
        {"Start": ["index.md"]},
        {"How to": ["howto/a.md", "howto/b.md"]},
        {"More": ["new.md"]},
        {"Decisions": ["adr/0001-x.md"]},
        {"Project": ["changelog.md"]},
    ]
    assert list(SECTIONS).index("More") < list(SECTIONS).index("Decisions")


@pytest.mark.parametrize(
    "document",
    [path for path in documents() if str(path.relative_to(ROOT)) not in WHOLE_DOCUMENT_IS_RUN],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_python_example_is_run(document: Path) -> None:
    for before in _PYTHON.findall(document.read_text(encoding="utf-8")):
        marked = re.fullmatch(r"<!-- test: ([\w-]+) -->", before.strip())
        assert marked, f"an example of {document.name} is not marked: {before}"
        assert f'"{marked[1]}"' in TESTS, f"no test runs the example {marked[1]} of {document.name}"
