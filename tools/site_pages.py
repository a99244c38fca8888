"""What MkDocs is told about this project's documents while it builds the site.

Documents are written for people who read them in the repository: links lead to files. Here those that lead to a page
of the site lead there, and those to source lead to the repository. A link to nothing stays, and fails the build.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

PROJECT = Path(__file__).resolve().parent.parent
# documents of the root, and what they are called on the site
ROOT_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
}
# sections in their order, with pages in theirs; a folder takes all of its pages, and what nobody names comes last
SECTIONS = {
    "Start": ["index.md", "quickstart.md", "glossary.md"],
    "Connect a tenant": ["setups/"],
    "Deploy": ["deploy/"],
    "How to": ["howto/"],
    "Reference": [
        "reference/",
        "operators.md",
        "listing.md",
        "quota.md",
        "archive.md",
        "console.md",
        "simulator.md",
        "versions.md",
    ],
    "Evidence": [
        "promises.md",
        "fault-matrix.md",
        "kills.md",
        "distributed.md",
        "performance.md",
        "scaling.md",
        "security.md",
        "fuzzing.md",
    ],
    "More": [],
    "Decisions": ["adr/"],
    "Project": ["changelog.md", "contributing.md", "reporting.md"],
}
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")
_OPERATORS = "<!-- operators -->"
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):<code>~?(?:[\w.]+\.)?(\w+)</code>")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs/."""
    for source, name in ROOT_PAGES.items():
        files.append(File.generated(config, name, abs_src_path=str(PROJECT / source)))
    config.nav = navigation([file.src_uri for file in files.documentation_pages()])
    return files


def navigation(pages: list[str]) -> list[dict[str, Any]]:
    """Return MkDocs' `nav`: every page in exactly one section; sections without a page are left out."""
    left = sorted(pages)
    sections: dict[str, list[str]] = {}
    for section, places in SECTIONS.items():
        sections[section] = [page for place in places for page in _pages_at(place, left)]
        left = [page for page in left if page not in sections[section]]
    sections["More"] += left
    return [{section: found} for section, found in sections.items() if found]


def _pages_at(place: str, pages: list[str]) -> Iterator[str]:
    return (page for page in pages if page == place or (place.endswith("/") and page.startswith(place)))


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to pages of the site, or to the repository."""
    source = next((name for name, uri in ROOT_PAGES.items() if uri == page.file.src_uri), f"docs/{page.file.src_uri}")
    pages = {f"docs/{file.src_uri}": file.src_uri for file in files} | ROOT_PAGES

    def led(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        anchor = link[2] or ""
        if target in pages:
            return posixpath.relpath(pages[target], posixpath.dirname(page.file.src_uri) or ".") + anchor
        return f"{config.repo_url}/{_kind(PROJECT / target)}/main/{target}{anchor}" if _is_ours(target) else link[0]

    return _LINK.sub(led, markdown.replace(_OPERATORS, _operators()))


def _operators() -> str:
    """Return a place for the docstring of every operator that DAGs can import, in the order of their modules."""
    tree = ast.parse((PROJECT / "provider" / "cxone_provider" / "operators" / "recordings.py").read_text("utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    return "\n\n".join(f"::: {node.module}.{name.name}" for node in found for name in node.names)


def _is_ours(target: str) -> bool:
    return not target.startswith("..") and (PROJECT / target).exists()


def _kind(path: Path) -> str:
    return "tree" if path.is_dir() else "blob"


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show what docstrings name by Sphinx's roles as names."""
    del page, config, files  # the hook's signature
    return _ROLE.sub(r"<code>\1</code>", html)
