"""A browser for the tests of the site and of JupyterLab.

Without a Chromium they are skipped; with REQUIRE_BROWSER in the environment they fail instead.
"""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium that can reach nothing but loopback."""
    with sync_playwright() as playwright:
        names = ("chromium", "chromium-browser", "google-chrome", "chrome")
        candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, names)]
        candidates.append(playwright.chromium.executable_path)
        executable = next((path for path in candidates if path and Path(path).exists()), None)
        if executable is None:
            reason = "No Chromium: install one, or name its executable in CHROMIUM."
            pytest.fail(reason) if os.environ.get("REQUIRE_BROWSER") else pytest.skip(reason)
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield browser
        browser.close()
