// The pack's extension of ComfyUI's page: adds each node's widgets and passes the events of a run to them.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { heightOf } from "./banners.js";
import { ClipTable } from "./batch_table.js";
import { BlueprintTitles } from "./blueprint_titles.js";
import { CachedResults } from "./cached_results.js";
import { TakesPanel } from "./best_take.js";
import { addElement, after, element, keepWheel, leavePreviewsOut } from "./dom.js";
import { Recall, isNode } from "./history.js";
import { serverText, translateExecutionErrors } from "./errors.js";
import { hideErrors, showError, showRefusals } from "./node_errors.js";
import { loadMessages, translated } from "./messages.js";
import { addMeters } from "./meters.js";
import { NodeNotes } from "./node_notes.js";
import { addPreviewCopy, addTools, takeVideos, viewUrl } from "./node_tools.js";
import { Translations, labelOptions, labelTextFields, undoPlainLabels } from "./option_labels.js";
import { ReasonsPanel } from "./panel.js";
import { PreviewRetries } from "./preview_retries.js";
import { hideDeadPreviews, previewedVideo } from "./previews.js";
import { withAddedInputs, withoutSaving } from "./saved_values.js";
import { Replays } from "./replays.js";
import { StatusLine } from "./status.js";
import { standAlone } from "./span_editor.js";
import { shownOf } from "./takes.js";
import { titleTable, translateTitles } from "./template_titles.js";
import { textsOf } from "./texts.js";
import { TrimBar } from "./trim.js";
import { openMatroska } from "./video_files.js";
import { refreshWeightsLines } from "./weights.js";

const PANEL_HEIGHT = 230;
const TRIM_HEIGHT = 104;
const NOTE_HEIGHT = 56;
const TAKES_HEIGHT = 150;
const SPANS_HEIGHT = 150;
const LOOK_EVERY_MS = 200;

const panels = new Map();
const summaries = new Map();
const bars = new Map();
const tables = new Map();
const rankings = new Map();
const spanViews = new Map();
const recall = new Recall({ app, api, isEmpty: (panel) => panel.state === "empty",
  show: (node, panel, shown) => panel.show(shown) });
const rankingRecall = new Recall({ app, api, isEmpty: (panel) => panel.state === "empty",
  show: (node, panel, shown) => panel.show(shown) });
let translations = null;
const titles = titleTable();
const retries = new PreviewRetries();
const replays = new Replays(app, api, (node) => summaries.has(node));
const summaryRecall = new Recall({ app, api, isEmpty: (summary) => summary.isEmpty,
  show: (node, summary, shown, output) => summary.show({ ...shown, output }),
  replay: (node, output) => replays.add(node, output) });
const spanRecall = new Recall({ app, api, isEmpty: (view) => view.editor.state === "empty",
  show: (node, view, shown) => view.show(shown) });

const locale = () => app.extensionManager?.setting?.get("Comfy.Locale");
const language = () => String(locale() ?? "en").slice(0, 2);
const texts = () => textsOf(locale());
const blueprintTitles = new BlueprintTitles(app, language, titles);
const widgetOf = (node, name) => node.widgets?.find((widget) => widget.name === name);
const isInside = (node) => Boolean(node.graph && (node.graph.rootGraph ?? node.graph) !== node.graph);
// Those inside subgraphs too: a list of the graph's nodes would have the outermost alone.
const ours = new Set();
const cachedResults = new CachedResults({ app, api, nodes: ours, isEmpty: (node) => summaries.get(node)?.isEmpty ?? false });

const isOf = (executionId) => (node) => isNode(executionId, node.id, isInside(node));

function found(map, executionId) {
  return map.get([...map.keys()].find(isOf(executionId)));
}

// The node's input `spans`: its text, and whether another node gives it.
function spanListOf(node) {
  return {
    read: () => String(widgetOf(node, "spans")?.value ?? ""),
    isGiven: () => !widgetOf(node, "spans")
      || (node.inputs ?? []).some((input) => input.name === "spans" && input.link != null),
    write(text) {
      const widget = widgetOf(node, "spans");
      if (!widget || widget.value === text) return;
      widget.value = text;
      widget.callback?.(text, app.canvas, node);
      app.graph?.setDirtyCanvas?.(true, true);
    },
  };
}

function addSpans(node) {
  const view = standAlone(texts(), spanListOf(node));
  addElement(node, "deepsound_spans", view.element, SPANS_HEIGHT, Infinity);
  spanViews.set(node, view);
  after(node, "onRemoved", () => spanViews.delete(node));
  after(node, "onExecuted", (output) => {
    const shown = shownOf(output);
    if (!shown?.sound) return;
    view.show(shown);
    spanRecall.keep(node, shown);
  });
}

function addPanel(node) {
  const panel = new ReasonsPanel(texts(), spanListOf(node));
  addElement(node, "deepsound_reasons", panel.element, PANEL_HEIGHT, Infinity);
  panels.set(node, panel);
  after(node, "onRemoved", () => panels.delete(node));
  after(node, "onExecuted", (output) => {
    const shown = shownOf(output);
    if (!shown) return;
    panel.show(shown);
    recall.keep(node, shown);
  });
}

// The page adds its preview after a run, below whatever else the node shows, without making the node higher for it.
function makeRoom(node) {
  const height = node.computeSize()[1];
  if (node.flags?.collapsed || !(height > node.size[1] + 1)) return;
  node.setSize?.([node.size[0], height]);
  node.graph?.setDirtyCanvas?.(true, true);
}

function retryPreview(node) {
  if (widgetOf(node, "deepsound_copy")) return;
  const source = node.videoContainer?.querySelector?.("video")?.src ?? "";
  if (retries.look(node, source, performance.now())) node.graph?.setDirtyCanvas?.(true, true);
}

// Values of a workflow that an earlier version saved, as `updated` makes them today's.
function readSavedValues(node, updated) {
  const { configure } = node;
  node.configure = function (saved) {
    return configure.call(this, { ...saved, widgets_values: updated(saved.widgets_values) });
  };
}

function addPipeline(node) {
  readSavedValues(node, withoutSaving);
  addPanel(node);
  addNote(node);
}

function addTrimBar(node) {
  readSavedValues(node, withAddedInputs);
  takeVideos(node);
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
  const copy = addPreviewCopy(node);
  const bar = new TrimBar(texts(), numbers, () => previewedVideo(node), viewUrl, (file) => copy.lookAt(file));
  addElement(node, "deepsound_trim", bar.element, TRIM_HEIGHT);
  bars.set(node, bar);
  after(node, "onRemoved", () => bars.delete(node));
}

function addTakes(node) {
  const choice = {
    read: () => widgetOf(node, "choose")?.value ?? 0,
    write(number) {
      const widget = widgetOf(node, "choose");
      if (!widget) return;
      widget.value = number;
      widget.callback?.(number, app.canvas, node);
      app.graph?.setDirtyCanvas?.(true, true);
    },
  };
  const panel = new TakesPanel(texts(), choice, viewUrl);
  addElement(node, "deepsound_takes", panel.element, TAKES_HEIGHT, Infinity);
  rankings.set(node, panel);
  after(node, "onRemoved", () => {
    panel.stop();
    rankings.delete(node);
  });
  after(node, "onExecuted", (output) => {
    const shown = shownOf(output);
    if (!shown) return;
    panel.show(shown);
    rankingRecall.keep(node, shown);
  });
}

function addMux(node) {
  addNote(node);
  const copy = addPreviewCopy(node);
  after(node, "onDeepSoundShown", ({ output }) => copy.look(output?.images?.[0] ?? null));
}

function addNote(node) {
  const note = element("div", { fontSize: "11px", lineHeight: "1.4", padding: "4px 10px", opacity: "0.85",
    color: "var(--input-text, #ddd)", whiteSpace: "pre-wrap", overflow: "auto", boxSizing: "border-box",
    overflowWrap: "anywhere", userSelect: "text", background: "var(--comfy-input-bg, #222)", borderRadius: "8px" },
    texts().noteEmpty);
  note.className = "deepsound-note";
  keepWheel(note);
  addElement(node, "deepsound_note", note, () => Math.max(NOTE_HEIGHT, heightOf(note.textContent, node.size[0])));
  after(node, "onDeepSoundShown", ({ note: saved }) => {
    if (!saved) return;
    note.textContent = translated(saved);
    node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1])]);
  });
}

function addClips(node) {
  tables.set(node, new ClipTable(node, texts()));
  after(node, "onRemoved", () => tables.delete(node));
}

// Every node has a status line and notes; Compare shows its own notes inside its view.
function addSummary(node, tools) {
  const shown = new NodeNotes();
  const status = new StatusLine(node, texts());
  const summary = {
    status, isEmpty: true,
    show(described) {
      summary.isEmpty = false;
      status.finish(described.result);
      if (node.comfyClass !== "DeepSoundCompare") shown.show(node, described);
      tools.show(described);
      node.onDeepSoundShown?.(described);
    },
  };
  summaries.set(node, summary);
  after(node, "onRemoved", () => summaries.delete(node));
  after(node, "onExecuted", (output) => {
    const described = shownOf(output) ?? {};
    summary.show({ ...described, output });
    summaryRecall.keep(node, { ...described, output });
  });
}

const WIDGETS = { DeepSoundVoiceOverCoT: addPanel, DeepSoundPipeline: addPipeline, DeepSoundLoadVideo: addTrimBar,
  DeepSoundMuxVideo: addMux, DeepSoundExportStems: addNote, DeepSoundBestTake: addTakes, DeepSoundVocalSeparate: addSpans,
  DeepSoundSilenceFallback: addSpans, DeepSoundRegenerateSpan: addSpans,
  DeepSoundFolder: addClips,
  DeepSoundMixMaster: (node) => addMeters(node, texts()) };

// As early as can be: some front ends' own listeners, which show a dialog, come before any that an extension's setup adds.
translateExecutionErrors(api);
openMatroska(app);

app.registerExtension({
  name: "DeepSound.Widgets",
  async setup() {
    api.addEventListener("deepsound.reasons", ({ detail }) => found(panels, detail.node)?.write(detail));
    api.addEventListener("deepsound.status", ({ detail }) => found(summaries, detail.node)?.status.run(detail.text));
    api.addEventListener("deepsound.clips", ({ detail }) => found(tables, detail.node)?.show(detail.clips));
    api.addEventListener("deepsound.video", ({ detail }) => found(bars, detail.node)?.learn(detail.file, detail.facts));
    for (const ending of ["execution_success", "execution_error", "execution_interrupted"]) {
      api.addEventListener(ending, () => {
        panels.forEach((panel) => panel.stop());
        summaries.forEach(({ status }) => status.stop());
      });
    }
    cachedResults.listen();
    api.addEventListener("execution_start", () => hideErrors(ours));
    api.addEventListener("execution_error", ({ detail }) => {
      const node = [...ours].find(isOf(detail.node_id));
      if (node) showError(node, serverText(detail), String(detail.exception_type ?? ""));
    });
    setInterval(() => {
      if (document.hidden) return;
      replays.send();
      showRefusals(app.lastNodeErrors ?? null, ours, isOf);
      for (const node of ours) {
        if (widgetOf(node, "video-preview")) makeRoom(node);
        retryPreview(node);
      }
      refreshWeightsLines();
      hideDeadPreviews();
      blueprintTitles.look();
      for (const bar of bars.values()) if (bar.element.isConnected) bar.refresh();
      for (const { editor } of [...panels.values(), ...spanViews.values()]) editor.refresh();
    }, LOOK_EVERY_MS);
    await loadMessages(locale());
  },
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("DeepSound")) return;
    ours.add(node);
    after(node, "onRemoved", () => ours.delete(node));
    leavePreviewsOut(node);
    translations ??= new Translations(api, language());
    const label = () => labelOptions(node.widgets, node.constructor.nodeData?.input,
      () => translations.inputsOf(node.comfyClass));
    label();
    // Menus whose words are in the page's language alone.
    translations.arrived?.then(label).then(() => labelTextFields(node.widgets, translations.inputsOf(node.comfyClass)));
    const tools = addTools(node);
    WIDGETS[node.comfyClass]?.(node);
    addSummary(node, tools);
    // After those of extensions that come later.
    setTimeout(() => undoPlainLabels(node));
  },
  beforeConfigureGraph(graph) {
    return translateTitles(graph, language(), titles);
  },
  afterConfigureGraph() {
    ours.forEach(undoPlainLabels);
    return Promise.all([recall.showAgain(panels), rankingRecall.showAgain(rankings), spanRecall.showAgain(spanViews),
      summaryRecall.showAgain(summaries)]);
  },
});
