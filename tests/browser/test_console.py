"""The console in a real browser before a running Airflow: what people do, and what attackers put into the archive."""

from __future__ import annotations

import json
import re
import urllib.parse
from pathlib import Path
from typing import Any

import pendulum
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cxone_provider.archive.audit import AuditError
from cxone_provider.archive.recording import Outcome
from tests.browser.conftest import (
    OpenPage,
    Site,
    click,
    complaints,
    find,
    into_frame,
    loaded,
    requested,
    settled,
    texts,
    wait,
)
from tests.fakes.console_archive import log_of
from tools.chromium import resize

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(600)]
HOSTILE = '<img src="https://evil.example/x" onerror="alert(document.domain)">'
CALL = "call-pcm16-8k-stereo"


def today() -> str:
    return pendulum.today("UTC").to_date_string()


def test_airflows_own_menu_leads_to_the_archive(site: Site, opened: OpenPage) -> None:
    page = opened()
    page.get(site.airflow)
    wait(page, lambda it: it.find_element(By.XPATH, "//button[contains(., 'Browse')]")).click()
    wait(page, lambda it: it.find_element(By.XPATH, "//*[normalize-space(text())='Recordings archive']")).click()
    wait(page, lambda it: "/plugin/recordings-archive" in it.current_url)
    into_frame(page)
    assert "21" in texts(page, ".tile b")
    page.find_element(By.CSS_SELECTOR, f"a.cell[href*='{today()}']").click()
    settled(page)
    assert texts(page, "h1") == [f"{pendulum.today('UTC').format('D MMM YYYY')}"]
    # Airflow's colours are the console's, as soon as somebody changes them
    page.switch_to.default_content()
    for theme in ("dark", "light"):
        page.execute_script("localStorage.setItem('theme', arguments[0])", theme)
        page.switch_to.frame(find(page, "iframe"))
        find(page, f"html[data-theme={theme}]")
        page.switch_to.default_content()
    # Airflow writes the frame's address into its own: it can be kept, and sent to somebody
    page.switch_to.default_content()
    wait(page, lambda it: f"cxone-archive/day?day={today()}" in it.current_url)
    kept = page.current_url
    page.get("about:blank")
    page.get(kept)
    into_frame(page)
    assert texts(page, "h1") == [f"{pendulum.today('UTC').format('D MMM YYYY')}"]
    assert complaints(page) == []


def test_links_lead_out_of_the_frame_to_the_task_that_did_it(site: Site, opened: OpenPage) -> None:
    page = opened()
    page.get(f"{site.airflow}/plugin/recordings-archive/cxone-archive/recording?id={CALL}")
    into_frame(page)
    wait(page, lambda it: it.find_element(By.PARTIAL_LINK_TEXT, "batch.stream")).click()
    page.switch_to.default_content()
    wait(page, lambda it: "/dags/cxone_daily_archive/runs/" in it.current_url)
    assert "/tasks/batch.stream" in page.current_url


def test_filters_stand_in_the_address_and_go_into_the_export(site: Site, opened: OpenPage) -> None:
    page = opened()
    loaded(page, f"{site.console}/day?day={today()}")
    field = find(page, "input[name=q]")
    field.send_keys("signature", Keys.ENTER)
    wait(page, lambda it: "q=signature" in it.current_url)
    settled(page)
    assert sorted(texts(page, "section[aria-label=Recordings] td.id a")) == [
        "signature-always-wrong",
        "signature-wrong-once",
    ]
    click(page, "Size")
    wait(page, lambda it: "sort=bytes" in it.current_url)
    settled(page)
    assert texts(page, "th[aria-sort]") == ["Size ↑"]
    export = page.find_element(By.LINK_TEXT, "Export as CSV").get_attribute("href")
    body = page.execute_async_script("fetch(arguments[0]).then((it) => it.text()).then(arguments[1])", export)
    assert [line.split(",")[0] for line in body.splitlines()[1:]] == [
        '"signature-always-wrong"',
        '"signature-wrong-once"',
    ]
    assert complaints(page) == []


def test_a_recording_plays_by_ranges_and_the_listening_is_written_down(site: Site, opened: OpenPage) -> None:
    page = opened()
    loaded(page, f"{site.console}/recording?id=long-conference")
    wait(page, lambda it: len(it.find_elements(By.CSS_SELECTOR, ".waves canvas")) == 2)
    assert "the archived version" in texts(page, ".badge")
    requested(page)
    click(page, "▶ Listen")
    wait(page, lambda it: it.execute_script("return document.querySelector('audio').currentTime > 0.3"))
    page.execute_script("const sound = document.querySelector('audio'); sound.currentTime = sound.duration * 0.8")
    wait(
        page,
        lambda it: it.execute_script(
            "const s = document.querySelector('audio'); return !s.seeking && s.readyState > 2"
        ),
    )
    length = page.execute_script("return document.querySelector('audio').duration")
    assert length == pytest.approx(36 * 60 + 11, abs=2)
    media = [address for _, address in requested(page) if "/media/" in address]
    assert media
    assert all(urllib.parse.urlsplit(address).netloc == urllib.parse.urlsplit(site.console).netloc for address in media)
    page.execute_script("document.querySelector('audio').pause()")
    logs = site.on.flow.call("GET", "/api/v2/eventLogs?event=cxone_console_listen&limit=1000")["event_logs"]
    assert [(one["owner"], json.loads(one["extra"])["recording_id"]) for one in logs][-1] == (
        "admin",
        "long-conference",
    )
    assert complaints(page) == []


def test_a_compressed_call_is_drawn_by_the_browser(site: Site, opened: OpenPage) -> None:
    page = opened()
    loaded(page, f"{site.console}/recording?id=call-cbr64k-44k1-stereo-30s")
    click(page, "▶ Listen")
    wait(page, lambda it: len(it.find_elements(By.CSS_SELECTOR, ".waves canvas")) == 2)
    assert complaints(page) == []


def test_verify_now_reads_back_and_says_what_it_found(site: Site, opened: OpenPage) -> None:
    page = opened()
    loaded(page, f"{site.console}/recording?id={CALL}")
    click(page, "Verify now")
    assert find(page, "#verification .message.good h2").text == "Intact"
    assert "the archived version" in texts(page, ".badge")
    key = f"cxone/recordings/date={pendulum.yesterday('UTC').to_date_string()}/call-ulaw-8k-mono.wav"
    s3 = site.on.store.client()
    body = bytearray(s3.get_object(Bucket="archive", Key=key)["Body"].read())
    body[-1] ^= 1
    s3.put_object(Bucket="archive", Key=key, Body=bytes(body))
    loaded(page, f"{site.console}/recording?id=call-ulaw-8k-mono")
    click(page, "Verify now")
    assert find(page, "#verification .message.bad h2").text == "Not what its evidence says"
    assert complaints(page) == []


def test_archive_again_starts_the_dag_as_the_person(site: Site, opened: OpenPage) -> None:
    page = opened()
    loaded(page, f"{site.console}/recording?id={CALL}")
    click(page, "Archive again")
    dialog = find(page, "dialog[open]")
    assert "cxone_archive_recording" in dialog.text
    dialog.find_element(By.CSS_SELECTOR, "button.main").click()
    assert "is paused" in find(page, "dialog .message.warn").text
    [run] = site.on.flow.call("GET", "/api/v2/dags/cxone_archive_recording/dagRuns")["dag_runs"]
    assert run["triggering_user_name"] == "admin"
    wanted = {"recording_id": CALL, "s3_bucket": "archive", "s3_prefix": "cxone", "replace": False}
    assert {name: run["conf"][name] for name in wanted} == wanted
    dialog.find_element(By.XPATH, ".//button[.='Close']").click()
    assert complaints(page) == []


def test_who_may_look_may_not_start_anything(site: Site, opened: OpenPage) -> None:
    page = opened("vic")
    loaded(page, f"{site.console}/recording?id={CALL}")
    assert "Verify now" in texts(page, "button")
    assert "Archive again" not in texts(page, "button")
    status = page.execute_async_script(
        "fetch('../api/v2/dags/cxone_archive_recording/dagRuns', {method: 'POST', headers: {'Content-Type':"
        " 'application/json'}, body: JSON.stringify({logical_date: null, conf: {}})})"
        ".then((it) => arguments[0](it.status))"
    )
    assert status == 403


def test_who_may_not_look_sees_nothing(site: Site, opened: OpenPage) -> None:
    page = opened("eve")
    for path in (
        "/",
        f"/day?day={today()}",
        f"/recording?id={CALL}",
        "/api/session",
        f"/api/recording?recording_id={CALL}",
    ):
        page.get(site.console + path)
        assert CALL not in page.page_source
        assert "No access" in page.page_source or "Forbidden" in page.page_source or "detail" in page.page_source


@pytest.fixture(scope="module")
def hostile(site: Site) -> str:
    """Fill every field that comes from outside with markup; return the recording's id."""
    recording_id = "hostile-1"
    site.archive.add_recording(
        recording_id, b"RIFF", metadata={HOSTILE: HOSTILE, "agent": HOSTILE, "nested": {HOSTILE: [HOSTILE]}},
        context={"dag_id": HOSTILE, "run_id": HOSTILE, "task_id": HOSTILE, "map_index": 0, "try_number": HOSTILE},
        audio={"format": "wav", "codec": HOSTILE, "duration_s": 1.0, "sample_rate_hz": 8000, "channels": 2},
    )  # fmt: skip
    bad: dict[str, Any] = {"error": AuditError(HOSTILE, HOSTILE), "agent": HOSTILE}
    logs = [log_of(recording_id, agent=HOSTILE), log_of(HOSTILE, Outcome.FAILED, **bad)]
    site.archive.add_run(logs, pendulum.today("UTC").subtract(days=3).date(), HOSTILE)
    site.archive.add_completeness(pendulum.today("UTC").subtract(days=3).date(), expected=9, missing=[HOSTILE])
    return recording_id


def test_markup_in_every_field_stays_text(site: Site, opened: OpenPage, hostile: str) -> None:
    page = opened()
    day = pendulum.today("UTC").subtract(days=3).to_date_string()
    pages = (
        "/", f"/day?day={day}", f"/day?day={day}&q={urllib.parse.quote(HOSTILE)}", f"/recording?id={hostile}",
        f"/recording?id={urllib.parse.quote(HOSTILE)}",
        f"/day?day={urllib.parse.quote(HOSTILE)}", f"/?last={urllib.parse.quote(HOSTILE)}",
    )  # fmt: skip
    requested(page)
    shown = ""
    for path in pages:
        page.get(site.console + path)
        settled(page)
        # an alert would make the next command fail: there is none to dismiss
        shown += page.find_element(By.TAG_NAME, "body").text
        assert page.find_elements(By.TAG_NAME, "img") == []
        assert (
            page.execute_script("return [...document.querySelectorAll('*')].some((it) => it.hasAttribute('onerror'))")
            is False
        )
    assert shown.count(HOSTILE) > 8
    elsewhere = [address for _, address in requested(page) if not address.startswith(site.airflow)]
    assert elsewhere == []
    assert not [one for one in complaints(page) if "Content Security" in one or "Trusted" in one]


def test_no_other_site_can_frame_or_script_the_console(site: Site, opened: OpenPage) -> None:
    page = opened()
    loaded(page, f"{site.console}/")
    for script in ("document.body.innerHTML = '<b>x</b>'", "setTimeout('window.hit = 1')", "eval('window.hit = 1')"):
        page.execute_script(
            "const it = document.createElement('script'); try { it.text = arguments[0] } catch {}"
            "document.body.append(it)",
            script,
        )
        assert page.execute_script("return window.hit") is None
    assert page.find_elements(By.XPATH, "//b[.='x']") == []
    complaints(page)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_fit_and_can_be_read(site: Site, opened: OpenPage, width: int, theme: str) -> None:
    page = opened()
    resize(page, width, 900)
    for path in ("/", f"/day?day={today()}", f"/recording?id={CALL}", "/recording?id=nobody"):
        page.execute_script("localStorage.setItem('theme', arguments[0])", theme)
        loaded(page, site.console + path)
        assert page.execute_script("return document.documentElement.dataset.theme") == theme
        assert page.execute_script("return document.documentElement.scrollWidth") <= width, path
        assert unreadable(page) == [], path
    resize(page, 1280, 900)
    page.execute_script("localStorage.removeItem('theme')")


def unreadable(page: Chrome) -> list[str]:
    """Return texts whose contrast is under WCAG's AA: 4.5, or 3 where they are large."""
    found: list[str] = page.execute_script((Path(__file__).parent / "contrast.js").read_text())
    return found


def test_everything_can_be_done_with_the_keyboard(site: Site, opened: OpenPage) -> None:
    page = opened()
    loaded(page, f"{site.console}/recording?id=long-conference")
    seen = []
    for _ in range(30):
        page.switch_to.active_element.send_keys(Keys.TAB)
        seen.append(
            page.execute_script(
                "return (document.activeElement.textContent || document.activeElement.name || '').trim().slice(0, 30)"
            )
        )
    for name in ("Skip to content", "Verify now", "Archive again", "▶ Listen"):
        assert name in seen
    piece = find(page, ".bar button")
    page.execute_script("arguments[0].focus()", piece)
    piece.send_keys(Keys.ARROW_RIGHT)
    assert re.match(r"Segment 1, bytes", find(page, ".told[aria-live]").text)
    loaded(page, f"{site.console}/")
    cell = find(page, "a.cell")
    cell.send_keys(Keys.ENTER)
    wait(page, lambda it: "/day?day=" in it.current_url)


def test_what_fails_is_said_and_can_be_tried_again(site: Site, opened: OpenPage) -> None:
    page = opened()
    page.get(f"{site.console}/day?day=not-a-day")
    assert find(page, ".message.bad h2").text == "That did not work"
    assert "Try again" in texts(page, ".message.bad button")
    loaded(page, f"{site.console}/?days=30&last=2020-01-31")
    assert "Nothing ran in these days" in texts(page, "h2")
    complaints(page)
