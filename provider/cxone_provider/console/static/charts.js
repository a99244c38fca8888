// Charts by Chart.js; each has its numbers as a table beside it, for people and machines that do not see a canvas.

import { h, table } from "./dom.js";
import { bytes, count, dayName, words } from "./format.js";

const MIB = 1024 * 1024;
const drawn = [];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function axes(stacked, left, right) {
  const grid = { color: colour("line"), drawTicks: false };
  const ticks = { color: colour("muted"), maxRotation: 0, autoSkipPadding: 14, padding: 6 };
  const scales = {
    x: { stacked, grid: { display: false }, border: { color: colour("line") }, ticks },
    y: { stacked, beginAtZero: true, grid, border: { display: false }, ticks: { ...ticks, precision: 0, callback: left } },
  };
  if (right) {
    const shown = { ...ticks, callback: right };
    scales.right = { position: "right", beginAtZero: true, grid: { display: false }, border: { display: false }, ticks: shown };
  }
  return scales;
}

function options(scales, label) {
  return {
    responsive: true, maintainAspectRatio: false, animation: false, scales,
    interaction: { mode: "index", intersect: false },
    plugins: {
      legend: { position: "bottom", labels: { color: colour("text"), boxWidth: 12, boxHeight: 12, useBorderRadius: true, borderRadius: 2 } },
      tooltip: { callbacks: { label } },
    },
  };
}

function chart(name, make, numbers) {
  const canvas = h("canvas", { role: "img", "aria-label": `${name}; the numbers are in the table below` });
  const details = h("details", { class: "data" }, h("summary", {}, "Show the numbers"), numbers);
  drawn.push({ canvas, make, made: null });
  return [h("div", { class: "chart" }, canvas), details];
}

/** Draw what was made; canvases must be in the page by then. */
export function draw() {
  for (const one of drawn) {
    one.made?.destroy();
    one.made = new window.Chart(one.canvas, one.make());
  }
}

window.addEventListener("themechange", draw);

const short = (day) => dayName(day).split(" ").slice(0, 2).join(" ");

export function outcomesChart(days) {
  const order = ["ARCHIVED", "ALREADY_ARCHIVED", "REJECTED", "IN_COLD_STORAGE", "LOCKED", "NO_RECORDING", "NOT_FOUND", "DELETED", "FAILED"];
  const found = new Set(days.flatMap((day) => Object.keys(day.outcomes)));
  const names = [...order.filter((name) => found.has(name)), ...[...found].filter((name) => !order.includes(name))];
  const fills = { ARCHIVED: "archived", ALREADY_ARCHIVED: "already", REJECTED: "rejected", FAILED: "failed", IN_COLD_STORAGE: "cold", LOCKED: "missing", NOT_FOUND: "other", DELETED: "gone", NO_RECORDING: "silent" };
  const make = () => ({
    type: "bar",
    data: {
      labels: days.map((day) => short(day.day)),
      datasets: names.map((name) => ({
        label: words(name), data: days.map((day) => day.outcomes[name] ?? 0), maxBarThickness: 36,
        backgroundColor: colour(fills[name] ?? "muted"),
      })),
    },
    options: options(axes(true, (value) => count(value)), (item) => `${item.dataset.label}: ${count(item.raw)}`),
  });
  const columns = [{ label: "Day", cell: (day) => day.day }, ...names.map((name) =>
    ({ label: words(name), class: "right", cell: (day) => count(day.outcomes[name] ?? 0) }))];
  return chart("Outcomes by day", make, table("Outcomes by day", columns, days));
}

const speed = (day) => (day.transfer_ms ? day.bytes / (day.transfer_ms / 1000) : null);

export function bytesChart(days) {
  const make = () => ({
    data: {
      labels: days.map((day) => short(day.day)),
      datasets: [
        { type: "line", label: "Throughput of a recording", yAxisID: "right", data: days.map((day) => (speed(day) ?? 0) / MIB),
          borderColor: colour("missing"), backgroundColor: colour("missing"), borderWidth: 2, pointRadius: 2, tension: 0.25 },
        { type: "bar", label: "Archived", data: days.map((day) => day.bytes), maxBarThickness: 36, backgroundColor: colour("already") },
      ],
    },
    options: options(axes(false, bytes, (value) => `${value} MiB/s`), (item) =>
      item.dataset.yAxisID ? `${item.raw.toFixed(1)} MiB/s` : bytes(item.raw)),
  });
  const columns = [
    { label: "Day", cell: (day) => day.day },
    { label: "Archived", class: "right", cell: (day) => bytes(day.bytes) },
    { label: "Throughput", class: "right", cell: (day) => (speed(day) === null ? "–" : `${bytes(speed(day))}/s`) },
  ];
  return chart("Bytes and throughput by day", make, table("Bytes and throughput by day", columns, days));
}

export function quotaChart(days) {
  const told = days.filter((day) => day.requests_used !== null);
  if (!told.length) return null;
  const make = () => ({
    data: {
      labels: told.map((day) => short(day.day)),
      datasets: [
        { type: "line", label: "Allowed", data: told.map((day) => day.requests_allowed), borderColor: colour("failed"),
          backgroundColor: colour("failed"), borderWidth: 2, pointRadius: 0, stepped: true },
        { type: "bar", label: "Used", data: told.map((day) => day.requests_used), maxBarThickness: 36, backgroundColor: colour("already") },
      ],
    },
    options: options(axes(false, (value) => count(value)), (item) => `${item.dataset.label}: ${count(item.raw)}`),
  });
  const columns = [
    { label: "Day", cell: (day) => day.day },
    { label: "Used", class: "right", cell: (day) => count(day.requests_used) },
    { label: "Allowed", class: "right", cell: (day) => count(day.requests_allowed) },
  ];
  return chart("Requests used and allowed", make, table("Requests used and allowed", columns, told));
}
