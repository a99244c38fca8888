// Elements are made by hand and text is text: nothing that comes from the archive is ever read as markup.

/** Return an element. `attributes` may hold `class`, `data`, `on` (event handlers) and any attribute by name. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "on") for (const [kind, act] of Object.entries(value)) element.addEventListener(kind, act);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Show `children` as the page. */
export function show(...children) {
  const main = document.getElementById("main");
  main.replaceChildren(...children.flat(2).filter(Boolean));
  main.setAttribute("aria-busy", "false");
}

export function panel(title, sub, ...children) {
  const head = h("header", {}, h("h2", {}, title), sub ? h("span", { class: "sub" }, sub) : null);
  return h("section", { class: "panel", "aria-label": title }, head, ...children);
}

export function empty(text) {
  return h("p", { class: "empty" }, text);
}

/** Return a message; `tone` is bad, warn, good or info. */
export function message(tone, title, text, ...more) {
  const role = tone === "bad" ? "alert" : "status";
  return h("div", { class: `message ${tone}`, role }, h("h2", {}, title), text ? h("p", {}, text) : null, ...more);
}

/** Return a table. A column is `{label, cell, class}`; `cell` gives text or an element of a row. */
export function table(caption, columns, rows, kind = "cards") {
  const head = h("tr", {}, columns.map((one) =>
    h("th", { scope: "col", class: one.class, "aria-sort": one.sorted ?? null }, one.head ?? one.label)));
  const body = rows.map((row) => h("tr", {}, columns.map((one) =>
    h("td", { class: one.class, data: { label: one.label } }, one.cell(row) ?? ""))));
  const made = h("table", { class: kind }, h("caption", { class: "unseen" }, caption), h("thead", {}, head),
    h("tbody", {}, body));
  return h("div", { class: "scroll" }, made);
}

/** Return something long in a box of its own that scrolls. */
export function tall(name, ...children) {
  return h("div", { class: "tall", tabindex: "0", role: "region", "aria-label": name }, ...children);
}

/** Return a table of names and values; what is empty is left out. */
export function facts(caption, pairs) {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("table", { class: "plain" }, h("caption", { class: "unseen" }, caption),
    h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)))));
}

/** Return the page's parameters. */
export function asked() {
  return new URLSearchParams(window.location.search);
}

/** Return a relative address with the parameters that hold a value. */
export function address(path, parameters = {}) {
  const kept = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(kept).toString();
  return query ? `${path}?${query}` : path;
}
