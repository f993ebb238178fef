// Adds the comparison's view to the Compare node, and removes it with the node.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import "./deepsound.js"; // Its panels come first on a node, whichever file the page loads first.
import { readComparison, viewQuery } from "./compare_payload.js";
import { compareTexts } from "./compare_texts.js";
import { CompareView } from "./compare_view.js";
import { addElement, after } from "./dom.js";
import { Recall } from "./history.js";
import { shownOf } from "./takes.js";

// Which nodes have the view, and where a take's comparison stands in what they show.
const COMPARISON_OF = { DeepSoundCompare: (take) => take, DeepSoundPipeline: (take) => take.player };
const LEAST_WIDTH = 520;

const views = new Map();
const recall = new Recall({ app, api, isEmpty: (view) => !view.comparison, show });
const texts = () => compareTexts(app.extensionManager?.setting?.get("Comfy.Locale"));

// The reasoning panel's buttons choose the take that is played. Which of the two is on the node first is not settled.
const followed = new WeakSet();
function followPanel(node, view) {
  const panel = node.widgets?.find((widget) => widget.name === "deepsound_reasons")?.element;
  if (!panel || followed.has(panel)) return;
  followed.add(panel);
  panel.addEventListener("deepsound-take", ({ detail }) => show(node, view, detail));
}

function show(node, view, shown) {
  followPanel(node, view);
  const described = COMPARISON_OF[node.comfyClass](shown);
  if (!described) return;
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
  // From the start, so that a result does not push it over its neighbours; a saved size comes after this.
  node.setSize?.([Math.max(node.size[0], LEAST_WIDTH), node.size[1]]);
  views.set(node, view);
  after(node, "onExecuted", (output) => {
    const shown = shownOf(output);
    if (!shown) return;
    show(node, view, shown);
    recall.keep(node, shown);
  });
  after(node, "onRemoved", () => {
    views.delete(node);
    view.dispose();
  });
}

app.registerExtension({
  name: "DeepSound.Compare",
  nodeCreated(node) {
    if (node.comfyClass in COMPARISON_OF) addView(node);
  },
  afterConfigureGraph() {
    return recall.showAgain(views);
  },
});
