// A video's frame rate and length, read from the file's own index, which browsers keep to themselves. No DOM here:
// `read(start, length)` gives a promise of a DataView, shorter where the file ends.
const MOST_INDEX = 64 * 2 ** 20;
const MATROSKA_HEAD = 2 ** 18;
const MOST_BOXES = 64;

const EBML = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const INFO = 0x1549a966;
const TIMESTAMP_SCALE = 0x2ad7b1;
const DURATION = 0x4489;
const TRACKS = 0x1654ae6b;
const TRACK_ENTRY = 0xae;
const TRACK_TYPE = 0x83;
const DEFAULT_DURATION = 0x23e383;

// { fps, duration } in frames per second and seconds, those that the file tells; {} for a file of another kind.
export async function factsOf(read) {
  const head = await read(0, 16);
  if (head.byteLength < 12) return {};
  if (head.getUint32(0) === EBML) return matroskaFacts(await read(0, MATROSKA_HEAD));
  return textAt(head, 4) === "ftyp" ? isoFacts(read) : {};
}

async function isoFacts(read) {
  let at = 0;
  for (let count = 0; count < MOST_BOXES; count += 1) {
    const header = await read(at, 16);
    const box = header.byteLength >= 8 && boxAt(header, 0, Infinity);
    if (!box) return {};
    if (box.type === "moov") {
      if (box.size > MOST_INDEX) return {};
      return movieFacts(await read(at + box.header, box.size - box.header));
    }
    at += box.size;
  }
  return {};
}

function movieFacts(moov) {
  for (const track of boxes(moov).filter((box) => box.type === "trak")) {
    const media = inside(track.data, "mdia");
    const handler = media && inside(media, "hdlr");
    if (!handler || textAt(handler, 8) !== "vide") continue;
    const header = inside(media, "mdhd");
    const times = ["minf", "stbl", "stts"].reduce((data, type) => data && inside(data, type), media);
    return header && times ? trackFacts(header, times) : {};
  }
  return {};
}

function trackFacts(header, times) {
  const timescale = header.getUint32(header.getUint8(0) === 1 ? 20 : 12);
  let [frames, ticks] = [0, 0];
  const entries = Math.min(times.getUint32(4), Math.floor((times.byteLength - 8) / 8));
  for (let entry = 0; entry < entries; entry += 1) {
    const count = times.getUint32(8 + entry * 8);
    frames += count;
    ticks += count * times.getUint32(12 + entry * 8);
  }
  return frames && ticks && timescale ? { fps: (frames * timescale) / ticks, duration: ticks / timescale } : {};
}

function inside(data, type) {
  return boxes(data).find((box) => box.type === type)?.data;
}

function boxes(data) {
  const found = [];
  for (let at = 0; at + 8 <= data.byteLength;) {
    const box = boxAt(data, at, data.byteLength - at);
    if (!box) break;
    found.push({ type: box.type, data: part(data, at + box.header, box.size - box.header) });
    at += box.size;
  }
  return found;
}

// A box's type, its size and its header's; null for one that ends before it begins, or after what it lies in.
function boxAt(data, at, room) {
  let [size, header] = [data.getUint32(at), 8];
  if (size === 1) {
    if (data.byteLength < at + 16) return null;
    [size, header] = [data.getUint32(at + 8) * 2 ** 32 + data.getUint32(at + 12), 16];
  } else if (size === 0) {
    size = room;
  }
  return size >= header && size <= room ? { type: textAt(data, at + 4), size, header } : null;
}

function matroskaFacts(data) {
  const segment = elements(data).find((element) => element.id === SEGMENT)?.data;
  if (!segment) return {};
  const facts = {};
  for (const { id, data: content } of elements(segment)) {
    if (id === INFO) Object.assign(facts, lengthOf(content));
    if (id === TRACKS) Object.assign(facts, rateOf(content));
  }
  return facts;
}

function lengthOf(info) {
  const parts = new Map(elements(info).map(({ id, data }) => [id, data]));
  const duration = parts.get(DURATION);
  if (!duration || ![4, 8].includes(duration.byteLength)) return {};
  const scale = parts.has(TIMESTAMP_SCALE) ? unsigned(parts.get(TIMESTAMP_SCALE)) : 1e6;
  return { duration: ((duration.byteLength === 4 ? duration.getFloat32(0) : duration.getFloat64(0)) * scale) / 1e9 };
}

function rateOf(tracks) {
  for (const track of elements(tracks).filter(({ id }) => id === TRACK_ENTRY)) {
    const parts = new Map(elements(track.data).map(({ id, data }) => [id, data]));
    const isPicture = parts.has(TRACK_TYPE) && unsigned(parts.get(TRACK_TYPE)) === 1;
    const frame = parts.has(DEFAULT_DURATION) ? unsigned(parts.get(DEFAULT_DURATION)) : 0;
    if (isPicture && frame) return { fps: 1e9 / frame };
  }
  return {};
}

function elements(data) {
  const found = [];
  for (let at = 0; at < data.byteLength;) {
    const id = numberAt(data, at, false);
    const size = id && numberAt(data, at + id.length, true);
    if (!size) break;
    const start = at + id.length + size.length;
    // An unknown size reaches to the end of what was read, as does an element that was cut off.
    const length = Math.min(size.isUnknown ? Infinity : size.value, data.byteLength - start);
    found.push({ id: id.value, data: part(data, start, length) });
    at = start + length;
  }
  return found;
}

// EBML's numbers: the leading zeros of the first byte tell how many follow; sizes are told without that mark.
function numberAt(data, at, withoutMark) {
  if (at >= data.byteLength) return null;
  const length = Math.clz32(data.getUint8(at)) - 23;
  if (length > 8 || at + length > data.byteLength) return null;
  const mark = 1 << (8 - length);
  let value = withoutMark ? data.getUint8(at) - mark : data.getUint8(at);
  let isUnknown = data.getUint8(at) === 2 * mark - 1;
  for (let index = 1; index < length; index += 1) {
    value = value * 256 + data.getUint8(at + index);
    isUnknown &&= data.getUint8(at + index) === 255;
  }
  return { value, length, isUnknown };
}

function unsigned(data) {
  let value = 0;
  for (let index = 0; index < data.byteLength; index += 1) value = value * 256 + data.getUint8(index);
  return value;
}

function part(data, start, length) {
  return new DataView(data.buffer, data.byteOffset + start, Math.max(0, Math.min(length, data.byteLength - start)));
}

function textAt(data, at) {
  let text = "";
  for (let index = at; index < Math.min(at + 4, data.byteLength); index += 1) {
    text += String.fromCharCode(data.getUint8(index));
  }
  return text;
}
