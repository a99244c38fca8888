// Starting the DAG that archives one recording, through Airflow's own API and with the person's own rights.

import { h, message } from "./dom.js";
import { airflowLink, isPaused, runPath, trigger } from "./api.js";

async function start(id, rights, replace, box, close) {
  try {
    const dag = rights.recording_dag;
    const conf = { recording_id: id, ...rights.archive, replace };
    const run = await trigger(dag, conf);
    const paused = await isPaused(dag);
    const link = airflowLink(runPath({ dag_id: dag, run_id: run.dag_run_id }), "Look at the run");
    const text = paused ? `${dag} is paused: the run waits until somebody unpauses it.` : `${dag} runs.`;
    box.replaceChildren(message(paused ? "warn" : "good", "Started", text, h("p", {}, link)), h("div", { class: "actions" }, close));
  } catch (error) {
    box.replaceChildren(message("bad", "Airflow did not start it", error.message), h("div", { class: "actions" }, close));
  }
}

/** Return the button; what it opens says what will happen before anything does. */
export function archiveAgain(id, rights, archived) {
  const title = archived ? "Archive again" : "Archive this id";
  const button = h("button", { type: "button" }, title);
  button.addEventListener("click", () => {
    const dialog = h("dialog", { "aria-label": title });
    const box = h("div", {});
    const close = h("button", { type: "button", on: { click: () => dialog.close() } }, "Close");
    const replace = h("input", { type: "checkbox", id: "replace" });
    const go = h("button", { class: "main", type: "button", on: { click: () => {
      go.disabled = true;
      start(id, rights, archived && replace.checked, box, close);
    } } }, title);
    const told = archived
      ? "Without the tick, nothing is fetched: the recording is in the archive. With it, the recording is fetched from CXone again and replaces what is stored."
      : "The recording is fetched from CXone and archived.";
    box.append(h("h2", {}, `${title}: ${id}`), h("p", {}, `This starts ${rights.recording_dag} as you. ${told}`),
      ...(archived ? [h("label", { for: "replace" }, replace, "Replace what is archived")] : []),
      h("div", { class: "actions" }, close, go));
    dialog.append(box);
    dialog.addEventListener("close", () => { dialog.remove(); button.focus(); });
    document.body.append(dialog);
    dialog.showModal();
  });
  return button;
}
