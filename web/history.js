// Finding what a node showed last, for a page or a tab that has just been opened. No DOM here.

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

// Whether the node a run speaks of is this one: ids inside a subgraph are joined with colons.
export function isNode(executionId, nodeId, isInside) {
  const parts = String(executionId).split(":");
  return parts.at(-1) === String(nodeId) && parts.length > 1 === Boolean(isInside);
}
