"""Takes the pictures of the workflows on the page of a real ComfyUI: thumbnails for its template browser, and larger
ones for the documentation. `python -m tests.comfy.pictures [NAME ...]`; scripts/draw_workflows calls it."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.comfy.conftest import ROOT, Server, cores
from tests.comfy.pages import CHROMIUM, FLAGS, FOLDER, READY, open_workflow

VIEW = {"width": 1920, "height": 1080}
THUMBNAIL_WIDTH = 640
# Everything but the graph is hidden, and the graph is moved and scaled until it fills the canvas.
FILL = """async margin => {
    const set = (id, value) => app.extensionManager.setting.set(id, value).catch(() => {});
    await set('Comfy.Minimap.Visible', false);
    await set('Comfy.Graph.CanvasInfo', false);
    await set('Comfy.Graph.CanvasMenu', false);
    if (!window.alone) await app.extensionManager.command.execute('Workspace.ToggleFocusMode');
    window.alone = true;
    const frames = app.graph._groups.map(group => [...group._bounding]);
    const left = Math.min(...frames.map(f => f[0])), top = Math.min(...frames.map(f => f[1]));
    const right = Math.max(...frames.map(f => f[0] + f[2])), bottom = Math.max(...frames.map(f => f[1] + f[3]));
    const {clientWidth: width, clientHeight: height} = app.canvas.canvas;
    const scale = Math.min((width - 2 * margin) / (right - left), (height - 2 * margin) / (bottom - top), 1);
    app.canvas.ds.scale = scale;
    app.canvas.ds.offset = [(width / scale - (right - left)) / 2 - left, (height / scale - (bottom - top)) / 2 - top];
    app.canvas.setDirty(true, true);
    return [(right - left) * scale + 2 * margin, (bottom - top) * scale + 2 * margin];
}"""


def fill(page: Any, margin: int = 24) -> bytes:
    """The graph alone, as a PNG cut to it."""
    width, height = page.evaluate(FILL, margin)
    page.wait_for_timeout(1500)
    left, top = (VIEW["width"] - width) / 2, (VIEW["height"] - height) / 2
    return page.screenshot(clip={"x": max(left, 0), "y": max(top, 0), "width": min(width, VIEW["width"]),
                                 "height": min(height, VIEW["height"])})


def save_thumbnail(picture: bytes, path: Path) -> None:
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image = image.resize((THUMBNAIL_WIDTH, round(image.height * THUMBNAIL_WIDTH / image.width)), Image.LANCZOS)
    image.save(path, quality=82, optimize=True)


def main(names: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        server = Server(cores()[0], Path(folder))
        browser = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        try:
            server.start()
            for clip in (ROOT / "demo").glob("*.mp4"):
                shutil.copy(clip, server.base / "input")
            page = browser.new_page(viewport=VIEW)
            page.goto(server.url)
            page.wait_for_function(READY, timeout=60_000)
            for name in names or sorted(path.stem for path in FOLDER.glob("*.json")):
                open_workflow(page, name)
                page.wait_for_timeout(1000)
                save_thumbnail(fill(page), FOLDER / f"{name}.jpg")
                print(name)
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
