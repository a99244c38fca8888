"""A running Airflow with the demo's archive, and the machine's own Chromium in front of it; started once a session."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from cxone_provider.adapters.s3 import S3Store
from tests.fakes.console_archive import ConsoleArchive
from tools.chromium import ChromiumMissing, chromium, programs, sign_in
from tools.demo.airflow import USER
from tools.demo.stage import ARCHIVE, RECORDING_DAG_ID, Stage, archive_once, stage

USERS = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,vic:viewer,eve:"}
_WAIT_S = 60


@dataclass(frozen=True, slots=True)
class Site:
    """What people see.

    Attributes:
        on: what runs.
        archive: writes documents of its own into the demo's archive.
    """

    on: Stage
    archive: ConsoleArchive

    @property
    def airflow(self) -> str:
        """Airflow's address."""
        return self.on.flow.base_url

    @property
    def console(self) -> str:
        """The console's address."""
        return f"{self.airflow}/cxone-archive"

    def password(self, user: str) -> str:
        """Return a user's password, made up by Airflow."""
        passwords: dict[str, str] = json.loads((self.on.flow.home / "passwords.json").read_text())
        return passwords[user]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        programs()
    except ChromiumMissing as missing:
        pytest.skip(str(missing))
    with stage(tmp_path_factory.mktemp("stage"), USERS) as on:
        archive_once(on)
        on.flow.wait_for_dag(RECORDING_DAG_ID)
        store: Any = S3Store(on.store.client(), ARCHIVE)
        yield Site(on, ConsoleArchive(store))


OpenPage = Callable[..., Chrome]


@pytest.fixture(scope="session")
def opened(site: Site) -> Iterator[OpenPage]:
    """Return a function that gives a user's browser, signed in; one for each user, kept for the session."""
    with ExitStack() as stack:
        known: dict[str, Chrome] = {}

        def page_of(user: str = USER) -> Chrome:
            if user not in known:
                known[user] = stack.enter_context(chromium())
                sign_in(known[user], site.airflow, user, site.password(user))
            known[user].switch_to.default_content()
            return known[user]

        yield page_of


def wait(page: Chrome, condition: Callable[[Chrome], Any]) -> Any:
    """Return what `condition` returns once it is true."""
    return WebDriverWait(page, _WAIT_S).until(condition)


def find(page: Chrome, css: str) -> WebElement:
    """Return an element once it is there."""
    element: WebElement = wait(page, lambda it: it.find_element(By.CSS_SELECTOR, css))
    return element


def loaded(page: Chrome, address: str) -> None:
    """Open a page of the console and wait for its data."""
    page.get(address)
    settled(page)


def settled(page: Chrome) -> None:
    """Wait until a page of the console has its data."""
    wait(page, lambda it: it.execute_script(
        "return document.querySelector('main')?.getAttribute('aria-busy') === 'false'"
        " && !document.querySelector('.loading')"
    ))  # fmt: skip


def into_frame(page: Chrome) -> None:
    """Step into Airflow's frame of the console."""
    page.switch_to.frame(find(page, "iframe"))
    settled(page)


def texts(page: Chrome, css: str) -> list[str]:
    """Return the texts of all elements that fit."""
    return [element.text for element in page.find_elements(By.CSS_SELECTOR, css)]


def click(page: Chrome, text: str) -> None:
    """Click a button or link by its text."""
    wait(
        page, lambda it: it.find_element(By.XPATH, f"//*[self::button or self::a][normalize-space()='{text}']")
    ).click()


def log_of(page: Chrome, kind: str) -> list[dict[str, Any]]:
    """Return one of the browser's logs, as far as nobody has taken it yet."""
    entries: list[dict[str, Any]] = page.get_log(kind)  # type: ignore[no-untyped-call]  # Selenium's
    return entries


def requested(page: Chrome) -> list[tuple[str, str]]:
    """Return method and address of every request since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in log_of(page, "performance")]
    sent = [one["params"]["request"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    return [(str(one["method"]), str(one["url"])) for one in sent]


def complaints(page: Chrome) -> list[str]:
    """Return what the browser complained of since the last call: errors, and what the policy refused."""
    return [str(entry["message"]) for entry in log_of(page, "browser") if entry["level"] == "SEVERE"]
