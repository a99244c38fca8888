"""``python -m tools.screenshots``: the pictures of docs/images, taken of a running Airflow with the demo's archive."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pendulum
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from cxone_provider.archive.keys import ArchiveLayout
from tools.chromium import ChromiumMissing, chromium, resize, sign_in
from tools.demo.airflow import USER
from tools.demo.history import write_history
from tools.demo.stage import ARCHIVE, PREFIX, archive_once, stage
from tools.palette import small_png

IMAGES = Path(__file__).parents[1] / "docs" / "images"
MAX_IMAGE_BYTES = 200_000
DESKTOP, PHONE = 1280, 390
_WAIT_S = 60
_TALLEST = 1500


def ready(page: Chrome) -> bool:
    """Tell whether a page of the console has its data."""
    main = page.find_elements(By.ID, "main")
    return (
        bool(main)
        and main[0].get_attribute("aria-busy") == "false"
        and not page.find_elements(By.CLASS_NAME, "loading")
    )


def take(page: Chrome, name: str, width: int, height: int) -> None:
    """Write one picture.

    Raises:
        ValueError: it is larger than a document should carry.
    """
    resize(page, width, height)
    page.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    path = IMAGES / f"{name}.png"
    path.write_bytes(small_png(page))
    if path.stat().st_size > MAX_IMAGE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, and {MAX_IMAGE_BYTES} are allowed")
    print(f"{path.relative_to(IMAGES.parents[1])}  {path.stat().st_size:,} bytes")


def console_page(page: Chrome, address: str, theme: str) -> None:
    """Open a page of the console in a theme and wait for its data."""
    page.execute_script("localStorage.setItem('theme', arguments[0])", theme)
    page.get(address)
    WebDriverWait(page, _WAIT_S).until(ready)


def inside_airflow(page: Chrome, base_url: str, theme: str) -> None:
    """Open the console where people find it: in Airflow's frame."""
    page.execute_script("localStorage.setItem('theme', arguments[0])", theme)
    page.get(f"{base_url}/plugin/recordings-archive")
    frame = WebDriverWait(page, _WAIT_S).until(lambda it: it.find_element(By.CSS_SELECTOR, "iframe"))
    page.switch_to.frame(frame)
    WebDriverWait(page, _WAIT_S).until(ready)
    page.switch_to.default_content()


def heard_and_verified(page: Chrome) -> None:
    """Let the recording's page show what it can do."""
    page.find_element(By.XPATH, "//button[text()='Verify now']").click()
    WebDriverWait(page, _WAIT_S).until(lambda it: it.find_elements(By.CSS_SELECTOR, "#verification .message.good"))
    WebDriverWait(page, _WAIT_S).until(lambda it: it.find_elements(By.CSS_SELECTOR, ".waves canvas"))


def pictures(page: Chrome, base_url: str) -> None:
    """Take them all."""
    root = f"{base_url}/cxone-archive"
    nothing: Callable[[Chrome], None] = lambda _: None  # noqa: E731  # most pages are shown as they come
    today = pendulum.today("UTC")
    shots = [
        ("console-overview", "/", "light", DESKTOP, nothing),
        ("console-overview-dark", "/", "dark", DESKTOP, nothing),
        ("console-overview-phone", "/", "light", PHONE, nothing),
        ("console-day", f"/day?day={today.to_date_string()}&sort=bytes&order=desc", "light", DESKTOP, nothing),
        ("console-recording", "/recording?id=long-conference", "light", DESKTOP, heard_and_verified),
        ("console-recording-dark", "/recording?id=call-pcm16-8k-stereo", "dark", DESKTOP, heard_and_verified),
        ("console-recording-phone", "/recording?id=call-pcm16-8k-stereo", "dark", PHONE, nothing),
    ]
    for name, path, theme, width, act in shots:
        resize(page, width, 900)
        console_page(page, root + path, theme)
        act(page)
        height = page.execute_script("return document.documentElement.scrollHeight")
        take(page, name, width, min(height, _TALLEST))
    resize(page, DESKTOP, 860)
    inside_airflow(page, base_url, "light")
    take(page, "console-in-airflow", DESKTOP, 860)


def main() -> int:
    """Start everything, take the pictures, stop everything."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    try:
        with (
            chromium() as page,
            tempfile.TemporaryDirectory(prefix="cxone-pictures-") as folder,
            stage(Path(folder)) as on,
        ):
            archive_once(on)
            write_history(on.store.client(), ArchiveLayout(ARCHIVE, PREFIX), pendulum.today("UTC").date())
            sign_in(page, on.flow.base_url, USER, on.flow.password)
            pictures(page, on.flow.base_url)
    except ChromiumMissing as missing:
        print(missing)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
