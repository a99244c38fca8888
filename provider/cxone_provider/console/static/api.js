// What the pages ask of the console, and of Airflow's own API, as the person who is signed in.

import { h, message, show } from "./dom.js";

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function detailOf(answer) {
  try {
    const { detail } = await answer.json();
    return typeof detail === "string" ? detail : JSON.stringify(detail);
  } catch {
    return `The server answered ${answer.status}.`;
  }
}

async function checked(answer) {
  if (!answer.ok) throw new Refused(answer.status, await detailOf(answer));
  return answer;
}

export async function get(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  return (await checked(answer)).json();
}

let known = null;

/** Return who looks and what they may do; asked once a page. */
export function session() {
  known ??= get("api/session");
  return known;
}

/** Post to the console; returns the answer itself. */
export async function post(path, body) {
  const { csrf } = await session();
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CXone-Console": csrf };
  return checked(await fetch(path, { method: "POST", headers, body: JSON.stringify(body), credentials: "same-origin" }));
}

/** Return the address of one of Airflow's own pages or API paths. */
export function airflow(path) {
  return new URL(`../${path}`, window.location.href).href;
}

/** Start a run through Airflow's API: Airflow decides by the person's rights, and writes who did it. */
export async function trigger(dagId, conf) {
  const path = airflow(`api/v2/dags/${encodeURIComponent(dagId)}/dagRuns`);
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const body = JSON.stringify({ logical_date: null, conf });
  return (await checked(await fetch(path, { method: "POST", headers, body, credentials: "same-origin" }))).json();
}

export async function isPaused(dagId) {
  const dag = await get(airflow(`api/v2/dags/${encodeURIComponent(dagId)}`));
  return dag.is_paused === true;
}

/** Return a link to one of Airflow's pages. Airflow shows the console in a frame that may not replace its window. */
export function airflowLink(path, text, attributes = {}) {
  const href = airflow(path);
  const follow = (event) => {
    if (window.parent === window || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    const outside = window.parent.document.createElement("a");
    outside.href = href;
    window.parent.document.body.append(outside);
    outside.click();
    outside.remove();
  };
  return h("a", { href, ...attributes, on: { click: follow } }, text);
}

export function runPath(task) {
  return `dags/${encodeURIComponent(task.dag_id)}/runs/${encodeURIComponent(task.run_id)}`;
}

export function taskPath(task) {
  const mapped = task.map_index >= 0 ? `/mapped/${task.map_index}` : "";
  return `${runPath(task)}/tasks/${encodeURIComponent(task.task_id)}${mapped}`;
}

/** Run a page's `make`; whatever goes wrong is shown, and can be tried again. */
export async function page(make) {
  try {
    await make();
  } catch (error) {
    const again = h("p", {}, h("button", { on: { click: () => window.location.reload() } }, "Try again"));
    const title = { 401: "You are signed out", 403: "No access", 404: "Not found" }[error.status] ?? "That did not work";
    const text = error.status === 401 ? "Sign in to Airflow, then try again." : error.message;
    show(message("bad", title, text, again));
  }
}
