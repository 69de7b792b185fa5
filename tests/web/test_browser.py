"""The page in Chromium: from the paste to the download, on a phone, by keyboard, in the dark.

axe checks the accessibility of every page.
"""

import shutil

import numpy as np
import pytest

import vqrna
from web.processes import server_process
from web.serving import DEMO_FILE

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

axe_sync = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="needs axe-playwright-python"
)

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
    called = vqrna.predict(DEMO_FILE).sites
    assert f"{len(called)} sites in 5 sequences" in page.inner_text("h1")
    # No scrollbar beside the tabs: nothing overflows, and the bar would take some of the width
    sizes = "e => [e.scrollHeight - e.clientHeight, e.offsetWidth - e.clientWidth]"
    assert page.locator(".tabs").evaluate(sizes) == [0, 0]
    page.click("#table th a:has-text('Position')")
    page.wait_for_url("**sort=position**")
    page.click("#table tbody tr:first-child a")
    page.wait_for_selector("#site h3")
    assert "What each base contributes" in page.inner_text("#site")
    with page.expect_download() as download:
        page.click("text=TSV")
    assert "planted_m5U" in download.value.path().read_text()


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
    page.wait_for_selector("[data-state]:has-text('Predicting')", timeout=60_000)
    assert page.inner_text("h1") == "Predicting"
    page.click("text=Cancel the job")
    page.wait_for_selector("text=The job was cancelled", timeout=60_000)


def test_variants(page, serve):
    predict(page, serve.url)
    page.click("nav.tabs >> text=Variants")
    page.select_option("#variant-sequence", label="planted_m5U")
    page.fill("#variants-text", "hello")
    page.click("text=Compare")
    page.wait_for_selector("#variants .message.bad")
    page.fill("#variants-text", "U301C\nplanted_Um:302del, 303insGG")
    page.click("text=Compare")
    page.wait_for_selector("#variants .variant:nth-of-type(4)")
    assert "3 variants" in page.inner_text("#variants h2")
    first = page.inner_text("#variants .variant >> nth=0")
    assert "loss" in first
    assert "301" in first
    assert page.locator("#variants svg.variant-picture").count() >= 2


def random_fasta(records, nt, seed=0):
    letters = np.random.default_rng(seed).choice(list("ACGU"), (records, nt))
    return "".join(f">r{n}\n{''.join(row)}\n" for n, row in enumerate(letters, 1))


@pytest.mark.parametrize(("records", "nt"), [(1, 2000), (1, 100_000), (500, 60)],
                         ids=["2kb", "100kb", "500-records"])  # fmt: skip
def test_sizes(page, serve, records, nt, tmp_path):
    (tmp_path / "in.fa").write_text(random_fasta(records, nt))
    page.goto(serve.url)
    page.set_input_files("#file", tmp_path / "in.fa")
    page.wait_for_selector("#check .ok")
    page.click("text=Predict sites")
    page.wait_for_selector("#table table, #table .empty", timeout=120_000)
    assert f"in {records} sequence" in page.inner_text("h1")
    if records > 1:
        assert page.locator("table tr.choice th").count() == records
        page.click("table tr.choice:nth-child(400) a")
        page.wait_for_url("**sequence=400**")
        assert page.inner_text("#track-title") == "r400"
    else:
        page.fill("[data-range]", "900-1,000")
        page.press("[data-range]", "Enter")
        page.wait_for_url("**start=900**")
        assert "end=1000" in page.url


def test_a_restart_in_the_middle(page, serve):
    page.goto(serve.url)
    page.fill("#fasta", random_fasta(1, 150_000, seed=3))
    page.click("text=Predict sites")
    page.wait_for_selector("progress")
    path = page.url.removeprefix(serve.url)
    serve.kill()
    serve.start()
    page.goto(serve.url + path)
    page.wait_for_selector("#table table, #table .empty", timeout=120_000)
    assert "150,000 nt" in page.inner_text(".result-head")


def serious_issues(page):
    """Accessibility issues that axe calls serious or critical, with the first place of each."""
    results = axe_sync.Axe().run(page).response
    return [
        (issue["id"], issue["nodes"][0]["html"][:150])
        for issue in results["violations"]
        if issue["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_issue(browser, serve, scheme):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    predict(page, serve.url)
    page.click("#table tbody tr:first-child a")
    page.wait_for_selector("#site h3")
    assert serious_issues(page) == []
    job = page.url.partition("?")[0]
    page.goto(f"{job}?tab=variants&sequence=4")
    page.fill("#variants-text", "U301C")
    page.click("text=Compare")
    page.wait_for_selector("#variants .variant")
    assert serious_issues(page) == []
    page.goto(serve.url)
    page.click("summary:has-text('Options')")
    assert serious_issues(page) == []
    pages = ["atlas", "atlas/366", "spectrum", "method", "model", "privacy", "api", "nothing"]
    for address in [f"{job}?tab=downloads", *(f"{serve.url}/{name}" for name in pages)]:
        page.goto(address)
        assert serious_issues(page) == [], address
    context.close()


@pytest.mark.parametrize(
    "path", ["", "atlas", "atlas/366", "spectrum", "method", "model", "privacy", "api", "nothing"]
)
def test_pages_fit_a_phone(browser, serve, path):
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True)
    page = context.new_page()
    page.goto(f"{serve.url}/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for link in page.query_selector_all("nav[aria-label=Main] a"):
        box = link.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    context.close()


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
    inside = """() => {
      const box = (name) => document.querySelector(name).getBoundingClientRect();
      const [site, picture] = [box("#site .logo-site"), box("#site .picture")];
      return picture.left <= site.left && site.right <= picture.right;
    }"""
    page.wait_for_function(inside)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in background[4:-1].split(",")) < 60
    context.close()


def test_printing(browser, serve):
    context = browser.new_context(viewport={"width": 760, "height": 1100}, color_scheme="dark")
    page = context.new_page()
    predict(page, serve.url)
    page.click("#table tbody tr:first-child a")
    page.wait_for_selector("#site h3")
    page.click("[data-theme-toggle]")
    page.click("[data-theme-toggle]")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    cut = """() => [...document.querySelectorAll("td, th")]
      .filter((cell) => cell.getBoundingClientRect().right > innerWidth).length"""
    assert page.evaluate(cut) == 0
    ink = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    assert max(int(part) for part in ink[4:-1].split(",")) < 100
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    context.close()


def test_by_keyboard(page, serve):
    page.goto(serve.url)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "fasta":
            break
    page.keyboard.type(">a\n" + "GGACU" * 60 + "\n", delay=0)
    page.wait_for_selector("#check .ok")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Predict sites":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#table table, #table .empty", timeout=60_000)
    predict(page, serve.url)
    page.focus("canvas.lanes")
    page.keyboard.press("ArrowUp")
    page.wait_for_url("**start=**")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.wait_for_selector("#site h3")
