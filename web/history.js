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
// and `show(node, view, shown, output)` are the widget's own; `replay(node, output)`, if given, gets a run's whole
// output: of the history, or of what was kept under `output`.
export class Recall {
  constructor({ app, api, isEmpty, show, replay = null }) {
    Object.assign(this, { app, api, isEmpty, show, replay, last: new LastShown() });
  }

  get workflow() {
    return this.root?.id ?? "";
  }

  get root() {
    return this.app.rootGraph ?? this.app.graph;
  }

  keep(node, output) {
    this.last.keep(this.workflow, placeOf(node, this.root), output);
  }

  // `views` is a map of node -> view. Those of this page's life come first, then ComfyUI's own memory, then its history.
  async showAgain(views) {
    const unknown = [...views].filter(([node, view]) => this.isEmpty(view) && !this.showKnown(node, view));
    if (!unknown.length || !this.workflow) return;
    const answer = await this.api.fetchApi(`/history?max_items=${HISTORY_DEPTH}`);
    const history = answer.ok ? await answer.json() : {};
    for (const [node, view] of unknown) {
      const outputs = executionIds(node, this.root).map((id) => newestOutput(history,
        { workflow: this.workflow, node: id, type: node.comfyClass }));
      const output = outputs.find(Boolean);
      // A node that was removed while the history was fetched would leave an element without a node on the page.
      if (!output || views.get(node) !== view || !this.isEmpty(view)) continue;
      this.show(node, view, shownOf(output), output);
      await this.replay?.(node, output);
    }
  }

  showKnown(node, view) {
    const place = placeOf(node, this.root);
    const known = this.last.get(this.workflow, place);
    const whole = this.app.nodeOutputs?.[place];
    const output = known ?? shownOf(whole);
    const made = known ? known.output : whole;
    if (output) this.show(node, view, output, made);
    // ComfyUI's own memory too: while a page opens, it may still be that of the graph before, and go with it.
    if (output && made) this.replay?.(node, made);
    return Boolean(output);
  }
}

// Where a node is: its id in the outermost graph, and with the subgraph's id before it in another; so the page keeps
// its own memory of outputs too.
export function placeOf(node, root) {
  return !node.graph || node.graph === root || !node.graph.id ? String(node.id) : `${node.graph.id}:${node.id}`;
}

// The ids by which runs speak of a node: inside a subgraph one for each place where that subgraph stands.
export function executionIds(node, root) {
  if (!node.graph || node.graph === root) return [String(node.id)];
  return pathsTo(node.graph, root, []).map((path) => [...path, node.id].join(":"));
}

function pathsTo(wanted, graph, path) {
  return [...(graph?.nodes ?? graph?._nodes ?? [])].filter((node) => node.subgraph).flatMap((node) => {
    const inner = [...path, node.id];
    return node.subgraph === wanted ? [inner] : pathsTo(wanted, node.subgraph, inner);
  });
}

// Whether the node a run speaks of is this one: ids inside a subgraph are joined with colons.
export function isNode(executionId, nodeId, isInside) {
  const parts = String(executionId).split(":");
  return parts.at(-1) === String(nodeId) && parts.length > 1 === Boolean(isInside);
}
