// Shows the verdict and its reasons on the cards that judge, after the run. Everything an engine wrote is put in as
// text, never as markup.
import { app } from "../../scripts/app.js";

const JUDGES = new Set(["DeepSoundVoiceOverCoT", "DeepSoundPipeline"]);
const VERDICTS = { yes: "Voice-over", no: "No voice-over", undecided: "Undecided (taken as no)" };
const SECTION = /<(SUMMARY|CAPTION|REASONING|CONCLUSION)>([\s\S]*?)<\/\1>/g;

function line(text, style) {
  const element = document.createElement("div");
  element.textContent = text;
  Object.assign(element.style, { marginBottom: "4px", whiteSpace: "pre-wrap", ...style });
  return element;
}

function lines({ verdict, category, reasoning, steps }) {
  const title = (VERDICTS[verdict] ?? verdict) + (category ? ` (${category})` : "");
  const rows = [line(title, { fontWeight: "bold" })];
  for (const [, tag, text] of (reasoning ?? "").matchAll(SECTION)) {
    if (text.trim()) rows.push(line(`${tag[0]}${tag.slice(1).toLowerCase()}: ${text.trim()}`));
  }
  for (const step of steps ?? []) rows.push(line(step, { opacity: 0.7, marginBottom: "0" }));
  return rows;
}

function addPanel(node) {
  const panel = document.createElement("div");
  Object.assign(panel.style, { overflowY: "auto", fontSize: "12px", lineHeight: "1.35", padding: "6px 8px",
    color: "var(--input-text)", background: "var(--comfy-input-bg)", borderRadius: "6px", boxSizing: "border-box" });
  panel.append(line("The verdict and its reasons appear here.", { opacity: 0.6 }));
  const widget = node.addDOMWidget("deepsound_reasons", "deepsound_reasons", panel, {
    serialize: false, getMinHeight: () => 110, hideOnZoom: false,
  });
  widget.serialize = false; // The option keeps it out of the prompt, this out of the saved workflow.
  return panel;
}

app.registerExtension({
  name: "DeepSound.Reasons",
  nodeCreated(node) {
    if (!JUDGES.has(node.comfyClass)) return;
    const panel = addPanel(node);
    const onExecuted = node.onExecuted;
    node.onExecuted = function (output) {
      onExecuted?.apply(this, arguments);
      const shown = output?.deepsound?.[0];
      if (shown) panel.replaceChildren(...lines(shown));
    };
  },
});
