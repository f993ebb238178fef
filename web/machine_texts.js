// The page's texts in the languages that a machine wrote: a file for each, the same names in all (locales/README.md).
import * as de from "./texts_de.js";
import * as es from "./texts_es.js";
import * as fr from "./texts_fr.js";
import * as ja from "./texts_ja.js";
import * as ko from "./texts_ko.js";
import * as ru from "./texts_ru.js";

// One table of every language, `panels`, `compare`, `weights` or `progress`, by language.
export function machineTexts(table) {
  const languages = { de, es, fr, ja, ko, ru };
  return Object.fromEntries(Object.entries(languages).map(([language, texts]) => [language, texts[table]]));
}
