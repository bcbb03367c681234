"""report.html in a real browser: it shows its numbers, fetches nothing, has no errors."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.outside, pytest.mark.timeout(300)]

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs chromium")
SCENARIO = "tiny-two-hospitals"


def shown(page: Path, folder: Path) -> tuple[str, list[str], list[str]]:
    """What the browser shows of a page: its document, what it tried to fetch, its complaints."""
    log = folder / "net.json"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    flags += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
    flags += ["--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom"]
    flags += [f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"]
    done = subprocess.run(
        [BROWSER, *flags, page.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    complaints = [line for line in done.stderr.splitlines() if ":CONSOLE:" in line]
    return done.stdout, fetched(log.read_text("utf-8")), complaints


def fetched(log: str) -> list[str]:
    """Addresses that the page asked for; the browser's own requests have no origin."""
    try:
        events = json.loads(log)["events"]
    except json.JSONDecodeError:  # cut off when the browser ended
        events = json.loads(log.rstrip().rstrip(",") + "]}")["events"]
    requests = [event.get("params", {}) for event in events]
    wanted = {r["url"] for r in requests if r.get("initiator", "not an origin") != "not an origin"}
    return sorted(url for url in wanted if url.startswith("http"))


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    tool = Path(sys.executable).with_name("lienthong")
    command = [tool, "run", SCENARIO, "--replications", "2", "--draws", "2", "--out", out]
    subprocess.run(command, check=True, capture_output=True)
    return out / "report.html"


@needs_browser
def test_the_report_shows_its_headline_and_stays_at_home(report, tmp_path):
    document, wanted, complaints = shown(report, tmp_path)
    words = " ".join(re.sub(r"<[^>]+>", " ", document.partition("<body")[2]).split())
    assert "repeats" in words
    assert "ASSUMPTION" in words
    assert wanted == []
    assert complaints == []


@needs_browser
def test_a_page_that_fetches_or_fails_is_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<body><img src="https://lienthong.example/x.png"><script>missing()</script>', "utf-8"
    )
    _, wanted, complaints = shown(page, tmp_path)
    assert wanted == ["https://lienthong.example/x.png"]
    assert "missing is not defined" in complaints[0]
