// Joins the pack's widgets to ComfyUI's page: which node gets which, and what they hear of a run.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addElement, element } from "./dom.js";
import { LastShown, isNode, newestOutput } from "./history.js";
import { hideErrors, showError, showRefusals } from "./node_errors.js";
import { ReasonsPanel } from "./panel.js";
import { textsOf } from "./texts.js";
import { TrimBar } from "./trim.js";

const PANEL_HEIGHT = 230;
const TRIM_HEIGHT = 104;
const NOTE_HEIGHT = 56;
const LOOK_EVERY_MS = 200;
const HISTORY_DEPTH = 32;

const panels = new Map();
const bars = new Map();
const lastShown = new LastShown();

const texts = () => textsOf(app.extensionManager?.setting?.get("Comfy.Locale"));
const widgetOf = (node, name) => node.widgets?.find((widget) => widget.name === name);
const isInside = (node) => Boolean(node.graph && (node.graph.rootGraph ?? node.graph) !== node.graph);
const ours = () => (app.graph?._nodes ?? []).filter((node) => node.comfyClass?.startsWith("DeepSound"));
const workflowId = () => app.graph?.id ?? "";

function after(node, hook, more) {
  const before = node[hook];
  node[hook] = function (...given) {
    const answer = before?.apply(this, given);
    more(...given);
    return answer;
  };
}

function found(map, executionId) {
  return [...map].find(([node]) => isNode(executionId, node.id, isInside(node)))?.[1];
}

function addPanel(node) {
  const panel = new ReasonsPanel(texts());
  addElement(node, "deepsound_reasons", panel.element, PANEL_HEIGHT, Infinity);
  panels.set(node, panel);
  after(node, "onRemoved", () => panels.delete(node));
  after(node, "onExecuted", (output) => {
    const shown = output?.deepsound?.[0];
    if (!shown) return;
    panel.show(shown);
    lastShown.keep(workflowId(), node.id, shown);
  });
}

// A page or a tab just opened shows again what its nodes showed last.
async function showAgain() {
  const waiting = [...panels].filter(([, panel]) => panel.state === "empty");
  const unknown = waiting.filter(([node, panel]) => {
    const shown = lastShown.get(workflowId(), node.id) ?? app.nodeOutputs?.[node.id]?.deepsound?.[0];
    if (shown) panel.show(shown);
    return !shown;
  });
  if (!unknown.length || !workflowId()) return;
  const answer = await api.fetchApi(`/history?max_items=${HISTORY_DEPTH}`);
  const history = answer.ok ? await answer.json() : {};
  for (const [node, panel] of unknown) {
    const asked = { workflow: workflowId(), node: String(node.id), type: node.comfyClass };
    const output = newestOutput(history, asked);
    if (output && panel.state === "empty") panel.show(output.deepsound[0]);
  }
}

// The preview is ComfyUI's own, which lies in a widget or, with Nodes 2.0, in the node's element.
function previewOf(node) {
  const places = [widgetOf(node, "video-preview")?.element, node.videoContainer,
    document.querySelector(`[data-node-id="${node.id}"]`)];
  return places.map((place) => place?.querySelector?.("video")).find((video) => video?.isConnected) ?? null;
}

function addTrimBar(node) {
  const numbers = {
    read() {
      const [file, start, duration] = ["file", "start", "duration"].map((name) => widgetOf(node, name)?.value);
      return { file, start: Number(start) || 0, duration: Number(duration) || 0 };
    },
    write(changed) {
      for (const [name, value] of Object.entries(changed)) {
        const widget = widgetOf(node, name);
        if (!widget || widget.value === value) continue;
        widget.value = value;
        widget.callback?.(value, app.canvas, node);
      }
      app.graph?.setDirtyCanvas?.(true, true);
    },
  };
  const urlOf = (place) => api.apiURL(`/view?${new URLSearchParams(place)}`);
  const bar = new TrimBar(texts(), numbers, () => previewOf(node), urlOf);
  addElement(node, "deepsound_trim", bar.element, TRIM_HEIGHT);
  bars.set(node, bar);
  after(node, "onRemoved", () => bars.delete(node));
}

function addNote(node) {
  const note = element("div", { fontSize: "11px", lineHeight: "1.4", padding: "4px 10px", opacity: "0.85",
    color: "var(--input-text, #ddd)", whiteSpace: "pre-wrap", overflow: "hidden", boxSizing: "border-box" });
  note.className = "deepsound-note";
  addElement(node, "deepsound_note", note, NOTE_HEIGHT);
  after(node, "onExecuted", (output) => {
    const told = output?.deepsound?.[0]?.note;
    if (told) note.textContent = told;
  });
}

const WIDGETS = { DeepSoundVoiceOverCoT: addPanel, DeepSoundPipeline: addPanel, DeepSoundLoadVideo: addTrimBar,
  DeepSoundMuxVideo: addNote };

app.registerExtension({
  name: "DeepSound.Widgets",
  setup() {
    api.addEventListener("deepsound.reasons", ({ detail }) => found(panels, detail.node)?.write(detail));
    api.addEventListener("deepsound.video", ({ detail }) => found(bars, detail.node)?.learn(detail.file, detail.facts));
    for (const ending of ["execution_success", "execution_error", "execution_interrupted"]) {
      api.addEventListener(ending, () => panels.forEach((panel) => panel.stop()));
    }
    api.addEventListener("execution_start", () => hideErrors(ours()));
    api.addEventListener("execution_error", ({ detail }) => {
      const node = ours().find(({ id }) => String(id) === String(detail.node_id));
      if (node) showError(node, String(detail.exception_message).trim());
    });
    setInterval(() => {
      if (document.hidden) return;
      showRefusals(app.lastNodeErrors ?? null, ours());
      for (const bar of bars.values()) if (bar.element.isConnected) bar.refresh();
    }, LOOK_EVERY_MS);
  },
  nodeCreated(node) {
    WIDGETS[node.comfyClass]?.(node);
  },
  afterConfigureGraph() {
    return showAgain();
  },
});
