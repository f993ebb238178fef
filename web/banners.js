// A message shown on a node, in a widget that exists only while there is one.
import { addElement, element, keepWheel } from "./dom.js";

const LINE = 17;
const PADDING = 30; // Of the text and, above and below it, of the page around each widget.
const MOST_LINES = 12;
const CHARACTERS_A_PIXEL = 0.16;
const BUTTONS = 30;
const HIGHEST = 420; // Beyond it the text scrolls.

// `look` is styles for the message, `className` what the page's tests and styles find it by.
export class Banner {
  constructor(name, className, look) {
    Object.assign(this, { name, className, look });
  }

  // `buttons` are [{ kind, label, act }], shown below the text.
  show(node, text, buttons = []) {
    this.hide(node);
    const shown = element("div", { display: "flex", flexDirection: "column", fontSize: "12px", lineHeight: "1.4",
      padding: "6px 10px", borderRadius: "8px", boxSizing: "border-box", width: "100%", maxHeight: "100%",
      ...this.look });
    shown.className = this.className;
    const said = element("div", { whiteSpace: "pre-wrap", overflow: "auto", overflowWrap: "anywhere", minHeight: "0",
      userSelect: "text" }, text);
    keepWheel(said);
    shown.append(said);
    if (buttons.length) shown.append(buttonRow(buttons));
    const height = heightOf(text, node.size?.[0] ?? 300) + (buttons.length ? BUTTONS : 0);
    let widget = null;
    widget = addElement(node, this.name, shown, () => widget?.deepsoundHeight ?? height);
    widget.deepsoundHeight = height;
    // The height was a guess: once the text is drawn, it is shown whole.
    new ResizeObserver(() => {
      const hidden = said.clientHeight ? said.scrollHeight - said.clientHeight : 0;
      if (hidden < 2 || !node.widgets?.includes(widget) || widget.deepsoundHeight >= HIGHEST) return;
      widget.deepsoundHeight = Math.min(HIGHEST, widget.deepsoundHeight + hidden);
      node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1])]);
      node.graph?.setDirtyCanvas?.(true, true);
    }).observe(said);
    node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1])]);
    node.graph?.setDirtyCanvas?.(true, true); // Elements are placed when the canvas is drawn.
  }

  hide(node) {
    const index = node.widgets?.findIndex((widget) => widget.name === this.name) ?? -1;
    if (index < 0) return;
    const [widget] = node.widgets.splice(index, 1);
    widget.onRemove?.();
    node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1] - widget.deepsoundHeight)]);
  }
}

function buttonRow(buttons) {
  const row = element("div", { display: "flex", flexWrap: "wrap", gap: "6px", marginTop: "6px", flex: "none",
    userSelect: "none" });
  for (const { kind, label, act } of buttons) {
    const button = element("button", { padding: "2px 8px", borderRadius: "6px", cursor: "pointer", font: "inherit",
      color: "inherit", background: "rgba(255, 255, 255, 0.12)", border: "1px solid rgba(255, 255, 255, 0.35)" }, label);
    button.dataset.action = kind;
    button.addEventListener("click", act);
    row.append(button);
  }
  return row;
}

// The height in pixels of `text` on a node of that width, as far as it can be told without drawing it.
export function heightOf(text, width, most = MOST_LINES) {
  const perLine = Math.max(20, width * CHARACTERS_A_PIXEL);
  const lines = String(text).split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / perLine)), 0);
  return PADDING + LINE * Math.min(lines, most);
}

// Chinese characters are twice as wide.
function widthOf(line) {
  return line.length + (line.match(/[\u2e80-\uffef]/g) ?? []).length;
}
