// What every node of the pack has beside its panels: weights line, players of its sounds, menu entries, a preview that
// plays anywhere, buttons on its errors.
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { Banner } from "./banners.js";
import { after } from "./dom.js";
import { translated } from "./messages.js";
import { useTools } from "./node_errors.js";
import { addEntries, entriesOf, sendToCompare } from "./node_menu.js";
import { PreviewCopy } from "./previews.js";
import { SoundPlayers } from "./player.js";
import { textsOf } from "./texts.js";
import { placeOf } from "./timespan.js";
import { takeEveryVideo } from "./video_files.js";
import { addWeightsLine, openWeights, weightsApi } from "./weights.js";
import { enginesOf } from "./weights_rows.js";

const SAID_MS = 8000;
const said = new Banner("deepsound_said", "deepsound-said", { color: "var(--input-text, #ddd)",
  background: "var(--comfy-input-bg, #222)" });
const shownOn = new WeakMap();

const texts = () => textsOf(app.extensionManager?.setting?.get("Comfy.Locale"));
export const viewUrl = (place) => api.apiURL(`/view?${new URLSearchParams(place)}`);
const copyUrl = (place) => api.apiURL(`/deepsound/preview?${new URLSearchParams(place)}`);
const enginesOfNode = (node) => enginesOf(node.comfyClass, node.widgets);

function say(node, text) {
  said.show(node, translated(text));
  setTimeout(() => said.hide(node), SAID_MS);
}

async function copy(text) {
  await navigator.clipboard?.writeText(text).catch(() => {});
}

function uploadButton(node) {
  return node.widgets?.find((widget) => widget.type === "button" && widget.callback && /upload/i.test(widget.name));
}

// The callback of a node's upload button, or null.
function uploadOf(node) {
  const button = uploadButton(node);
  return button ? () => button.callback() : null;
}

// The page's own upload takes mp4 and webm, and what the browser knows as a video.
export function takeVideos(node) {
  const button = uploadButton(node);
  if (button) takeEveryVideo(node, button, (files) => {
    const list = new DataTransfer();
    files.forEach((file) => list.items.add(file));
    return list;
  });
}

const tools = {
  get texts() {
    return texts();
  },
  urlOf: viewUrl,
  openPlace: (place) => weightsApi.openPlace(place),
  openWeights,
  engines: enginesOfNode,
  shown: (node) => shownOn.get(node),
  say,
  send: (node) => sendToCompare(node, node.graph ?? app.graph, window.LiteGraph),
};

export function addMenu(node) {
  const { getExtraMenuOptions } = node;
  node.getExtraMenuOptions = function (canvas, options) {
    const answer = getExtraMenuOptions?.call(this, canvas, options);
    const entries = entriesOf(this, tools);
    addEntries(options, entries);
    return answer;
  };
}

// Gives `show(described)`, called with what a run showed on the node.
export function addTools(node) {
  const line = addWeightsLine(node);
  addMenu(node);
  const players = new SoundPlayers(node, texts(), viewUrl);
  after(node, "onRemoved", () => players.stop());
  return {
    line,
    show(described) {
      shownOn.set(node, described);
      players.show(described);
    },
  };
}

// A copy of a node's video where the browser cannot show it: call `look(place)` whenever the file may have changed.
export function addPreviewCopy(node) {
  const shown = new PreviewCopy(node, texts(), viewUrl, copyUrl);
  after(node, "onRemoved", () => shown.show(null));
  return { look: (place) => shown.show(place), lookAt: (entry) => shown.show(entry ? placeOf(entry) : null) };
}

useTools({
  get texts() {
    return texts();
  },
  openWeights: (node) => openWeights(enginesOfNode(node)),
  uploadOf, copy,
});
