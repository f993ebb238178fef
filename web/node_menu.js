// Entries of a node's right-click menu: weights, save as, open folder, copy frame, send the sound to Compare.
import { previewedVideo } from "./previews.js";

// What of a node's last output is a file: [{ filename, subfolder, type }], the videos first, then its sounds.
export function filesOf(shown) {
  const saved = (shown?.output?.images ?? []).filter((file) => file?.filename);
  const sounds = (shown?.players ?? []).map((player) => ({ filename: player.audio, subfolder: "", type: "temp" }));
  return [...saved, ...sounds.filter((file) => file.filename)];
}

// The entries for litegraph's menu. `tools`: { texts, urlOf, openPlace, openWeights, engines, shown, say, send }.
export function entriesOf(node, tools) {
  const { texts } = tools;
  const [file] = filesOf(tools.shown(node));
  const video = previewedVideo(node);
  const entries = [];
  if (tools.engines(node).length) entries.push({ content: texts.menuWeights, callback: () => tools.openWeights(tools.engines(node)) });
  if (file) {
    entries.push({ content: texts.menuSave, callback: () => saveAs(tools.urlOf(file), file.filename) },
      { content: texts.menuFolder, callback: () => tools.openPlace(file).then(({ folder, opened }) => {
        if (!opened) tools.say(node, `${texts.folderIs} ${folder}`);
      }, (error) => tools.say(node, error.message)) });
  }
  if (video?.videoWidth) {
    entries.push({ content: texts.menuFrame, callback: () => copyFrame(video).then(
      (how) => tools.say(node, how === "copied" ? texts.frameCopied : texts.frameSaved),
      (error) => tools.say(node, error.message)) });
  }
  if (soundOutput(node) >= 0) entries.push({ content: texts.menuCompare, callback: () => tools.send(node) });
  return entries.map((entry) => ({ ...entry, content: `DeepSound: ${entry.content}` }));
}

// Entries at a menu's end, below a line: where another pack's entries end with one, that is it.
export function addEntries(options, entries) {
  if (!entries.length) return;
  if (options.length && options.at(-1) !== null) options.push(null);
  options.push(...entries);
}

export function soundOutput(node) {
  return (node.outputs ?? []).findIndex((output) => output.type === "AUDIO");
}

export function saveAs(url, name) {
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
}

// The frame that a video shows, on the clipboard, or saved where the browser does not let the page at it.
export async function copyFrame(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    return "copied";
  } catch {
    const url = URL.createObjectURL(blob);
    saveAs(url, `frame_${video.currentTime.toFixed(2)}s.png`);
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    return "saved";
  }
}

// Wires a node's sound into a Compare node: the nearest that has a free input, else a new one beside it.
export function sendToCompare(node, graph, LiteGraph) {
  const slot = soundOutput(node);
  const compares = (graph.nodes ?? graph._nodes ?? []).filter((other) => other.type === "DeepSoundCompare");
  let compare = compares.find((other) => freeInput(other) >= 0);
  if (!compare) {
    compare = LiteGraph.createNode("DeepSoundCompare");
    compare.pos = [node.pos[0] + node.size[0] + 80, node.pos[1]];
    graph.add(compare);
  }
  node.connect(slot, compare, freeInput(compare));
  return compare;
}

function freeInput(compare) {
  return (compare.inputs ?? []).findIndex((input) => input.type === "AUDIO" && input.link == null);
}
