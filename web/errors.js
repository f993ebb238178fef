// The server's validation errors as text, by node. No DOM here.

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
