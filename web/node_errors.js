// Errors on the node they are about, until they are put right; the page's own dialog is soon closed.
import { Banner } from "./banners.js";
import { actionsOf, messagesOf } from "./errors.js";
import { translated } from "./messages.js";

const banner = new Banner("deepsound_error", "deepsound-error", { color: "#ffd9cf", background: "#5a1f1a" });
const broken = new WeakSet();
let refusals = null;

// What the buttons of an error do: { texts, openWeights(node), uploadOf(node), copy(text) }.
let tools = null;
export function useTools(given) {
  tools = given;
}

// An error in a run; the next run takes it away.
export function showError(node, text, type = "") {
  broken.add(node);
  banner.show(node, translated(text), buttonsOf(node, text, type));
}

export function hideErrors(nodes) {
  for (const node of nodes) if (broken.delete(node)) banner.hide(node);
}

// The server's refusal of a prompt comes without an event: `found` is what the page knows of the last one, by execution
// id, and `isOf(id)` tells whether a node is the one with that id.
export function showRefusals(found, nodes, isOf) {
  if (found === refusals) return;
  refusals = found;
  const messages = [...messagesOf(found)];
  for (const node of nodes) {
    const message = messages.find(([id]) => isOf(id)(node))?.[1];
    if (message) banner.show(node, translated(message), buttonsOf(node, message));
    else if (!broken.has(node)) banner.hide(node);
  }
}

// [{ kind, label, act }] for the actions that this node can do.
function buttonsOf(node, text, type = "") {
  if (!tools) return [];
  const { texts } = tools;
  const act = {
    weights: () => () => tools.openWeights(node),
    choose: () => tools.uploadOf(node),
    command: (action) => () => tools.copy(action.text),
    copy: (action) => () => tools.copy(action.text),
  };
  const labels = { weights: texts.actWeights, choose: texts.actChoose, command: texts.actCommand, copy: texts.actCopy };
  return actionsOf(text, type).map((action) => ({ kind: action.kind, label: labels[action.kind], act: act[action.kind](action) }))
    .filter((button) => button.act);
}
