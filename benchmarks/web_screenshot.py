"""Take the picture of the web page for README: the example, with one site explained.

Run by ``make screenshot``; needs Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.web_load import wait_for
from playwright.sync_api import sync_playwright

TARGET = Path(__file__).parents[1] / "docs" / "images" / "web.png"

WIDTH, HEIGHT = 1180, 1500


def main() -> None:
    """Start a server, predict the example, and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [sys.executable, "-u", "-m", "vqrna", "serve", "--port", "0", "--data", folder]
        with log.open("wb") as out:
            server = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            take(wait_for(log))
        finally:
            server.terminate()
            server.wait()


def take(url: str) -> None:
    """Write the picture of the first site of the example."""
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(url)
        page.click("text=Load an example")
        page.wait_for_selector("#check .ok")
        page.click("text=Predict sites")
        page.wait_for_selector("#table table", timeout=60_000)
        page.click("#table tbody tr:first-child a")
        page.wait_for_selector("#site h3")
        page.wait_for_timeout(500)
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(
            path=TARGET,
            full_page=True,
            clip={"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT + 500},
        )
        browser.close()


if __name__ == "__main__":
    main()
