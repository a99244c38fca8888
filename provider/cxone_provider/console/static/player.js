// The player: audio streams by ranges from an address that lives a quarter of an hour; the waveform is drawn from peaks
// that the server makes of WAV, and that the browser makes of other formats up to a size.

import { address, empty, h } from "./dom.js";
import { get, post } from "./api.js";
import { bytes, duration } from "./format.js";

const DECODED_AT_MOST = 32 * 1024 * 1024;
const PIECE = 1024 * 1024;
const SLICES = 1000;
const NAMES = ["Left", "Right"];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function drawChannel(canvas, pairs, played) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const slices = pairs.length / 2;
  const middle = height / 2;
  const step = Math.max(1, slices / width);
  for (let x = 0; x < width; x += 1) {
    const from = Math.floor((x / width) * slices);
    let low = 127;
    let high = -127;
    for (let n = from; n < Math.min(slices, from + Math.ceil(step)); n += 1) {
      low = Math.min(low, pairs[2 * n]);
      high = Math.max(high, pairs[2 * n + 1]);
    }
    pen.fillStyle = x / width < played ? colour("accent") : colour("other");
    const top = middle - (high / 127) * (middle - 2);
    pen.fillRect(x, top, 1, Math.max(1, ((high - low) / 127) * (middle - 2)));
  }
}

function peaksOf(sound) {
  return Array.from({ length: sound.numberOfChannels }, (_, channel) => {
    const samples = sound.getChannelData(channel);
    const frames = Math.ceil(samples.length / SLICES);
    const pairs = [];
    for (let start = 0; start < samples.length; start += frames) {
      let low = 1;
      let high = -1;
      for (let n = start; n < Math.min(samples.length, start + frames); n += 1) {
        if (samples[n] < low) low = samples[n];
        if (samples[n] > high) high = samples[n];
      }
      pairs.push(Math.round(low * 127), Math.round(high * 127));
    }
    return pairs;
  });
}

async function wholeOf(opened) {
  const whole = new Uint8Array(opened.size_bytes);
  for (let start = 0; start < opened.size_bytes;) {
    const stop = Math.min(start + PIECE, opened.size_bytes);
    const answer = await fetch(opened.address, { headers: { Range: `bytes=${start}-${stop - 1}` }, credentials: "same-origin" });
    if (answer.status !== 206) throw new Error(`The server answered ${answer.status}.`);
    const piece = new Uint8Array(await answer.arrayBuffer());
    whole.set(piece, start);
    start += piece.length;
  }
  return whole.buffer;
}

async function decoded(opened) {
  const context = new OfflineAudioContext(1, 1, 44100);
  return { channels: peaksOf(await context.decodeAudioData(await wholeOf(opened))) };
}

function waves(box, drawn, sound) {
  const canvases = drawn.channels.map((_, n) => h("canvas", { role: "img", "aria-label": `Waveform, channel ${n + 1}` }));
  const paint = () => {
    const played = sound.duration ? sound.currentTime / sound.duration : 0;
    canvases.forEach((canvas, n) => drawChannel(canvas, drawn.channels[n], played));
  };
  box.replaceChildren(...canvases.map((canvas, n) => h("figure", {}, h("figcaption", {}, drawn.channels.length === 2 ? NAMES[n] : drawn.channels.length === 1 ? "Mono" : `Channel ${n + 1}`), canvas)));
  canvases.forEach((canvas) => canvas.addEventListener("click", (event) => {
    if (sound.duration) sound.currentTime = (event.offsetX / canvas.clientWidth) * sound.duration;
  }));
  sound.addEventListener("timeupdate", paint);
  sound.addEventListener("seeked", paint);
  window.addEventListener("resize", paint);
  window.addEventListener("themechange", paint);
  paint();
}

/** Return the player of an archived recording; nothing is fetched before somebody asks for it, but the waveform. */
export function player(id, manifest, rights) {
  if (!rights.may_listen) return empty("You may look at the archive and not listen: that takes the right to read the XComs of the DAG that fills it.");
  const wav = manifest.audio.format === "wav";
  const box = h("div", { class: "waves" }, h("p", { class: "empty" }, wav ? "Drawing the waveform…" : "The waveform of this format is drawn in the browser, after Listen."));
  const sound = h("audio", { controls: true, preload: "metadata", "aria-label": `Recording ${id}`, hidden: true });
  const status = h("p", { class: "told", role: "status" });
  const button = h("button", { class: "main", type: "button" }, "▶ Listen");
  const length = h("span", { class: "sub" }, `${duration(manifest.audio.duration_s)} · ${bytes(manifest.size_bytes)}`);
  let drawn = false;
  const draw = async (make) => {
    try {
      waves(box, await make(), sound);
      drawn = true;
    } catch (error) {
      box.replaceChildren(empty(error.status === 422 ? "The waveform of this codec is not drawn on the server; Listen lets the browser try." : `No waveform: ${error.message}`));
    }
  };
  sound.addEventListener("error", () => { status.textContent = `This browser cannot play it (${manifest.audio.codec}), or the address is too old: press Listen again.`; });
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const opened = await (await post("api/listen", { recording_id: id })).json();
      sound.src = opened.address;
      sound.hidden = false;
      status.textContent = `Written to the audit log. The address holds for ${Math.round(opened.seconds / 60)} minutes.`;
      sound.play().catch((error) => { if (error.name !== "AbortError") status.textContent = `It does not play: ${error.message}`; });
      if (!drawn && opened.size_bytes <= DECODED_AT_MOST) await draw(() => decoded(opened));
      else if (!drawn) box.replaceChildren(empty(`Waveforms of this format are drawn up to ${bytes(DECODED_AT_MOST)}.`));
    } catch (error) {
      status.textContent = error.message;
    }
    button.disabled = false;
  });
  if (wav) draw(() => get(address("api/waveform", { recording_id: id })));
  return h("div", {}, box, h("div", { class: "actions" }, button, length), sound, status);
}
