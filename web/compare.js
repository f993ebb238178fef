// Adds the comparison's view to the Compare node, and removes it with the node.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { readComparison, viewQuery } from "./compare_payload.js";
import { compareTexts } from "./compare_texts.js";
import { CompareView } from "./compare_view.js";
import { addElement, after } from "./dom.js";
import { Recall } from "./history.js";

const NODE = "DeepSoundCompare";
const LEAST_WIDTH = 520;

const views = new Map();
const recall = new Recall({ app, api, isEmpty: (view) => !view.comparison, show });
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
  addElement(node, "deepsound_compare", view.element, () => view.height, Infinity);
  views.set(node, view);
  after(node, "onExecuted", (output) => {
    const described = output?.deepsound?.[0];
    if (!described) return;
    show(node, view, described);
    recall.keep(node, described);
  });
  after(node, "onRemoved", () => {
    views.delete(node);
    view.dispose();
  });
}

app.registerExtension({
  name: "DeepSound.Compare",
  nodeCreated(node) {
    if (node.comfyClass === NODE) addView(node);
  },
  afterConfigureGraph() {
    return recall.showAgain(views);
  },
});
