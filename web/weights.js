// Adds the weights dialog to ComfyUI's page: a menu entry, a line on nodes with an engine, an entry of their menus.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { after } from "./dom.js";
import { WeightsApi } from "./weights_api.js";
import { WeightsDialog } from "./weights_dialog.js";
import { WeightsLine } from "./weights_line.js";
import { hasEngine } from "./weights_rows.js";
import { weightsTexts } from "./weights_texts.js";

export const weightsApi = new WeightsApi(api);
const lines = new Set();
let dialog = null;

const texts = () => weightsTexts(app.extensionManager?.setting?.get("Comfy.Locale"));

// `engines` are names; none stands for all of them.
export function openWeights(engines = []) {
  dialog ??= new WeightsDialog(weightsApi, texts(), () => {
    for (const line of lines) line.refresh(true);
    app.refreshComboInNodes?.(); // Menus list the files of the model folders.
  });
  return dialog.open(engines);
}

export function addWeightsLine(node) {
  if (!hasEngine(node.comfyClass, node.widgets)) return null;
  const line = new WeightsLine(node, weightsApi, texts(), openWeights);
  lines.add(line);
  after(node, "onRemoved", () => lines.delete(line));
  return line;
}

export function refreshWeightsLines() {
  for (const line of lines) if (line.element.isConnected) line.refresh();
}

app.registerExtension({
  name: "DeepSound.Weights",
  commands: [{ id: "DeepSound.Weights", icon: "pi pi-download", label: "DeepSound: weights", function: () => openWeights() }],
  menuCommands: [{ path: ["DeepSound"], commands: ["DeepSound.Weights"] }],
});
