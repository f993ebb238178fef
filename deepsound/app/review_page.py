"""The review page: a clip with its sound, its label's sections, keys to decide."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.errors import DeepSoundError
from deepsound.reason.answer_parser import read_thought
from deepsound.runtime.paths import is_file
from deepsound.train.cot_items import CATEGORIES
from deepsound.train.review import REVIEWS, Review

if TYPE_CHECKING:
    import gradio

# Buttons by key; while somebody writes, keys are letters.
_KEYS = """() => {
    if (window.deepsoundKeys) return;
    window.deepsoundKeys = true;
    const buttons = {a: 'ds-accept', n: 'ds-next', p: 'ds-previous', ArrowRight: 'ds-next', ArrowLeft: 'ds-previous',
        1: 'ds-category-0', 2: 'ds-category-1', 3: 'ds-category-2', 4: 'ds-category-3'};
    document.addEventListener('keydown', event => {
        if (/^(TEXTAREA|INPUT)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key === 'e') {
            const box = document.querySelector('#ds-answer textarea');
            if (box) { box.focus(); event.preventDefault(); }
            return;
        }
        const button = document.getElementById(buttons[event.key]);
        if (button) { (button.tagName === 'BUTTON' ? button : button.querySelector('button')).click(); }
    });
}"""
_HELP = "Keys: a accept, 1 to 4 another category, e edit the text, n or → next, p or ← previous."


def build_review(review: Review) -> gradio.Blocks:
    """The page, not yet served."""
    import gradio as gr

    with gr.Blocks(title="DeepSound: review", analytics_enabled=False) as page:
        gr.HTML(f"<h2>Review of {html.escape(str(review.folder))}</h2><p>{_HELP}</p>")
        with gr.Row():
            with gr.Column(scale=2):
                video = gr.Video(label="clip and sound", elem_id="ds-video", interactive=False)
                status = gr.HTML(elem_id="ds-status")
            with gr.Column(scale=3):
                sections = gr.HTML(elem_id="ds-sections")
                with gr.Row():
                    accept = gr.Button("accept (a)", variant="primary", elem_id="ds-accept")
                    categories = [
                        gr.Button(f"{name} ({number + 1})", elem_id=f"ds-category-{number}")
                        for number, name in enumerate(CATEGORIES)
                    ]
                answer = gr.Textbox(label="the answer (e)", lines=10, elem_id="ds-answer", interactive=True)
                with gr.Row():
                    save = gr.Button("save the edited text", elem_id="ds-save")
                    previous = gr.Button("previous (p)", elem_id="ds-previous")
                    following = gr.Button("next (n)", elem_id="ds-next")
                with gr.Row():
                    table = gr.File(label="take in a reviews.csv", file_types=[".csv"])
                    gr.DownloadButton(f"download {REVIEWS}", value=lambda: _reviews(review))
        shown = [video, status, sections, answer]
        page.load(lambda: _show(review), None, shown, js=_KEYS)
        _wire(accept, review, lambda: _after(review, review.accept), shown)
        for name, button in zip(CATEGORIES, categories, strict=True):
            _wire(button, review, partial(_after, review, partial(review.correct, name)), shown)

        def edit(text: str) -> tuple[Any, ...]:
            return _guarded(review, lambda: _after(review, lambda: review.edit(text)))

        save.click(edit, answer, shown)
        _wire(previous, review, lambda: review.move(-1), shown)
        _wire(following, review, lambda: review.move(1), shown)
        table.upload(lambda path: _guarded(review, lambda: review.take_in(Path(path))), table, shown)
    return page


def serve_review(review: Review, host: str, port: int, on_start: Callable[[str], None]) -> None:
    """Serve the page until it is interrupted; of files, only the data set's media are given out."""
    media = sorted({str((review.folder / item.video).resolve()) for item in review.items})
    page = build_review(review)
    _, address, _ = page.launch(
        server_name=host,
        server_port=port or None,
        allowed_paths=[*media, str((review.folder / REVIEWS).resolve())],
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        show_error=True,
    )
    on_start(address)
    page.block_thread()


def _wire(button: Any, review: Review, act: Callable[[], Any], shown: list[Any]) -> None:
    button.click(lambda: _guarded(review, act), None, shown)


def _after(review: Review, decide: Callable[[], None]) -> None:
    decide()
    review.move(1)


def _guarded(review: Review, act: Callable[[], Any]) -> tuple[Any, ...]:
    """What is shown after an action, or the reason why it was not done."""
    try:
        act()
    except DeepSoundError as error:
        return _show(review, str(error))
    return _show(review)


def _show(review: Review, problem: str = "") -> tuple[str, str, str, str]:
    item, (done, of) = review.current, review.progress()
    mark = "checked" if item.checked else "not checked yet"
    lines = [
        f"<b>{html.escape(item.id)}</b> ({review.position + 1} of {of}), {mark}",
        f"category <b>{html.escape(item.category)}</b>, labelled by {html.escape(item.label or 'unknown')}",
        f"{html.escape(review.reviewer)} has decided on {done} of {of}",
    ]
    for (first, second), (kappa, both) in review.agreement().items():
        value = "not defined" if kappa is None else f"{kappa:.2f}"
        lines.append(f"{html.escape(first)} and {html.escape(second)}: Cohen's kappa {value} on {both} items")
    evidence = ", ".join(f"{name} {value}" for name, value in item.evidence.items() if name != "clip")
    if evidence:
        lines.append(html.escape(evidence))
    if problem:
        lines.append(f"<b>{html.escape(problem)}</b>")
    return str(review.media), "<br>".join(lines), _sections(item.answer), item.answer


def _sections(answer: str) -> str:
    thought = read_thought(answer)
    parts = {name: getattr(thought, name) for name in ("summary", "caption", "reasoning", "conclusion")}
    return "".join(
        f"<h4>{name.capitalize()}</h4><p>{html.escape(text) or '&mdash;'}</p>" for name, text in parts.items()
    )


def _reviews(review: Review) -> str | None:
    path = review.folder / REVIEWS
    return str(path) if is_file(path) else None
