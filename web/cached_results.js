// Results of nodes that a run takes from ComfyUI's cache: the server names such nodes and sends nothing of what they
// showed. A copy of a node, or a new workflow with the same steps, would stay empty. No DOM here.
import { executionIds } from "./history.js";

const HISTORY_DEPTH = 32;
const LOOKS = 20;
const LOOK_EVERY_MS = 200;
const ENDINGS = ["execution_success", "execution_error", "execution_interrupted"];

// Numbers for nodes of prompts: the same one for the same class with the same inputs, those of the nodes before included.
export class Signatures {
  known = new Map();

  of(prompt, id, path = [], seen = new Map()) {
    if (seen.has(id)) return seen.get(id);
    const node = prompt?.[id];
    if (!node || path.includes(id)) return -1;
    const inputs = Object.entries(node.inputs ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
    const words = inputs.map(([name, value]) => [name, isLink(value)
      ? [this.of(prompt, String(value[0]), [...path, id], seen), value[1]] : { value }]);
    const text = JSON.stringify([node.class_type, words]);
    if (!this.known.has(text)) this.known.set(text, this.known.size);
    seen.set(id, this.known.get(text));
    return seen.get(id);
  }
}

function isLink(value) {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && Number.isInteger(value[1]);
}

// The newest output of a node that had the same inputs as node `id` of `prompt`, or null.
export function sameOutput(history, prompt, id, signatures = new Signatures()) {
  const wanted = signatures.of(prompt, id);
  const entries = Object.values(history ?? {}).filter((entry) => entry.prompt?.[2])
    .sort((one, other) => other.prompt[0] - one.prompt[0]);
  for (const { prompt: [, , made], outputs } of entries) {
    const seen = new Map();
    for (const [other, output] of Object.entries(outputs ?? {})) {
      const isAlike = made[other]?.class_type === prompt[id]?.class_type && output?.deepsound?.length > 0;
      if (isAlike && signatures.of(made, other, [], seen) === wanted) return output;
    }
  }
  return null;
}

export class CachedResults {
  // `nodes` are those of the page to look after, `isEmpty(node)` tells those that show nothing yet.
  constructor({ app, api, nodes, isEmpty, wait = (time) => new Promise((done) => setTimeout(done, time)) }) {
    Object.assign(this, { app, api, nodes, isEmpty, wait, cached: new Map(), signatures: new Signatures(),
      shown: new WeakMap() });
  }

  listen() {
    this.api.addEventListener("execution_cached", ({ detail }) => {
      this.cached.set(detail?.prompt_id, new Set((detail?.nodes ?? []).map(String)));
    });
    for (const ending of ENDINGS) this.api.addEventListener(ending, ({ detail }) => this.show(detail?.prompt_id));
  }

  // What a run that has just ended took from the cache, shown as if the node had run, where it shows nothing, or the
  // result of other inputs.
  async show(promptId) {
    const ids = this.cached.get(promptId);
    this.cached.delete(promptId);
    if (!ids || !this.nodes.size) return;
    const prompt = (await this.entryOf(promptId))?.prompt?.[2];
    const wrong = prompt ? this.inPrompt(prompt).filter(([node, id]) => this.isOld(node, prompt, id) && ids.has(id)) : [];
    if (!wrong.length) return;
    const history = await this.asked(`/history?max_items=${HISTORY_DEPTH}`);
    for (const [, id] of wrong) {
      const output = sameOutput(history, prompt, id, this.signatures);
      const detail = { node: id, display_node: id, prompt_id: promptId, output };
      if (output) this.api.dispatchEvent(new CustomEvent("executed", { detail }));
    }
  }

  inPrompt(prompt) {
    const root = this.app.rootGraph ?? this.app.graph;
    return [...this.nodes].map((node) => [node, executionIds(node, root).find((id) => prompt[id])])
      .filter(([, id]) => id !== undefined);
  }

  // Whether what the node shows is not that of these inputs. A page just opened shows what it found for its workflow.
  isOld(node, prompt, id) {
    const [before, now] = [this.shown.get(node), this.signatures.of(prompt, id)];
    this.shown.set(node, now);
    return this.isEmpty(node) || (before !== undefined && before !== now);
  }

  // The server puts a prompt into its history a moment after it has said that it ended.
  async entryOf(promptId) {
    for (let look = 0; look < LOOKS; look += 1) {
      const entry = (await this.asked(`/history/${promptId}`))[promptId];
      if (entry) return entry;
      await this.wait(LOOK_EVERY_MS);
    }
    return null;
  }

  async asked(path) {
    const answer = await this.api.fetchApi(path).catch(() => null);
    return answer?.ok ? (await answer.json().catch(() => null)) ?? {} : {};
  }
}
