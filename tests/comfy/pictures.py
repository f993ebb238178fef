"""The documentation's pictures of a workflow, taken on the page of a real ComfyUI.

`python -m tests.comfy.pictures`; scripts/workflow_thumbnails.py draws the thumbnails of the template browser.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.comfy.conftest import ROOT, Server, cores
from tests.comfy.pages import CHROMIUM, FLAGS, READY, RUN, open_workflow

VIEW = {"width": 1920, "height": 1080}
IMAGES = ROOT / "docs" / "images"
DOCUMENTED = "clean_existing_footage"
PANELS = {"reasoning": "DeepSoundVoiceOverCoT", "compare": "DeepSoundCompare"}
# Everything but the graph is hidden, and the graph is moved and scaled until it fills the canvas.
FILL = """async margin => {
    const set = (id, value) => app.extensionManager.setting.set(id, value).catch(() => {});
    await set('Comfy.Minimap.Visible', false);
    await set('Comfy.Graph.CanvasInfo', false);
    await set('Comfy.Graph.CanvasMenu', false);
    await set('LiteGraph.Canvas.MinFontSizeForLOD', 0);
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


# One node at its own size in the corner, and how large it is with its title.
CLOSE = """kind => {
    const {pos, size} = app.graph._nodes.find(node => node.type === kind);
    app.canvas.ds.scale = 1;
    app.canvas.ds.offset = [20 - pos[0], 20 + LiteGraph.NODE_TITLE_HEIGHT - pos[1]];
    app.canvas.setDirty(true, true);
    return [size[0] + 40, size[1] + LiteGraph.NODE_TITLE_HEIGHT + 40];
}"""


def fill(page: Any, margin: int = 24) -> bytes:
    """The graph alone, as a PNG cut to it."""
    width, height = page.evaluate(FILL, margin)
    page.wait_for_timeout(1500)
    left, top = (VIEW["width"] - width) / 2, (VIEW["height"] - height) / 2
    return page.screenshot(
        clip={
            "x": max(left, 0),
            "y": max(top, 0),
            "width": min(width, VIEW["width"]),
            "height": min(height, VIEW["height"]),
        }
    )


def close(page: Any, kind: str) -> bytes:
    """One node with its panel, as a PNG."""
    width, height = page.evaluate(CLOSE, kind)
    page.wait_for_timeout(1500)
    return page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": min(height, VIEW["height"])})


def save(picture: bytes, path: Path, width: int | None = None, quality: int = 82) -> None:
    """A PNG as a JPEG, made as wide as asked."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    if width is not None:
        image = image.resize((width, round(image.height * width / image.width)), Image.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=quality, optimize=True)
    print(path.relative_to(ROOT))


def document(page: Any) -> None:
    """The documentation's pictures: a workflow that has run, and its panels."""
    open_workflow(page, DOCUMENTED)
    ending, detail = page.evaluate(RUN)
    if ending != "execution_success":
        raise RuntimeError(detail)
    page.wait_for_timeout(4000)
    save(fill(page), IMAGES / f"{DOCUMENTED}.jpg", quality=88)
    for name, kind in PANELS.items():
        save(close(page, kind), IMAGES / f"{name}.jpg", quality=88)


def main() -> None:
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
            document(page)
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
