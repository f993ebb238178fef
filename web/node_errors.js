// What was wrong stands on the node itself, until it is put right; the page's own dialog is soon closed.
import { addElement, element, keepWheel } from "./dom.js";
import { messagesOf } from "./errors.js";

const HEIGHT = 92;
const NAME = "deepsound_error";

const broken = new WeakSet();
let refusals = null;

// An error in a run; the next run takes it away.
export function showError(node, text) {
  broken.add(node);
  show(node, text);
}

export function hideErrors(nodes) {
  for (const node of nodes) if (broken.delete(node)) hide(node);
}

// The server's refusal of a prompt comes without an event: `found` is what the page knows of the last one.
export function showRefusals(found, nodes) {
  if (found === refusals) return;
  refusals = found;
  const messages = messagesOf(found);
  for (const node of nodes) {
    if (messages.has(String(node.id))) show(node, messages.get(String(node.id)));
    else if (!broken.has(node)) hide(node);
  }
}

function show(node, text) {
  hide(node);
  const shown = element("div", { fontSize: "12px", lineHeight: "1.4", padding: "6px 10px", borderRadius: "8px",
    color: "#ffd9cf", background: "#5a1f1a", whiteSpace: "pre-wrap", overflow: "auto", overflowWrap: "anywhere",
    boxSizing: "border-box", userSelect: "text", width: "100%", maxHeight: "130px" }, text);
  shown.className = "deepsound-error";
  keepWheel(shown);
  addElement(node, NAME, shown, HEIGHT);
  node.graph?.setDirtyCanvas?.(true, true); // Elements are placed when the canvas is drawn.
}

function hide(node) {
  const index = node.widgets?.findIndex((widget) => widget.name === NAME) ?? -1;
  if (index < 0) return;
  node.widgets[index].onRemove?.();
  node.widgets.splice(index, 1);
  node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1] - HEIGHT)]);
}
