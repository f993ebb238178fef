// A node's status line: how far its run is, and after it what came out; below the node's own widgets from then on.
import { addElement, element, keepWheel } from "./dom.js";
import { heightOf } from "./banners.js";
import { progressText, resultText } from "./status_text.js";

const MOST_LINES = 14;

export class StatusLine {
  constructor(node, texts) {
    Object.assign(this, { node, texts, element: null, state: "empty" });
  }

  // What the node says while it runs.
  run(text) {
    this.write("running", progressText(text, this.texts));
  }

  // The result of its run: { seconds, lines }.
  finish(result) {
    if (result) this.write("done", resultText(result, this.texts));
  }

  // A run that ended without a result of this node.
  stop() {
    if (this.state === "running") this.write("stopped", this.texts.stoppedRun);
  }

  write(state, text) {
    if (state === this.state && text === this.text) return;
    Object.assign(this, { state, text });
    this.element ??= this.add();
    this.element.textContent = text;
    this.element.dataset.state = state;
    this.makeRoom();
  }

  add() {
    const made = element("div", { fontSize: "11px", lineHeight: "1.5", padding: "4px 10px", whiteSpace: "pre-wrap",
      overflow: "auto", overflowWrap: "anywhere", boxSizing: "border-box", userSelect: "text", width: "100%",
      color: "var(--input-text, #ddd)", background: "var(--comfy-input-bg, #222)", borderRadius: "8px" });
    made.className = "deepsound-status";
    made.setAttribute("role", "status");
    keepWheel(made);
    addElement(this.node, "deepsound_status", made, () => this.height);
    return made;
  }

  get height() {
    return heightOf(this.text ?? "", this.node.size?.[0] ?? 300, MOST_LINES);
  }

  makeRoom() {
    const { node } = this;
    node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1])]);
    node.graph?.setDirtyCanvas?.(true, true);
  }
}
