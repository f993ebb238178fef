// Saved videos of the history, played again on their nodes as if they had just been made. No DOM here.
import { executionIds, placeOf } from "./history.js";

const LOOKS = 25;

// Newer front ends put their own memory of outputs in place after the graph is configured, and so take away what was
// shown by then: each output is sent until the page has it, or a few looks have passed.
export class Replays {
  // `isThere(node)` tells whether a node is still on the page.
  constructor(app, api, isThere) {
    Object.assign(this, { app, api, isThere, waiting: new Map() });
  }

  // Only what is still there.
  async add(node, output) {
    const [file] = output.images ?? [];
    if (!file) return;
    const answer = await this.api.fetchApi(`/view?${new URLSearchParams(file)}`, { method: "HEAD" });
    if (answer.ok) this.waiting.set(node, { output, looks: LOOKS });
  }

  send() {
    const root = this.app.rootGraph ?? this.app.graph;
    for (const [node, replay] of this.waiting) {
      if (this.isThere(node) && !this.app.nodeOutputs?.[placeOf(node, root)]?.images) {
        const id = executionIds(node, root)[0] ?? String(node.id);
        const detail = { node: id, display_node: id, output: replay.output };
        this.api.dispatchEvent(new CustomEvent("executed", { detail }));
      }
      replay.looks -= 1;
      if (replay.looks <= 0 || !this.isThere(node)) this.waiting.delete(node);
    }
  }
}
