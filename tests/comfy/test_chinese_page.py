"""The page in Chinese: nodes, menus, panels, notes, status and errors have no English."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfy.pages import RUN, WHOLE_VIEW, open_workflow, ready_page

pytestmark = [pytest.mark.comfy, pytest.mark.page]
LOCALE = "/settings/Comfy.Locale"
# Three English words in a row; names of files and of engines, code and paths are none.
ENGLISH = re.compile(r"[A-Za-z][\w'’-]*(?: [A-Za-z][\w'’-]*){2,}")
NO_SENTENCES = re.compile(r"`[^`]*`|“[^”]*”|\"[^\"]*\"|'[^']*'|\S*[/\\_=.]\S*|Seeing and Hearing|Or Space")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Every text that a person sees on the pack's nodes, below where it stands.
TEXTS = """() => app.graph._nodes.flatMap(node => {
    if (!node.comfyClass?.startsWith('DeepSound')) return [];
    const of = (what, text) => [`${node.comfyClass} ${what}`, String(text ?? '')];
    const labels = (node.widgets ?? []).filter(widget => !widget.element && widget.name && widget.type !== 'hidden')
        .flatMap(widget => [of(widget.name, widget.label ?? widget.localized_name ?? widget.name),
            ...(Array.isArray(widget.options?.values) && widget.options.getOptionLabel
                ? widget.options.values.map(value => of(`${widget.name}: ${value}`,
                    widget.options.getOptionLabel(value)))
                : [])]);
    const slots = [...node.inputs ?? [], ...node.outputs ?? []]
        .map(slot => of(slot.name, slot.label ?? slot.localized_name ?? slot.name));
    const elements = (node.widgets ?? []).filter(widget => widget.element)
        .flatMap(widget => [...widget.element.innerText.split('\\n'), widget.element.placeholder]
            .map(line => of(widget.name, line)));
    return [of('title', node.getTitle()), ...labels, ...slots, ...elements];
})"""
ALL_NODES = """() => Object.keys(LiteGraph.registered_node_types).filter(type => type.startsWith('DeepSound'))
    .map((type, index) => {
        const node = LiteGraph.createNode(type);
        node.pos = [420 * (index % 8), 900 * Math.floor(index / 8)];
        app.graph.add(node);
        return node.comfyClass;
    })"""


@pytest.fixture(scope="module")
def page(server, browser) -> Iterator[Any]:
    assert server.ask(LOCALE, "zh")[0] == 200
    try:
        with ready_page(browser, server, 1700, 1000) as page:
            yield page
    finally:
        server.ask(LOCALE, "en")


def english(texts: list[list[str]]) -> list[tuple[str, str]]:
    """The texts with an English sentence in them."""
    return [(where, text) for where, text in texts if ENGLISH.search(NO_SENTENCES.sub(" ` ", text))]


def text_of(page: Any, node: int, widget: str) -> str:
    return page.evaluate(
        "([id, name]) => app.graph.getNodeById(id).widgets.find(w => w.name === name)?.element.innerText ?? ''",
        [node, widget],
    )


def picture(server: Any, page: Any, name: str) -> None:
    if folder := os.environ.get("DEEPSOUND_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"zh_{name}_{server.core.name}.png"))


def test_every_node_and_menu_is_in_chinese(server, page):
    page.evaluate("() => app.graph.clear()")
    page.evaluate(WHOLE_VIEW)
    nodes = page.evaluate(ALL_NODES)
    page.wait_for_function(
        """() => app.graph._nodes.find(node => node.comfyClass === 'DeepSoundPipeline').widgets
        .find(widget => widget.name === 'generator').options.getOptionLabel?.('auto') === '自动'"""
    )
    texts = page.evaluate(TEXTS)
    assert len(nodes) > 20 and len(texts) > 400
    assert english(texts) == []
    words = (" title", " prompt", " negative_prompt", " spans")
    named = [(where, text) for where, text in texts if text and where.endswith(words)]
    assert [(where, text) for where, text in named if not CHINESE.search(text)] == []
    picture(server, page, "nodes")


@pytest.mark.failing_run
def test_a_run_its_notes_and_its_failure_are_in_chinese(server, page):
    workflow = open_workflow(page, "clean_existing_footage")
    opened = page.evaluate("() => [...app.graph._nodes, ...app.graph._groups].map(each => each.title)")
    assert opened and all(CHINESE.search(title) for title in opened)
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_success", detail
    ids = {node["type"]: node["id"] for node in workflow["nodes"]}
    page.wait_for_function(
        """id => app.graph.getNodeById(id).widgets.find(w => w.name === 'deepsound_status')
        ?.element.innerText.includes('完成，用时')""",
        arg=ids["DeepSoundMuxVideo"],
    )
    assert "画面" in text_of(page, ids["DeepSoundMuxVideo"], "deepsound_note")
    assert "有画外音" in text_of(page, ids["DeepSoundVoiceOverCoT"], "deepsound_reasons")
    assert english(page.evaluate(TEXTS)) == []
    picture(server, page, "run")

    page.evaluate(
        "id => { app.graph.getNodeById(id).widgets.find(w => w.name === 'start').value = 99; }",
        ids["DeepSoundLoadVideo"],
    )
    ending, detail = page.evaluate(RUN)
    assert ending == "execution_error"
    assert CHINESE.search(detail["exception_message"])
    page.wait_for_function("() => document.querySelector('.deepsound-error')")
    assert "is past the end of" not in page.evaluate("() => document.body.innerText"), "the page's own dialog"
    error = text_of(page, ids["DeepSoundLoadVideo"], "deepsound_error")
    assert "超出" in error and "提前" in error
    assert english(page.evaluate(TEXTS)) == []
    picture(server, page, "error")


def test_a_blueprint_is_found_by_its_chinese_name_and_is_chinese_inside(server, page):
    status, listed = server.ask("/global_subgraphs")
    if status != 200 or not any("DeepSound" in entry["name"] for entry in listed.values()):
        pytest.skip("this core lists no blueprints of packs")
    page.evaluate("() => app.graph.clear()")
    found = """() => app.extensionManager._p._s.get('subgraph').subgraphBlueprints.map(one => one.display_name)"""
    page.wait_for_function(f"() => ({found})().some(name => name.startsWith('DeepSound，四个步骤'))")
    page.evaluate("() => app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
    box = page.get_by_role("combobox").or_(page.locator("[role=dialog] input")).first
    box.wait_for()
    box.fill("四个步骤")
    entry = page.get_by_text("为视频配声音，包含全部四步").first
    entry.wait_for()
    picture(server, page, "blueprints")
    entry.click()
    page.mouse.click(700, 500)
    page.wait_for_function("() => app.graph._nodes[0]?.subgraph")
    texts = page.evaluate("""() => { const [node] = app.graph._nodes; const {name, nodes} = node.subgraph;
        return [node.title, name, ...nodes.map(inner => inner.title),
            ...[...node.inputs, ...node.outputs].filter(slot => !slot.widget)
                .map(slot => slot.label ?? slot.name)]; }""")
    assert len(texts) > 6 and [text for text in texts if not CHINESE.search(text)] == []
    page.evaluate("() => app.graph.clear()")
