// Puts the comparison on its card, and takes it off with the card.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { readComparison, viewQuery } from "./compare_payload.js";
import { compareTexts } from "./compare_texts.js";
import { CompareView } from "./compare_view.js";
import { LastShown, newestOutput } from "./history.js";

const NODE = "DeepSoundCompare";
const LEAST_WIDTH = 520;
const HISTORY_DEPTH = 32;

const views = new Map();
const lastShown = new LastShown();
const workflowId = () => app.graph?.id ?? "";
const texts = () => compareTexts(app.extensionManager?.setting?.get("Comfy.Locale"));

function show(node, view, described) {
  try {
    view.show(readComparison(described));
  } catch (error) {
    view.say(`${view.texts.broken}: ${error.message}`);
  }
  makeRoom(node);
}

// As high and wide as what is shown needs; what a person made larger stays.
function makeRoom(node) {
  const [width, height] = node.computeSize();
  node.setSize?.([Math.max(node.size[0], width, LEAST_WIDTH), Math.max(node.size[1], height)]);
  app.graph?.setDirtyCanvas?.(true, true);
}

function addView(node) {
  const view = new CompareView(texts(), (name) => api.apiURL(viewQuery(name)));
  const widget = node.addDOMWidget("deepsound_compare", "deepsound_compare", view.element, {
    serialize: false, hideOnZoom: false, getMinHeight: () => view.height, getMaxHeight: () => Infinity,
  });
  widget.serialize = false; // The option keeps it out of the prompt, this out of the saved workflow.
  views.set(node, view);
  const { onExecuted, onRemoved } = node;
  node.onExecuted = function (output) {
    onExecuted?.apply(this, arguments);
    const described = output?.deepsound?.[0];
    if (!described) return;
    show(node, view, described);
    lastShown.keep(workflowId(), node.id, described);
  };
  node.onRemoved = function () {
    onRemoved?.apply(this, arguments);
    views.delete(node);
    view.dispose();
  };
}

// A page or a tab just opened shows again what its cards showed last, while the server still has the files.
async function showAgain() {
  const unknown = [...views].filter(([node, view]) => {
    const described = lastShown.get(workflowId(), node.id) ?? app.nodeOutputs?.[node.id]?.deepsound?.[0];
    if (described && !view.comparison) show(node, view, described);
    return !described && !view.comparison;
  });
  if (!unknown.length || !workflowId()) return;
  const answer = await api.fetchApi(`/history?max_items=${HISTORY_DEPTH}`);
  const history = answer.ok ? await answer.json() : {};
  for (const [node, view] of unknown) {
    const output = newestOutput(history, { workflow: workflowId(), node: String(node.id), type: NODE });
    if (output && !view.comparison) show(node, view, output.deepsound[0]);
  }
}

app.registerExtension({
  name: "DeepSound.Compare",
  nodeCreated(node) {
    if (node.comfyClass === NODE) addView(node);
  },
  afterConfigureGraph() {
    return showAgain();
  },
});
