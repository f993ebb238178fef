// The server's errors as text, by node, in the page's language, and what to do about them. No DOM here.
import { translated } from "./messages.js";

const originals = new WeakMap();

// The page's own dialog shows an event's text: that of this pack's nodes, in the page's language, before the page reads
// it. Its traceback stays as it is, so that a report still has the original.
export function translateExecutionErrors(api) {
  api.addEventListener("execution_error", ({ detail }) => {
    const english = detail?.exception_message;
    if (typeof english !== "string" || !String(detail.node_type).startsWith("DeepSound") || Object.isFrozen(detail)) return;
    originals.set(detail, english);
    detail.exception_message = translated(english);
  }, { capture: true });
}

// The server's own text of an event.
export function serverText(detail) {
  return String(originals.get(detail) ?? detail.exception_message).trim();
}

// Map of node id -> text, one line for each thing that is wrong; a refusal repeated for several inputs is said once.
export function messagesOf(nodeErrors) {
  const messages = new Map();
  for (const [id, { errors = [] }] of Object.entries(nodeErrors ?? {})) {
    const lines = errors.map((error) => plain(error));
    if (lines.length) messages.set(id, [...new Set(lines)].join("\n"));
  }
  return messages;
}

// A node's own refusal reads "<input> - <what is wrong>": the sentence says which input it is about. The others are
// only understood with both their parts.
function plain({ type, message, details, extra_info: about }) {
  if (type === "custom_validation_failed") return details.replace(`${about?.input_name ?? ""} - `, "");
  return [message, details].filter(Boolean).join(": ");
}

const ANOTHER_FILE = new RegExp("\\bupload it\\b|choose a video|choose another (one|file)|cannot be (read|opened)"
  + "|is not in ComfyUI's input|give a video file|is empty \\(0 bytes\\)", "i");
const INSTALL = /\bpip install [^;,`'"\n]*[^;,.`'"\s]/;

// The next actions for an error: { kind: "weights" }, { kind: "choose" } (another file), { kind: "command", text },
// and always { kind: "copy" } for its text. `type` is the error's class where the server names it.
export function actionsOf(text, type = "") {
  const found = [];
  if (/MissingWeights/.test(type) || /weights\b.*\bnot on this machine/s.test(text)) found.push({ kind: "weights" });
  if (ANOTHER_FILE.test(text)) {
    found.push({ kind: "choose" });
  }
  const command = INSTALL.exec(text)?.[0];
  if (command) found.push({ kind: "command", text: command });
  return [...found, { kind: "copy", text }];
}
