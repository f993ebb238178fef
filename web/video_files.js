// Files of videos that the browser has no type for, or that ComfyUI's page passes over, made such that it takes them.
// No DOM here but files and their lists.
export const TYPES = { ".3gp": "video/3gpp", ".avi": "video/x-msvideo", ".flv": "video/x-flv", ".m2ts": "video/mp2t",
  ".m4v": "video/x-m4v", ".mkv": "video/x-matroska", ".mov": "video/quicktime", ".mp4": "video/mp4", ".mpeg": "video/mpeg",
  ".mpg": "video/mpeg", ".mts": "video/mp2t", ".ogv": "video/ogg", ".ts": "video/mp2t", ".webm": "video/webm",
  ".wmv": "video/x-ms-wmv" };
// For a file chooser: what the browser knows as videos, and what it may not.
export const ACCEPTED = ["video/*", ...Object.keys(TYPES)].join(",");

const suffixOf = (name) => /\.[^./\\]+$/.exec(String(name).toLowerCase())?.[0] ?? "";

// A video by its name, with a video's type; any other file as it is.
export function asVideo(file) {
  const type = TYPES[suffixOf(file.name)];
  return type && !/^video\//.test(file.type) ? retyped(file, type) : file;
}

// A Matroska file as a webm, whose tags, of the same form, are the only ones of this family that the page looks into.
export function asWebm(file) {
  return [".mkv", ".webm"].includes(suffixOf(file.name)) && file.type !== TYPES[".webm"] ? retyped(file, TYPES[".webm"])
    : file;
}

function retyped(file, type) {
  return new File([file], file.name, { type, lastModified: file.lastModified });
}

// Makes the page find the graph in a Matroska file that is dropped or opened.
export function openMatroska(app) {
  const { handleFile } = app;
  if (!handleFile) return;
  app.handleFile = function (file, ...more) {
    return handleFile.call(this, asWebm(file), ...more);
  };
}

// Makes a node take every video that is chosen by its upload button or dropped on it: `listOf(files)` is a DataTransfer.
export function takeEveryVideo(node, button, listOf) {
  const { callback } = button;
  button.callback = function (...given) {
    const { click } = HTMLInputElement.prototype;
    HTMLInputElement.prototype.click = function () {
      if (this.type === "file") prepare(this, listOf);
      return click.call(this);
    };
    try {
      return callback.apply(this, given);
    } finally {
      HTMLInputElement.prototype.click = click;
    }
  };
  const { onDragDrop } = node;
  if (!onDragDrop) return;
  node.onDragDrop = function (event, ...more) {
    const files = [...event?.dataTransfer?.files ?? []];
    const videos = files.map(asVideo);
    const isSame = videos.every((file, index) => file === files[index]);
    return onDragDrop.call(this, isSame ? event : new DragEvent("drop", { dataTransfer: listOf(videos) }), ...more);
  };
}

const prepared = new WeakSet();

function prepare(input, listOf) {
  input.accept = ACCEPTED;
  if (prepared.has(input)) return;
  prepared.add(input);
  input.addEventListener("change", () => {
    const files = [...input.files];
    const videos = files.map(asVideo);
    if (videos.some((file, index) => file !== files[index])) input.files = listOf(videos).files;
  }, { capture: true });
}
