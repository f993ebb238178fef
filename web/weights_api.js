// Requests of the weights dialog to ComfyUI's server: names of the catalogue only, never addresses or paths.
export class WeightsApi {
  // `api` is ComfyUI's.
  constructor(api) {
    this.api = api;
  }

  // The list of what `engines` need; of every engine where none is named.
  list(engines = []) {
    return this.answer(`/deepsound/weights?${new URLSearchParams(engines.map((engine) => ["engine", engine]))}`);
  }

  download(weights) {
    return this.command("weights/download", { id: weights.id, licence: weights.licence.name });
  }

  cancel(weights) {
    return this.command("weights/cancel", { id: weights.id });
  }

  verify(weights) {
    return this.command("weights/verify", { id: weights.id });
  }

  // { folder, opened }: false where the server has no desktop, or is another machine.
  open(weights) {
    return this.command("weights/open", { id: weights.id });
  }

  openPlace({ filename, subfolder = "", type = "output" }) {
    return this.command("open", { filename, subfolder, type });
  }

  command(name, body) {
    return this.answer(`/deepsound/${name}`, { method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body) });
  }

  async answer(path, options) {
    const answer = await this.api.fetchApi(path, options);
    const content = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new RefusedError(content.error ?? `${answer.status} ${answer.statusText}`);
    return content;
  }
}

// The server answered, and said why it does not do it.
export class RefusedError extends Error {}
