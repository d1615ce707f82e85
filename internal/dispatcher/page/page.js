// The page: a picture in, its labels out, and beside it the service at work.

import { ask } from "./ask.js";
import { follow } from "./stream.js";
import { Classifier } from "./classify.js";
import { Panel } from "./live.js";

const $ = (id) => document.getElementById(id);

const panel = new Panel();
const classifier = new Classifier(() => panel.replicasUp());
const connect = follow({
  open: (headers, signal) => ask("events", { headers, signal }),
  tell: (name, data, id) => panel[name]?.(data, id),
  state: (state) => panel.link(state),
});
$("unlock").addEventListener("click", connect);

$("file").addEventListener("change", (e) => {
  classifier.take(e.target.files);
  e.target.value = ""; // so that the same one can be chosen again
});
for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", () => classifier.sample(`page/samples/${button.dataset.sample}`));
}
addEventListener("paste", (e) => {
  if (e.clipboardData.files.length) classifier.take(e.clipboardData.files);
});

// Files may be dropped anywhere; the browser would otherwise open them in place of the page.
const dragging = (is) => document.body.classList.toggle("dragging", is);
addEventListener("dragover", (e) => {
  e.preventDefault();
  dragging(true);
});
addEventListener("dragleave", (e) => {
  if (!e.relatedTarget) dragging(false); // it has left the window, not only an element
});
addEventListener("drop", (e) => {
  e.preventDefault();
  dragging(false);
  classifier.take(e.dataTransfer.files);
});

$("curl").textContent = `curl --data-binary @picture.jpg ${new URL("predict", document.baseURI)}`;
