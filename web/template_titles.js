// Titles of nodes and groups in the pack's own templates, in the page's language for as long as nobody renames them.
// No DOM here.

// The table of English titles and their Chinese, fetched once and for such graphs alone; empty where it cannot be had.
export function titleTable(read = fetch) {
  let table = null;
  return () => {
    table ??= read(new URL("./titles_zh.json", import.meta.url)).then((answer) => (answer.ok ? answer.json() : {}))
      .catch(() => ({}));
    return table;
  };
}

export function isTemplate(graph) {
  return typeof graph?.extra?.deepsound?.template === "string";
}

// Changes the titles of a graph that is about to be opened, as the page has it as data.
export async function translateTitles(graph, language, titles) {
  if (!isTemplate(graph)) return;
  const table = Object.entries(await titles());
  const words = new Map(language === "zh" ? table : table.map(([english, chinese]) => [chinese, english]));
  for (const titled of [...listOf(graph.nodes), ...listOf(graph.groups)]) {
    if (words.has(titled?.title)) titled.title = words.get(titled.title);
  }
}

function listOf(value) {
  return Array.isArray(value) ? value : [];
}
