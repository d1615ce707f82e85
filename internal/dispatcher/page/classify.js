// A picture in, its labels out.

import { ask, reached, Refusal, refusalOf } from "./ask.js";
import { element, say } from "./element.js";
import { count, milliseconds, percent, seconds } from "./format.js";
import { prepare } from "./picture.js";

const $ = (id) => document.getElementById(id);

export class Classifier {
  #replicasUp; // how many there are, or null where that is not known
  #sending = new AbortController();
  #again = () => {};
  #countdown = 0;

  constructor(replicasUp) {
    this.#replicasUp = replicasUp;
    $("again").addEventListener("click", () => this.#again());
    $("preview").addEventListener("error", () => this.#unseen(true));
    $("preview").addEventListener("load", () => this.#unseen(false));
  }

  // take classifies the first of the files that somebody chose, dropped or pasted.
  take([file]) {
    if (file) this.#run(async () => file);
    else this.#fail(new Refusal("That was no file", "Drop the picture itself. From another page, save it first, or copy the picture and paste it here."));
  }

  sample(path) {
    this.#run(async (signal) => {
      const answer = await reached(fetch(path, { signal }));
      if (!answer.ok) throw await refusalOf(answer);
      return reached(answer.blob());
    });
  }

  async #run(load) {
    this.#sending.abort(); // a newer picture is what is wanted now
    const { signal } = this.#sending = new AbortController();
    this.#again = () => this.#run(load);
    this.#begin();
    try {
      const file = await load(signal);
      signal.throwIfAborted();
      this.#preview(file);
      const { body, note } = await prepare(file);
      signal.throwIfAborted();
      say($("state"), `${note} ${this.#waiting()}`.trim());
      const { answer, took } = await classify(body, signal);
      this.#show(answer, took, note);
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(error instanceof Refusal ? error : new Refusal("This page failed", "Reloading it may help."));
      if (!(error instanceof Refusal)) reportError(error); // a mistake in the code
    }
  }

  #waiting() {
    return this.#replicasUp() === 0 ? "No replica is up: your picture waits until one is." : "Waiting for the answer…";
  }

  #begin() {
    clearInterval(this.#countdown);
    if ($("problem").contains(document.activeElement)) $("state").focus(); // which stays, and comes before what follows
    $("problem").hidden = true;
    $("result").hidden = true;
    document.body.classList.add("busy");
    $("state").classList.remove("beyond");
    say($("state"), "Reading the picture…");
  }

  #preview(file) {
    const preview = $("preview");
    URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(file);
    $("drop").classList.add("filled");
    say($("hint"), "Drop or paste another one, or");
  }

  #unseen(unseen) {
    $("preview").hidden = unseen;
    $("unseen").hidden = !unseen;
  }

  #show(answer, took, note) {
    document.body.classList.remove("busy");
    const [best] = answer.predictions;
    $("state").classList.add("beyond"); // to be heard; it is seen below
    say($("state"), `${best.label}, ${percent(best.probability)}`);
    $("labels").replaceChildren(...answer.predictions.map(label));
    const parts = partsOf(answer.timing_ms, took);
    const replica = took - parts[0].ms;
    say($("took"), `Answered in ${milliseconds(took)}, ${count(100 * replica / took)} % of it at the replica`);
    $("timings").replaceChildren(...parts.map((part) => bar(part, took)));
    say($("by"), `Model ${answer.model}, version ${answer.model_version}. ${note}`.trim());
    $("result").hidden = false;
  }

  #fail({ message, detail, retryAfter }) {
    document.body.classList.remove("busy");
    say($("state"), "");
    const problem = $("problem");
    say(problem.querySelector("h2"), message);
    say(problem.querySelector(".detail"), detail);
    problem.hidden = false;
    this.#countDown(retryAfter);
  }

  // countDown says when it is worth trying again, where the service said so.
  #countDown(left) {
    clearInterval(this.#countdown);
    const tell = () => say($("after"), left === null ? "" : left > 0 ? `in ${seconds(left)}` : "now");
    tell();
    if (!left) return;
    this.#countdown = setInterval(() => {
      left -= 1;
      tell();
      if (left === 0) clearInterval(this.#countdown);
    }, 1000);
  }
}

async function classify(body, signal) {
  const headers = { "Content-Type": body.type || "application/octet-stream" };
  const begin = performance.now();
  const response = await ask("predict", { method: "POST", body, headers, signal });
  if (!response.ok) throw await refusalOf(response);
  const answer = parsed(await reached(response.text()));
  if (!answer?.predictions?.length || !answer.timing_ms) {
    throw new Refusal("The answer cannot be read", "It is not what this page expects; reloading the page may help.");
  }
  return { answer, took: performance.now() - begin };
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

function label({ label, probability }) {
  return element("li", {}, element("span", { className: "name" }, label), element("span", { className: "share" }, percent(probability)),
    element("span", { className: "track", ariaHidden: "true" }, element("span", { className: "fill", style: { "--share": probability } })));
}

// partsOf is where the time went: what the replica does not account for was spent on the way to it, waiting included.
function partsOf({ queue, decode, preprocess, inference }, took) {
  const replica = queue + decode + preprocess + inference;
  const parts = [["network and dispatcher", Math.max(0, took - replica)], ["replica: queue", queue], ["replica: decode", decode],
    ["replica: preprocess", preprocess], ["replica: inference", inference]];
  let from = 0;
  return parts.map(([name, ms]) => {
    from += ms;
    return { name, ms, from: from - ms };
  });
}

function bar({ name, ms, from }, took) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, milliseconds(ms)),
    element("span", { className: "track", ariaHidden: "true" }, element("span", { className: "fill", style: { "--from": from / took, "--share": ms / took } })));
}
