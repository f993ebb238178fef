// The pack's subgraph blueprints on a Chinese page: names, descriptions, titles and sockets in Chinese. No DOM here.
export const NAMES = {
  "DeepSound, four steps (s4, neg)": "DeepSound，四个步骤（s4，neg）",
  "DeepSound, four steps without download": "DeepSound，四个步骤（无需下载）",
  "DeepSound, step 1, generate": "DeepSound，第 1 步：生成",
  "DeepSound, step 2, judge": "DeepSound，第 2 步：判断",
  "DeepSound, step 3, separate": "DeepSound，第 3 步：分离",
  "DeepSound, step 4, fall back": "DeepSound，第 4 步：回退",
};
// What the library says of each.
export const DESCRIPTIONS = {
  "DeepSound, four steps (s4, neg)":
    "用论文的系统为视频配声音，包含全部四步；若只剩静音，则避开人声重新生成。需要原论文的权重。",
  "DeepSound, four steps without download": "为视频配声音，包含全部四步：生成、判断，并去除画面外的人声。无需下载。",
  "DeepSound, step 1, generate": "为视频生成声音，其中可能还有人声。",
  "DeepSound, step 2, judge": "判断声音中是否有画面外的人声。",
  "DeepSound, step 3, separate": "把声音分离为背景和人声。",
  "DeepSound, step 4, fall back": "选定最终声音；若只剩静音，则避开人声重新生成。",
};
export const SOCKETS = { audio: "音频", background: "背景", chosen: "选择", coarse: "初始声音", plan: "计划",
  reasoning: "推理", segments: "片段列表", spans: "片段", video: "视频", voice: "人声", voice_over: "有画外音" };
const LOOKS = 300;

// The names in the library, and the graphs that come from there. `app.extensionManager` is a store of the page, whose
// neighbours hold the blueprints on front ends that list those of packs; on others nothing happens.
export class BlueprintTitles {
  // `titles()` gives a promise of the table { English: Chinese } of the pack's titles.
  constructor(app, language, titles) {
    Object.assign(this, { app, language, titles, table: {}, looks: LOOKS, isHooked: false });
  }

  // To be called a few times a second: the page reads the blueprints while it starts, whenever it likes.
  look() {
    if (this.looks <= 0) return;
    this.looks -= 1;
    const store = this.language() === "zh" ? this.app.extensionManager?._p?._s?.get?.("subgraph") : null;
    if (!store) return;
    if (!this.isHooked) this.hook(store);
    for (const listed of store.subgraphBlueprints ?? []) {
      const name = listed.display_name;
      if (!Object.hasOwn(NAMES, name)) continue;
      listed.search_aliases = [...listed.search_aliases ?? [], name];
      Object.assign(listed, { display_name: NAMES[name], description: DESCRIPTIONS[name] });
    }
  }

  // What the page takes out of a blueprint is a copy of it, which then goes onto the graph.
  hook(store) {
    this.isHooked = true;
    this.titles().then((table) => {
      this.table = table;
    });
    store.$onAction?.(({ name, after }) => {
      if (name === "getBlueprint") after((taken) => inChinese(taken, this.table));
    });
  }
}

// Changes the titles of a blueprint's graph, if it is one of the pack's.
export function inChinese(graph, table) {
  const [outer] = graph?.nodes ?? [];
  if (!Object.hasOwn(NAMES, outer?.title ?? "")) return;
  for (const inner of graph.definitions?.subgraphs ?? []) {
    if (inner.id === outer.type) inner.name = NAMES[outer.title];
    label([...inner.inputs ?? [], ...inner.outputs ?? []]);
    for (const titled of [...inner.nodes ?? [], ...inner.groups ?? []]) {
      if (Object.hasOwn(table, titled.title ?? "")) titled.title = table[titled.title];
    }
  }
  label([...outer.inputs ?? [], ...outer.outputs ?? []]);
  outer.title = NAMES[outer.title];
}

function label(sockets) {
  for (const socket of sockets) if (Object.hasOwn(SOCKETS, socket.name)) socket.label = SOCKETS[socket.name];
}
