"""The machine's own Chromium, driven by its own driver: nothing is downloaded."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "apt-get install --yes --no-install-recommends chromium chromium-driver"
_WAIT_S = 60
PHONE_WIDTH = 500


class ChromiumMissing(Exception):
    """There is no Chromium with a driver on this machine; the message says how to get them."""


def programs() -> tuple[str, str]:
    """Return the paths of browser and driver.

    Raises:
        ChromiumMissing: one of them is not there.
    """
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        raise ChromiumMissing(f"no Chromium with chromedriver on the path; on Debian: {INSTALL}")
    return browser, driver


@contextmanager
def chromium(width: int = 1280, height: int = 900) -> Iterator[webdriver.Chrome]:
    """Open a browser with an empty profile.

    Args:
        width: of the page; below 500 it is a phone's.
        height: of the page.

    Raises:
        ChromiumMissing: there is none.
    """
    browser, driver = programs()
    with tempfile.TemporaryDirectory(prefix="cxone-chromium-") as profile:
        options = Options()
        options.binary_location = browser
        # Containers give /dev/shm too little room, and root no sandbox; the pages are our own.
        flags = ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars")
        for flag in (*flags, f"user-data-dir={profile}", "autoplay-policy=no-user-gesture-required", "mute-audio"):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        page = webdriver.Chrome(options=options, service=Service(driver))
        try:
            resize(page, width, height)
            yield page
        finally:
            page.quit()


def resize(page: webdriver.Chrome, width: int, height: int) -> None:
    """Give the page another size."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < PHONE_WIDTH}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def sign_in(page: webdriver.Chrome, base_url: str, user: str, password: str) -> None:
    """Sign in by Airflow's own form."""
    page.get(f"{base_url}/auth/login")
    field = WebDriverWait(page, _WAIT_S).until(lambda it: it.find_element(By.NAME, "username"))
    field.send_keys(user)
    page.find_element(By.NAME, "password").send_keys(password)
    page.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    WebDriverWait(page, _WAIT_S).until(lambda it: "/auth/" not in it.current_url)
