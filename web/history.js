// What nodes showed last: kept while the page lives, and found in ComfyUI's history by a page just opened. No DOM here.
import { shownOf } from "./takes.js";

const HISTORY_DEPTH = 32;

// The newest output of the node in ComfyUI's history, or null: of the same workflow, id and type.
export function newestOutput(history, { workflow, node, type }) {
  const fits = (entry) => {
    const [, , prompt, extra] = entry.prompt ?? [];
    return workflow && extra?.extra_pnginfo?.workflow?.id === workflow
      && prompt?.[node]?.class_type === type && entry.outputs?.[node]?.deepsound?.length > 0;
  };
  const entries = Object.values(history ?? {}).filter(fits).sort((one, other) => other.prompt[0] - one.prompt[0]);
  return entries[0]?.outputs[node] ?? null;
}

// What each node showed last while this page lives, by workflow and node; the least recently shown are forgotten.
export class LastShown {
  constructor(most = 200) {
    this.most = most;
    this.shown = new Map();
  }

  keep(workflow, node, output) {
    const key = `${workflow}/${node}`;
    this.shown.delete(key);
    this.shown.set(key, output);
    if (this.shown.size > this.most) this.shown.delete(this.shown.keys().next().value);
  }

  get(workflow, node) {
    return this.shown.get(`${workflow}/${node}`) ?? null;
  }
}

// Shows again, on a page or tab just opened, what its nodes showed last. `app` and `api` are ComfyUI's; `isEmpty(view)`
// and `show(node, view, output)` are the widget's own; `replay(node, output)`, if given, gets a run's whole
// output: of the history, or of what was kept under `output`.
export class Recall {
  constructor({ app, api, isEmpty, show, replay = null }) {
    Object.assign(this, { app, api, isEmpty, show, replay, last: new LastShown() });
  }

  get workflow() {
    return this.app.graph?.id ?? "";
  }

  keep(node, output) {
    this.last.keep(this.workflow, node.id, output);
  }

  // `views` is a map of node -> view. Those of this page's life come first, then ComfyUI's own memory, then its history.
  async showAgain(views) {
    const unknown = [...views].filter(([node, view]) => this.isEmpty(view) && !this.showKnown(node, view));
    if (!unknown.length || !this.workflow) return;
    const answer = await this.api.fetchApi(`/history?max_items=${HISTORY_DEPTH}`);
    const history = answer.ok ? await answer.json() : {};
    for (const [node, view] of unknown) {
      const wanted = { workflow: this.workflow, node: String(node.id), type: node.comfyClass };
      const output = newestOutput(history, wanted);
      // A node that was removed while the history was fetched would leave an element without a node on the page.
      if (!output || views.get(node) !== view || !this.isEmpty(view)) continue;
      this.show(node, view, shownOf(output));
      await this.replay?.(node, output);
    }
  }

  showKnown(node, view) {
    const output = this.last.get(this.workflow, node.id) ?? shownOf(this.app.nodeOutputs?.[node.id]);
    if (output) this.show(node, view, output);
    if (output?.output) this.replay?.(node, output.output);
    return Boolean(output);
  }
}

// Whether the node a run speaks of is this one: ids inside a subgraph are joined with colons.
export function isNode(executionId, nodeId, isInside) {
  const parts = String(executionId).split(":");
  return parts.at(-1) === String(nodeId) && parts.length > 1 === Boolean(isInside);
}
