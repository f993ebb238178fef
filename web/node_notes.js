// Notes of a node's last run, on the node: what was ignored, lost or chosen, and why.
import { Banner } from "./banners.js";
import { translated } from "./messages.js";

const MOST_NOTES = 20;
const banner = new Banner("deepsound_notes", "deepsound-notes", { color: "#f3e2b3", background: "#4a3d18" });

export class NodeNotes {
  text = "";

  // The notes of a run's output; none takes an earlier run's away.
  show(node, output) {
    const text = textOf(output);
    if (text === this.text) return;
    this.text = text;
    if (text) banner.show(node, text);
    else banner.hide(node);
  }
}

// One line a note, each marked, as plain text.
export function textOf(output) {
  const notes = Array.isArray(output?.notes) ? output.notes : [];
  return notes.slice(0, MOST_NOTES).map((note) => `• ${translated(note)}`).join("\n");
}
