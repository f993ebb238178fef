// Validation of a comparison's description before anything of it is shown. No DOM here.
export const VERSION = 1;
const MOST_TRACKS = 8;
const MOST_SPANS = 10_000;
const MOST_PEAK_BYTES = 16_384;
const MOST_NOTES = 20;

// The comparison a node described, or an Error that says what is wrong with the description.
export function readComparison(raw) {
  const given = object(raw, "comparison");
  if (given.version !== VERSION) throw new Error(`comparison version ${given.version} is not ${VERSION}`);
  const duration = number(given.duration_s, "duration_s");
  if (!(duration > 0)) throw new Error("duration_s must be more than 0");
  const tracks = list(given.tracks, "tracks");
  if (!tracks.length || tracks.length > MOST_TRACKS) throw new Error(`1 to ${MOST_TRACKS} tracks, not ${tracks.length}`);
  return {
    duration,
    tracks: tracks.map((track, index) => readTrack(track, index, duration)),
    video: given.video == null ? null : readVideo(given.video),
    spans: list(given.spans_s ?? [], "spans_s").slice(0, MOST_SPANS).map(readSpan),
    notes: list(given.notes ?? [], "notes").slice(0, MOST_NOTES).map(String),
  };
}

function readTrack(raw, index, duration) {
  const track = object(raw, `track ${index}`);
  return {
    name: String(track.name ?? "").slice(0, 40),
    title: String(track.title ?? track.name ?? "").slice(0, 80),
    duration: Math.min(Math.max(number(track.duration_s, "duration_s"), 0), duration),
    lufs: track.lufs == null ? null : number(track.lufs, "lufs"),
    silent: track.true_peak_dbtp == null,
    gain: number(track.gain_db, "gain_db"),
    matched: Boolean(track.matched),
    audio: track.audio == null ? null : fileName(track.audio),
    spectrogram: track.spectrogram == null ? null : fileName(track.spectrogram),
    peaks: readPeaks(track.peaks ?? ""),
  };
}

function readVideo(raw) {
  const video = object(raw, "video");
  return {
    file: fileName(video.file),
    duration: number(video.duration_s, "video.duration_s"),
    width: number(video.width, "video.width"),
    height: number(video.height, "video.height"),
  };
}

function readSpan(raw) {
  const [start, end] = list(raw, "span").map((time) => number(time, "span"));
  if (!(start >= 0 && end >= start)) throw new Error("a span must end after it begins");
  return [start, end];
}

// Pairs of least and greatest sample of a column, each -1 to 1: base64 of signed bytes.
export function readPeaks(text) {
  if (typeof text !== "string" || text.length > (MOST_PEAK_BYTES * 4) / 3 + 4) throw new Error("peaks are too long");
  const bytes = Int8Array.from(atob(text), (character) => character.charCodeAt(0));
  if (bytes.length % 2) throw new Error("peaks come in pairs");
  return Array.from({ length: bytes.length / 2 }, (_, index) => [bytes[2 * index] / 127, bytes[2 * index + 1] / 127]);
}

// A file in ComfyUI's temporary folder as the page asks for it.
export function viewQuery(name) {
  return `/view?${new URLSearchParams({ filename: name, subfolder: "", type: "temp" })}`;
}

function fileName(value) {
  const plain = typeof value === "string" && value.length <= 255 && /^[\w][\w.-]*$/.test(value);
  if (!plain) throw new Error("a file name holds what no name of this pack does");
  return value;
}

function number(value, what) {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Error(`${what} is not a number`);
  return value;
}

function list(value, what) {
  if (!Array.isArray(value)) throw new Error(`${what} is not a list`);
  return value;
}

function object(value, what) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error(`${what} is not an object`);
  return value;
}
