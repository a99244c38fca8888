// The days as a calendar: a column for each week, a link for each day; what is wrong is a sign, not only a colour.

import { address, h } from "./dom.js";
import { count, dayName, monthName, shift, today, weekday, words } from "./format.js";

const NAMES = ["Mon", "", "Wed", "", "Fri", "", "Sun"];

function archivedOf(day) {
  return (day.outcomes.ARCHIVED ?? 0) + (day.outcomes.ALREADY_ARCHIVED ?? 0);
}

function look(day, most) {
  if (!day) return ["", ""];
  if ((day.outcomes.FAILED ?? 0) || day.damaged) return ["failed", "!"];
  if (day.missing) return ["missing", "?"];
  const archived = archivedOf(day);
  return archived ? [`heat-${Math.max(1, Math.ceil((archived / most) * 4))}`, ""] : ["", ""];
}

function told(name, day) {
  if (!day) return `${dayName(name)}: nothing ran`;
  const parts = Object.entries(day.outcomes).map(([outcome, number]) => `${count(number)} ${words(outcome).toLowerCase()}`);
  if (day.missing) parts.push(`${count(day.missing)} missing`);
  if (day.damaged) parts.push(`${count(day.damaged)} damaged`);
  return `${dayName(name)}: ${parts.join(", ") || "no recordings"}`;
}

function cell(name, day, most) {
  if (name > today()) return h("span", { class: "cell future" });
  const [kind, sign] = look(day, most);
  const text = told(name, day);
  if (!day) return h("span", { class: "cell", title: text, role: "img", "aria-label": text });
  return h("a", { class: `cell ${kind}`, href: address("day", { day: name }), title: text, "aria-label": text }, sign);
}

/** Return the calendar from `first` to `last` of days that anything ran on. */
export function calendar(days, first, last) {
  const known = new Map(days.map((day) => [day.day, day]));
  const most = Math.max(1, ...days.map(archivedOf));
  const begin = shift(first, -weekday(first));
  const grid = h("div", { class: "weeks" }, h("span", {}), NAMES.map((name) => h("span", { class: "name" }, name)));
  let month = "";
  let weeks = 0;
  for (let monday = begin; monday <= last; monday = shift(monday, 7)) {
    const named = monthName(shift(monday, 6));
    grid.append(h("span", { class: "month" }, named === month ? "" : named));
    month = named;
    weeks += 1;
    for (let n = 0; n < 7; n += 1) {
      const name = shift(monday, n);
      grid.append(name < first || name > last ? h("span", { class: "cell future" }) : cell(name, known.get(name), most));
    }
  }
  if (weeks <= 30) grid.classList.add("roomy");
  const box = h("div", { class: "calendar", tabindex: "0", role: "group", "aria-label": "Days of the archive" }, grid);
  requestAnimationFrame(() => { box.scrollLeft = box.scrollWidth; });
  const sign = (kind, mark, text) => h("span", {}, h("i", { class: `cell ${kind}`, "aria-hidden": "true" }, mark), text);
  const heat = h("span", {}, "fewer", ["", "heat-1", "heat-2", "heat-3", "heat-4"].map((kind) =>
    h("i", { class: `cell ${kind}`, "aria-hidden": "true" })), "more archived");
  return [box, h("div", { class: "legend" }, heat, sign("missing", "?", "missing"), sign("failed", "!", "failed or damaged"))];
}
