"""A real, headless Chromium that opens a page as a phone or a desk would."""

import dataclasses
import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
AXE = os.environ.get("AXE_CORE", "")  # axe.min.js of npm's axe-core; .ci/run fetches it

needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="there is no Chromium on PATH (Debian: chromium)"
)
needs_axe = pytest.mark.skipif(
    not AXE, reason="AXE_CORE does not name axe.min.js of npm's axe-core"
)

# The page stands in a frame, because a window of Chromium is at least 500 pixels wide.
_HOST = """<!doctype html><meta charset="utf-8"><title>host</title><link rel="icon" href="data:,">
<style>body{{margin:0}}iframe{{border:0;width:{width}px;height:900px}}</style>
<iframe title="page" srcdoc="{page}"></iframe><pre id=result></pre><script>
const frame = document.querySelector("iframe");
frame.onload = async () => {{
  const page = frame.contentWindow, root = page.document.documentElement;
  page.document.querySelectorAll("details").forEach(d => d.open = true);
  const found = page.axe ? await page.axe.run(page.document) : null;
  document.querySelector("#result").textContent = JSON.stringify({{
    wide: root.scrollWidth - root.clientWidth,
    dark: page.matchMedia("(prefers-color-scheme:dark)").matches,
    broken: [...page.document.images].filter(i => !i.naturalWidth).map(i => i.alt),
    violations: found && found.violations.map(v => v.id + ": " + v.nodes[0].html),
  }});
}};
</script>"""


@dataclasses.dataclass(frozen=True)
class Visit:
    """What came of opening a page."""

    wide: int  # pixels by which it is wider than the screen
    dark: bool
    broken: list  # alternative texts of the images that could not be drawn
    violations: list | None  # of axe's rules; None without axe
    console: list  # lines
    requests: list  # addresses outside the file that the page asked for


def visit(page, folder, width=1200, dark=False):
    """Opens the text of a page, `width` pixels wide, and returns the Visit."""
    folder.mkdir(exist_ok=True)
    if AXE:
        page = page.replace("</head>", f"<script>{Path(AXE).read_text('utf-8')}</script></head>")
    host, net_log = folder / "host.html", folder / "net.json"
    host.write_text(_HOST.format(width=width, page=html.escape(page)), encoding="utf-8")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-sync",
        "--disable-background-networking", "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}",
        "--window-size=1300,900", "--enable-logging=stderr", f"--log-net-log={net_log}",
        "--virtual-time-budget=20000", "--dump-dom", host.as_uri(),
    ]  # fmt: skip
    if dark:
        command.insert(-1, "--blink-settings=preferredColorScheme=0")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    [result] = re.findall(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Visit(**json.loads(html.unescape(result)), console=console, requests=_requests(net_log))


def _requests(net_log):
    """Addresses that pages asked for, from Chromium's own log, an event a line.

    What Chromium asks for by itself, such as its updates, has no page as initiator.
    """
    found = set()
    for line in net_log.read_text("utf-8", errors="replace").splitlines():
        if '"initiator":' in line and '"initiator":"not an origin"' not in line:
            found.update(re.findall(r'"url":"((?:[^"\\]|\\.)*)"', line))
    return sorted(url for url in found if not url.startswith(("file:", "data:", "about:")))
