// Translates texts with the page's own module: a JSON list on standard input, [[Chinese, English words left], ...] on output.
import { readFileSync } from "node:fs";
import { englishIn, translated, useMessages } from "../../web/messages.js";

useMessages(JSON.parse(readFileSync(new URL("../../web/messages_zh.json", import.meta.url), "utf8")));
const texts = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(texts.map((text) => [translated(text), englishIn(translated(text))])));
