"""The page in Chromium: from the paste to the download, on a phone, by keyboard, in the dark."""

import shutil

import numpy as np
import pytest

from web.processes import server_process

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    with server_process(tmp_path_factory.mktemp("browser")) as each:
        yield each


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as play:
        each = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield each
        each.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def predict(page, url):
    page.goto(url)
    page.click("text=Load an example")
    page.wait_for_selector("#check .ok")
    page.click("text=Predict sites")
    page.wait_for_selector("#table table", timeout=60_000)


def test_paste_result_site_download(page, serve):
    predict(page, serve.url)
    assert "4 sites in 5 sequences" in page.inner_text("h1")
    page.click("#table th a:has-text('Position')")
    page.wait_for_url("**sort=position**")
    page.click("#table tbody tr:first-child a")
    page.wait_for_selector("#site h3")
    assert "What each base contributes" in page.inner_text("#site")
    with page.expect_download() as download:
        page.click("text=TSV")
    assert "planted_m5U" in download.value.path().read_text()
    page.click("nav.tabs >> text=Variants")
    page.fill("#variants-text", "hello")
    page.click("text=Compare")
    page.wait_for_selector("#variants .message.bad")


def test_a_bad_file_is_reported(page, serve, tmp_path):
    (tmp_path / "bad.fa").write_text(">protein\nMQVLE\n")
    page.goto(serve.url)
    page.set_input_files("#file", tmp_path / "bad.fa")
    page.wait_for_selector("#check .bad")
    assert "is this a protein?" in page.inner_text("#check")


def test_cancelling(page, serve):
    letters = "".join(np.random.default_rng(1).choice(list("ACGU"), 900_000))
    page.goto(serve.url)
    page.fill("#fasta", f">large\n{letters}\n")
    page.click("text=Predict sites")
    page.click("text=Cancel the job")
    page.wait_for_selector("text=The job was cancelled", timeout=60_000)


def test_phone_width_and_dark(browser, serve):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True,
        color_scheme="dark",
    )  # fmt: skip
    page = context.new_page()
    predict(page, serve.url)
    page.click("#table tbody tr:first-child a")
    page.wait_for_selector("#site h3")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in background[4:-1].split(",")) < 60
    context.close()


def test_by_keyboard(page, serve):
    predict(page, serve.url)
    page.focus("canvas.lanes")
    page.keyboard.press("ArrowUp")
    page.wait_for_url("**start=**")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.wait_for_selector("#site h3")
