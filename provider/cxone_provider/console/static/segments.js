// The segments as a bar over the file: a piece for each range, its colour by time and attempts, its signature below.

import { empty, h } from "./dom.js";
import { bytes, count, took } from "./format.js";

const MANY = 120;

function kind(segment, median) {
  if (segment.status === "read-back") return "seg-readback";
  if (segment.attempts > 1) return "seg-again";
  if (segment.latency_ms > 3 * median) return "seg-slow";
  return segment.latency_ms > median ? "seg-fair" : "seg-quick";
}

function told(segment) {
  const parts = [`Segment ${segment.chunk_index}, bytes ${segment.range} (${bytes(segment.bytes_read)})`];
  parts.push(segment.status === "read-back" ? "stored by an earlier try, read back" : `${took(segment.latency_ms)}, ${count(segment.attempts)} ${segment.attempts === 1 ? "attempt" : "attempts"}`);
  parts.push(segment.signature === "verified" ? "signature verified" : "no signature", `SHA-256 ${String(segment.sha256).slice(0, 16)}…`);
  return parts.join(" · ");
}

/** Return the bar, its legend and the line that tells of the piece under the pointer or the keyboard. */
export function segmentsBar(trail) {
  const segments = trail.segments ?? [];
  if (!segments.length) return [empty("The trail tells of no segment.")];
  const times = segments.map((segment) => segment.latency_ms).sort((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  const line = h("p", { class: "told", "aria-live": "polite" }, "Point at a piece, or walk through them with the arrow keys.");
  const bar = h("div", { class: `bar${segments.length > MANY ? " many" : ""}`, role: "group", "aria-label": "Segments" });
  segments.forEach((segment, n) => {
    const say = () => { line.textContent = told(segment); };
    const piece = h("button", { type: "button", class: kind(segment, median), tabindex: n ? "-1" : "0", "aria-label": told(segment), on: { pointerenter: say, focus: say } });
    piece.style.flexGrow = String(segment.bytes_read || 1);
    bar.append(piece);
  });
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = step && [...bar.children][[...bar.children].indexOf(document.activeElement) + step];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  });
  const signs = h("div", { class: "signs", "aria-hidden": "true" }, segments.map((segment) => {
    const sign = h("i", { class: segment.signature === "verified" ? "verified" : "" });
    sign.style.flexGrow = String(segment.bytes_read || 1);
    return sign;
  }));
  const signed = segments.filter((segment) => segment.signature === "verified").length;
  const swatch = (name, text) => h("span", {}, h("i", { class: `swatch ${name}` }), text);
  const legend = h("div", { class: "legend" }, swatch("seg-quick", "up to the median time"), swatch("seg-fair", "above it"), swatch("seg-slow", "over three times it"),
    swatch("seg-again", "more than one attempt"), swatch("seg-readback", "read back"), h("span", {}, `signatures verified: ${count(signed)} of ${count(segments.length)} (line below)`));
  return [bar, signs, line, legend];
}
