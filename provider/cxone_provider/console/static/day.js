import { address, asked, empty, h, message, panel, show, table } from "./dom.js";
import { airflowLink, get, page, runPath, taskPath } from "./api.js";
import { bytes, clock, count, dayName, duration, shift, time, took, tone, words } from "./format.js";

const FILTERS = ["day", "q", "outcome", "sort", "order", "page", "size"];

function filters(changes = {}) {
  const kept = Object.fromEntries(FILTERS.map((name) => [name, asked().get(name)]));
  return { ...kept, page: null, ...changes };
}

function sortable(label, column, kind = "") {
  const sorted = (asked().get("sort") ?? "finished_at") === column;
  const descending = sorted && asked().get("order") === "desc";
  const href = address("day", filters({ sort: column, order: sorted && !descending ? "desc" : "asc" }));
  const arrow = sorted ? (descending ? " ↓" : " ↑") : "";
  return { label, class: kind, head: h("a", { href }, `${label}${arrow}`), sorted: sorted ? (descending ? "descending" : "ascending") : null };
}

function columns() {
  return [
    { ...sortable("Recording", "recording_id", "id"), cell: (row) => [h("a", { href: address("recording", { id: row.recording_id }) }, row.recording_id), row.why ? h("span", { class: "note" }, row.why) : null] },
    { ...sortable("Outcome", "outcome"), cell: (row) => h("span", { class: `badge tone-${tone(row.outcome)}` }, words(row.outcome)) },
    { ...sortable("Recorded", "recorded_at", "nowrap"), cell: (row) => time(row.recorded_at) },
    { ...sortable("Ended", "finished_at", "nowrap"), cell: (row) => clock(row.finished_at) },
    { ...sortable("Agent", "agent", "nowrap"), optional: "agent", cell: (row) => row.agent ?? "" },
    { ...sortable("Audio", "duration_s", "right nowrap"), cell: (row) => duration(row.duration_s) },
    { ...sortable("Size", "bytes", "right nowrap"), cell: (row) => (row.bytes === null ? "" : bytes(row.bytes)) },
    { ...sortable("Took", "latency_ms", "right nowrap"), cell: (row) => took(row.latency_ms) },
    { ...sortable("Attempts", "attempts", "right"), optional: "attempts", cell: (row) => row.attempts ?? "" },
    { label: "Task", class: "nowrap", optional: "task", cell: (row) => (row.task ? airflowLink(taskPath(row.task), row.task.task_id, { title: `${row.task.dag_id}, ${row.task.run_id}` }) : "") },
  ];
}

function filterForm(data) {
  const option = (value, text) => h("option", { value, selected: (asked().get("outcome") ?? "") === value }, text);
  const kept = ["day", "sort", "order", "size"].filter((name) => asked().get(name));
  return h("form", { class: "filters", method: "get", action: "day", role: "search", "aria-label": "Filter the day" },
    kept.map((name) => h("input", { type: "hidden", name, value: asked().get(name) })),
    h("label", { class: "grow" }, "Search id, agent, cause or run", h("input", { type: "search", name: "q", value: asked().get("q") ?? "", maxlength: "200" })),
    h("label", {}, "Outcome", h("select", { name: "outcome" }, option("", `All (${count(data.all)})`),
      Object.entries(data.outcomes).map(([name, number]) => option(name, `${words(name)} (${count(number)})`)))),
    h("button", { type: "submit", class: "main" }, "Filter"),
    asked().get("q") || asked().get("outcome") ? h("a", { class: "button", href: address("day", { day: data.day }) }, "Clear") : null);
}

function pages(data) {
  const link = (to, text) => (to >= 1 && to <= data.pages ? h("a", { class: "button", href: address("day", filters({ page: to })) }, text) : h("button", { disabled: true }, text));
  return h("nav", { class: "pages", "aria-label": "Pages" },
    h("span", {}, `${count(data.found)} of ${count(data.all)} lines, page ${count(data.page)} of ${count(data.pages)}`),
    h("span", { class: "actions" }, link(data.page - 1, "Previous"), link(data.page + 1, "Next")));
}

function runs(data) {
  if (!data.runs.length) return null;
  return panel("Runs", "whose reports these are", table("Runs", [
    { label: "Run", class: "id", cell: (run) => airflowLink(runPath(run), run.run_id) },
    { label: "DAG", cell: (run) => airflowLink(`dags/${encodeURIComponent(run.dag_id)}`, run.dag_id) },
  ], data.runs));
}

function missing(data) {
  if (!data.missing) return null;
  const ids = data.missing_ids.map((id) => h("li", {}, h("a", { href: address("recording", { id }) }, id)));
  const told = `Of ${count(data.expected)} that the tenant listed, ${count(data.missing)} are not in the archive.`;
  return message("warn", `${count(data.missing)} recordings are missing`, told, ids.length ? h("ul", {}, ids) : null);
}

page(async () => {
  const day = asked().get("day") ?? "";
  const data = await get(address("api/day", filters({ page: asked().get("page") })));
  document.title = `${dayName(day)} · Recordings archive`;
  const step = (days, text) => h("a", { class: "button", href: address("day", { day: shift(day, days) }) }, text);
  const csv = h("a", { class: "button", href: address("api/day.csv", filters({ page: null, size: null })), download: `recordings-${day}.csv` }, "Export as CSV");
  const head = h("div", { class: "head" }, h("div", {}, h("p", { class: "crumbs" }, h("a", { href: "." }, "Overview"), " / Day"),
    h("h1", {}, dayName(day))), h("div", { class: "actions" }, step(-1, "← Day before"), step(1, "Day after →"), csv));
  const told = columns().filter((one) => !one.optional || data.rows.some((row) => row[one.optional] !== null && row[one.optional] !== ""));
  const body = data.rows.length ? [table("Recordings of the day", told, data.rows), pages(data)]
    : [empty(data.all ? "Nothing fits the filter." : "No run ended on this day, or none that you may see.")];
  show(head, missing(data), panel("Recordings", "a line for each recording of each run, times in UTC", filterForm(data), ...body), runs(data));
});
