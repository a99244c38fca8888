import { address, asked, empty, facts, h, message, panel, show } from "./dom.js";
import { airflowLink, get, page, post, runPath, session, taskPath } from "./api.js";
import { archiveAgain } from "./again.js";
import { segmentsBar } from "./segments.js";
import { player } from "./player.js";
import { bytes, count, duration, time, took } from "./format.js";

function yes(good, text) {
  return h("span", { class: `badge tone-${good ? "archived" : "failed"}` }, text);
}

function hash(value) {
  return value ? h("code", {}, value) : null;
}

function objectPanel(told) {
  if (!told.exists) return panel("S3 object", told.key, message("bad", "The object is gone", "The manifest names it, and the bucket has none of that name."));
  const lock = told.lock;
  const locked = !told.lock_known ? "may not be read" : !lock ? "none on this object"
    : [lock.mode && `${lock.mode} until ${time(lock.retain_until)}`, lock.legal_hold && "legal hold"].filter(Boolean).join(", ");
  return panel("S3 object", "as the bucket tells it now", facts("S3 object", [
    ["Key", hash(told.key)],
    ["Size", `${bytes(told.size_bytes)} (${count(told.size_bytes)} bytes)`],
    ["Version", told.version_id ? hash(told.version_id) : "the bucket keeps no versions"],
    ["Newest", yes(told.is_archived_version, told.is_archived_version ? "the archived version" : "not the one that was archived")],
    ["Object Lock", locked],
    ["Entity tag", hash(told.etag)],
    ...Object.entries(told.checksums).map(([name, value]) => [`Store's ${name.toUpperCase()}`, hash(value)]),
  ]));
}

function textOf(value) {
  if (value === null || value === undefined) return null;
  return typeof value === "object" ? h("code", {}, JSON.stringify(value)) : String(value);
}

function evidencePanel(manifest) {
  const audio = manifest.audio;
  const sound = [audio.format, audio.codec, audio.sample_rate_hz && `${count(audio.sample_rate_hz)} Hz`, audio.channels && (audio.channels === 2 ? "stereo" : audio.channels === 1 ? "mono" : `${audio.channels} channels`)];
  const context = manifest.context;
  const who = typeof context.dag_id === "string" && typeof context.run_id === "string";
  return panel("Evidence", "what the manifest says", facts("Evidence", [
    ["SHA-256", hash(manifest.sha256)],
    ["Taken", manifest.proof === "in-flight" ? "while the bytes arrived" : "by reading the finished object back"],
    ["Size", `${bytes(manifest.size_bytes)} (${count(manifest.size_bytes)} bytes)`],
    ["Audio", sound.filter(Boolean).join(", ")],
    ["Duration", duration(audio.duration_s)],
    ["Recorded", time(manifest.plan.recorded_at)],
    ["Archived", time(manifest.archived_at)],
    ["Run", who ? airflowLink(runPath(context), `${context.dag_id} · ${context.run_id}`) : null],
    ["Task", who && context.task_id ? airflowLink(taskPath(context), `${context.task_id}, try ${context.try_number ?? "?"}`) : null],
    ["Trail's head then", hash(manifest.audit.head)],
    ["Provider", manifest.provider_version],
  ]));
}

function metadataPanel(manifest) {
  const known = Object.entries(manifest.metadata);
  return panel("Metadata", "what source and list knew", known.length
    ? facts("Metadata", known.map(([name, value]) => [name, textOf(value)])) : empty("Neither told anything."));
}

const SHOWN = { opened: "Upload opened", verified: "Verified", failed: "Try failed", archived: "Archived" };

function eventText(event) {
  if (event.event === "verified") return `${bytes(event.size_bytes)}, ${event.by === "in-flight" ? "hashed while it arrived" : "read back"}`;
  if (event.event === "failed" && event.error) return `${event.error.type}: ${event.error.message}`;
  return "";
}

function trailPanel(trail, manifest) {
  if (!trail.exists) return panel("Audit trail", "", empty("No try has left a trail."));
  if (trail.too_large) return panel("Audit trail", "", empty("The trail is too large to be shown: check it with Verify now."));
  if (!trail.intact) return panel("Audit trail", "chain checked just now", message("bad", "The hash chain is broken", trail.problem));
  const fits = !manifest || manifest.audit.lines <= trail.lines;
  const chain = yes(fits, fits ? `unbroken over ${count(trail.lines)} lines` : "shorter than the manifest says");
  return panel("Audit trail", "chain checked just now", facts("Audit trail", [["Hash chain", chain], ["Head", hash(trail.head)]]),
    h("ol", { class: "events" }, trail.events.map((event) => h("li", {}, h("span", { class: "seq" }, String(event.seq + 1)),
      h("div", {}, h("span", { class: "what" }, SHOWN[event.event] ?? String(event.event)), " ", h("time", {}, time(event.at)),
        h("div", { class: "more" }, eventText(event)))))));
}

function receiptPanel(receipt) {
  if (!receipt) return panel("Receipt", "", empty("The webhook's receiver has not confirmed it."));
  return panel("Receipt", "what the webhook's receiver answered", facts("Receipt", [
    ["Status", textOf(receipt.status_code)], ["Delivered", time(receipt.delivered_at)], ["Attempts", textOf(receipt.attempts)], ["Webhook id", hash(receipt.webhook_id)],
  ]));
}

function documentPanel(manifest) {
  return panel("Manifest", "the document itself", h("details", { class: "data" }, h("summary", {}, "Show as JSON"), h("pre", { tabindex: "0" }, JSON.stringify(manifest, null, 2))));
}

async function linesOf(answer, take) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    waiting += value ?? "";
    const lines = waiting.split("\n");
    waiting = lines.pop();
    lines.filter(Boolean).forEach((line) => take(JSON.parse(line)));
    if (done) return;
  }
}

function verifier(id) {
  const box = h("div", { id: "verification", "aria-live": "polite" });
  const button = h("button", { class: "main", type: "button" }, "Verify now");
  button.addEventListener("click", async () => {
    button.disabled = true;
    const bar = h("progress", { max: "1", value: "0", "aria-label": "Read back" });
    const text = h("p", {}, "Reading back…");
    box.replaceChildren(h("div", { class: "message info" }, h("h2", {}, "Verifying"), text, bar));
    let last = null;
    try {
      const begun = performance.now();
      await linesOf(await post("api/verify", { recording_id: id }), (line) => {
        last = line;
        if (line.state !== "reading") return;
        bar.max = Math.max(1, line.size_bytes);
        bar.value = line.read_bytes;
        text.textContent = `${bytes(line.read_bytes)} of ${bytes(line.size_bytes)} read back and hashed…`;
      });
      box.replaceChildren(verdict(last, performance.now() - begun));
    } catch (error) {
      box.replaceChildren(message("bad", "Verifying did not work", error.message));
    }
    button.disabled = false;
  });
  return { box, button };
}

function verdict(found, milliseconds) {
  if (found?.state === "busy") return message("warn", "Others are verifying", "Two recordings are read back at once. Try again in a moment.");
  if (found?.state !== "done") return message("bad", "Verifying was cut off", "Nothing is known of the recording.");
  if (found.intact) return message("good", "Intact", `${bytes(found.size_bytes)} read back in ${took(milliseconds)}: media, manifest and audit trail agree. That means unchanged since receipt.`);
  return message("bad", found.unread ? "It could not be read" : "Not what its evidence says", found.problem);
}

function notArchived(id, document, rights) {
  const again = rights.may_archive ? h("p", {}, archiveAgain(id, rights, false)) : null;
  return message("info", "This recording is not in the archive", "There is no manifest of this id." + (document.trail?.exists ? " Tries have left a trail, below." : ""), again);
}

function contact(id, document) {
  const list = document.contact.map((name) => h("li", {}, h("a", { href: address("recording", { id: name }) }, name)));
  return [h("div", { class: "head" }, heading(id)), panel("Recordings of this contact", "", list.length ? h("ul", {}, list) : empty("It has none."))];
}

function heading(id) {
  return h("div", {}, h("p", { class: "crumbs" }, h("a", { href: "." }, "Overview"), " / Recording"), h("h1", {}, id));
}

page(async () => {
  const id = asked().get("id") ?? "";
  const [document_, rights] = await Promise.all([get(address("api/recording", { recording_id: id })), session()]);
  document.title = `${id} · Recordings archive`;
  if (document_.contact) {
    show(...contact(id, document_));
    return;
  }
  const { manifest, trail } = document_;
  if (!document_.archived) {
    show(h("div", { class: "head" }, heading(id)), notArchived(id, document_, rights), trailPanel(trail, null), receiptPanel(document_.receipt));
    return;
  }
  const { box, button } = verifier(id);
  const again = rights.may_archive ? archiveAgain(id, rights, true) : null;
  show(h("div", { class: "head" }, heading(id), h("div", { class: "actions" }, button, again)), box,
    panel("Listen", "every listening is written to Airflow's audit log", player(id, manifest, rights)),
    panel("Segments", `${count(trail.segment_count ?? 0)}, in the order of the bytes`, ...segmentsBar(trail)),
    h("div", { class: "two align" },
      h("div", { class: "stack" }, evidencePanel(manifest), trailPanel(trail, manifest)),
      h("div", { class: "stack" }, objectPanel(document_.object), metadataPanel(manifest), receiptPanel(document_.receipt), documentPanel(manifest))));
});
