import { address, asked, empty, h, panel, show, table, tall } from "./dom.js";
import { get, page } from "./api.js";
import { bytesChart, draw, outcomesChart, quotaChart } from "./charts.js";
import { calendar } from "./calendar.js";
import { bytes, count, dayName, duration, shift, today, took, tone, words } from "./format.js";

const RANGES = [30, 90, 365];

function chosen() {
  const days = Number(asked().get("days"));
  const last = /^\d{4}-\d{2}-\d{2}$/.test(asked().get("last") ?? "") ? asked().get("last") : today();
  const length = RANGES.includes(days) ? days : 90;
  return { length, first: shift(last, 1 - length), last };
}

function sum(days, pick) {
  return days.reduce((total, day) => total + (pick(day) ?? 0), 0);
}

function tile(name, value, small, kind) {
  return h("div", { class: `tile tone-${kind}` }, h("span", {}, name), h("b", {}, value), small ? h("small", {}, small) : null);
}

function tiles(days) {
  const archived = sum(days, (day) => day.outcomes.ARCHIVED);
  const size = sum(days, (day) => day.bytes);
  const spent = sum(days, (day) => day.transfer_ms);
  const failed = sum(days, (day) => day.outcomes.FAILED);
  const told = days.some((day) => day.missing !== null);
  const expected = sum(days, (day) => day.expected);
  const damaged = sum(days, (day) => day.damaged);
  return h("section", { class: "tiles", "aria-label": "Totals" },
    tile("Archived", count(archived), "recordings", "archived"),
    tile("Bytes", bytes(size), spent ? `${bytes(size / (spent / 1000))}/s for each recording` : "", "already"),
    tile("Failed", count(failed), "ends without a recording", failed ? "failed" : "other"),
    tile("Missing", told ? count(sum(days, (day) => day.missing)) : "–", told ? `of ${count(expected)} expected` : "no report tells", told ? "missing" : "other"),
    tile("Verified", count(sum(days, (day) => day.verified)), damaged ? `${count(damaged)} damaged` : "read back, none damaged", damaged ? "failed" : "archived"),
    tile("Days", count(days.length), "on which a run ended", "other"));
}

function recordingLink(one) {
  return h("a", { href: address("recording", { id: one.recording_id }) }, one.recording_id);
}

function ranking(title, rows) {
  const sub = "of what was archived";
  if (!rows.length) return panel(title, sub, empty("Nothing was archived in these days."));
  return panel(title, sub, table(title, [
    { label: "Recording", class: "id", cell: recordingLink },
    { label: "Size", class: "right nowrap", cell: (one) => bytes(one.bytes) },
    { label: "Took", class: "right nowrap", cell: (one) => took(one.latency_ms) },
    { label: "Audio", class: "right nowrap", cell: (one) => duration(one.duration_s) },
    { label: "Day", class: "nowrap", cell: (one) => h("a", { href: address("day", { day: one.day }) }, one.day) },
  ], rows));
}

// The worst first, and the newest first of a kind, as the server sends them.
const KINDS = ["DAMAGED", "MISSING", "FAILED", "LOCKED", "REJECTED"];

function byKind(one, other) {
  return KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind);
}

function badge(kind) {
  return h("span", { class: `badge tone-${tone(kind)}` }, words(kind));
}

async function standouts(box, ranked, range) {
  try {
    const { attention: items, all_shown: all, slowest, largest } = await get(address("api/standouts", range));
    ranked.replaceChildren(ranking("Largest", largest), ranking("Slowest", slowest));
    const more = all ? null : h("p", { class: "empty" }, "There are more: these are the newest.");
    box.replaceChildren(...(items.length ? [tall("What needs a person", table("What needs a person", [
      { label: "Recording", class: "id", cell: recordingLink },
      { label: "Kind", cell: (one) => badge(one.kind) },
      { label: "Why", class: "why", cell: (one) => (one.retryable ? `${one.why.replace(/[.]$/, "")}. Another try may help.` : one.why) },
      { label: "Day", class: "nowrap", cell: (one) => h("a", { href: address("day", { day: one.day, q: one.recording_id }) }, one.day) },
    ], items.sort(byKind)), more)] : [empty("Nothing: every recording that was listed is archived, or ended as it should.")]).filter(Boolean));
  } catch (error) {
    box.replaceChildren(h("p", { class: "message bad", role: "alert" }, error.message));
    ranked.replaceChildren();
  }
}

page(async () => {
  const range = chosen();
  const dates = { first: range.first, last: range.last };
  const { days } = await get(address("api/overview", dates));
  const choice = h("div", { class: "choice", role: "group", "aria-label": "Days shown" }, RANGES.map((length) =>
    h("a", { href: address(".", { days: length, last: asked().get("last") }), "aria-current": length === range.length ? "true" : null }, `${length} days`)));
  const head = h("div", { class: "head" }, h("div", {}, h("h1", {}, "Overview"),
    h("p", { class: "sub" }, `${dayName(range.first)} to ${dayName(range.last)}, by the days of the runs, UTC`)), choice);
  if (!days.length) {
    show(head, panel("Nothing ran in these days", "", empty("No run has left a report. When the daily archive has run, its days appear here.")));
    return;
  }
  const box = h("div", {}, h("p", { class: "loading", role: "status" }, "Looking what is archived by now…"));
  const ranked = h("div", { class: "two" });
  const quota = quotaChart(days);
  show(head, tiles(days),
    h("div", { class: range.length > 90 ? "stack" : "pair" },
      panel("Days", "each day is a link", ...calendar(days, range.first, range.last)),
      panel("What needs a person", "and is not archived since", box)),
    h("div", { class: "two" },
      panel("Outcomes", "recordings by how they ended", ...outcomesChart(days)),
      panel("Bytes and throughput", "archived on the day", ...bytesChart(days))),
    ranked,
    panel("Quota", "requests to the tenant", ...(quota ?? [empty("No completeness report in these days tells of requests.")])));
  draw();
  await standouts(box, ranked, dates);
});
