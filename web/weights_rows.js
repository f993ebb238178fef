// What the weights dialog says of the server's list. No DOM here.
import { translated } from "./messages.js";

const ENGINE_INPUTS = ["engine", "generator", "reasoner", "separator", "variant"];
// Nodes whose engine is not an input.
const FIXED_ENGINES = { DeepSoundFoleyCrafterGenerate: ["foleycrafter"] };

// The engines that a node's menus name, each once.
export function enginesOf(type, widgets) {
  const chosen = (widgets ?? []).filter((widget) => ENGINE_INPUTS.includes(widget.name))
    .map((widget) => String(widget.value ?? "")).filter(Boolean);
  return [...new Set([...chosen, ...(FIXED_ENGINES[type] ?? [])])];
}

export function hasEngine(type, widgets) {
  return type in FIXED_ENGINES || (widgets ?? []).some((widget) => ENGINE_INPUTS.includes(widget.name));
}

export function fill(text, values) {
  return text.replace(/\{(\w*)\}/g, (whole, name) => String(values[name || "value"] ?? whole));
}

// 10.8 GB, 97 MB.
export function sizeText(bytes) {
  if (bytes >= 1e8) return `${(bytes / 1e9).toFixed(1)} GB`;
  return `${Math.max(0.1, bytes / 1e6).toFixed(bytes >= 1e7 ? 0 : 1)} MB`;
}

export function sizeOf(weights, texts) {
  if (!Number.isFinite(weights.bytes)) return texts.sizeUnknown;
  return weights.is_exact ? sizeText(weights.bytes) : fill(texts.about, { value: sizeText(weights.bytes) });
}

export function licenceText({ name, commercial, note }, texts) {
  const named = name === "not stated" ? texts.noLicence : name;
  return [named, commercial === false ? texts.nonCommercial : "", translated(note ?? "")].filter(Boolean).join(" · ");
}

export function missingOf(list) {
  return list.weights.filter((weights) => !weights.is_present);
}

// The sizes of all that is missing, as one text; "" where nothing is.
export function missingSize(list, texts) {
  const missing = missingOf(list);
  const bytes = missing.reduce((sum, weights) => sum + (weights.bytes ?? 0), 0);
  if (!missing.length) return "";
  if (!bytes) return texts.sizeUnknown;
  const known = missing.every((weights) => Number.isFinite(weights.bytes));
  return known ? sizeText(bytes) : fill(texts.atLeast, { value: sizeText(bytes) });
}

// Whether what is missing fits on the disk, as far as sizes are stated; "" where it does.
export function roomText(list, texts) {
  const needed = missingOf(list).reduce((sum, weights) => sum + (weights.bytes ?? 0), 0);
  if (needed <= list.free_bytes) return "";
  return fill(texts.noRoom, { needed: sizeText(needed), free: sizeText(list.free_bytes) });
}

export function summaryText(list, texts) {
  const [all, missing] = [list.weights.length, missingOf(list).length];
  if (!all) return texts.none;
  return fill(missing ? texts.summary : texts.summaryHere, { all, here: all - missing,
    size: missingSize(list, texts), free: sizeText(list.free_bytes), folder: list.folder });
}

// The line on a node.
export function lineText(list, texts) {
  if (!list.weights.length) return texts.none;
  const size = missingSize(list, texts);
  const active = list.weights.find((weights) => isActive(weights.job) && weights.job.kind === "download");
  if (active) return `${texts.downloading} · ${percent(active.job)}`;
  return size ? fill(texts.missing, { value: size }) : texts.allHere;
}

export function isActive(job) {
  return job?.state === "waiting" || job?.state === "running";
}

export function percent(job) {
  return `${Math.floor(100 * Math.min(1, Math.max(0, job?.fraction ?? 0)))} %`;
}

// What a row says of its weights: { state, text }, where state chooses the colour.
export function stateOf({ job, is_present: isPresent, problem }, texts) {
  if (job?.state === "waiting") return { state: "active", text: texts.waiting };
  if (job?.state === "running") {
    return { state: "active", text: `${job.kind === "verify" ? texts.verifying : texts.downloading} ${percent(job)}` };
  }
  if (job?.state === "failed") return { state: "failed", text: fill(texts.failed, { value: translated(job.message) }) };
  if (problem) return { state: "failed", text: translated(problem) };
  if (job?.state === "cancelled" && job.kind === "download" && !isPresent) {
    return { state: "missing", text: fill(texts.stopped, { value: percent(job) }) };
  }
  if (job?.state === "done" && job.kind === "verify") {
    return { state: "here", text: fill(texts.verified, { value: translated(job.message) }) };
  }
  return isPresent ? { state: "here", text: texts.here } : { state: "missing", text: texts.notHere };
}
