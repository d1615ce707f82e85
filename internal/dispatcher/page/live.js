// The live panel: replicas, load, latency and what the autoscaler decided.

import { Cells, Figures } from "./replicas.js";
import { element, say } from "./element.js";
import { count, milliseconds, perSecond, plural } from "./format.js";
import { Spark } from "./spark.js";

const $ = (id) => document.getElementById(id);
const keptDecisions = 50;

export class Panel {
  #status = null;
  #live = false;
  #cells = new Cells($("replicas"));
  #figures = new Figures($("figures"));
  #spark = new Spark($("spark"), $("peak"));
  #decisions = []; // { id, at, text }, the newest first

  constructor() {
    // A quiet service sends no status: then the rates of a second are those of the one before.
    setInterval(() => {
      if (this.#live && this.#status) this.#spark.add(this.#status.rates);
    }, 1000);
  }

  // replicasUp is how many take requests, or null while that is not known.
  replicasUp() {
    return this.#live && this.#status ? this.#status.replicas.filter((r) => r.state === "ready").length : null;
  }

  link(state) {
    this.#live = state === "live";
    const words = { live: "live", reconnecting: "reconnecting…", locked: "locked" };
    $("link").dataset.link = state;
    say($("link"), words[state]);
    $("locked").hidden = state !== "locked";
    $("panel").classList.toggle("stale", !this.#live);
  }

  history(rates) {
    this.#spark.replace(rates);
  }

  status(status) {
    this.#status = status;
    const { queue, rates, latency_ms: latency, replicas } = status;
    say($("summary"), summaryOf(replicas));
    this.#cells.show(replicas);
    this.#figures.show(replicas);
    say($("offered"), perSecond(rates.offered_rps));
    say($("served"), perSecond(rates.served_rps));
    say($("waiting"), count(queue.length));
    say($("p50"), latency.answers ? milliseconds(latency.p50) : "–");
    say($("p99"), latency.answers ? milliseconds(latency.p99) : "–");
    this.#explain();
  }

  decision({ at, text }, id) {
    if (this.#decisions.some((d) => d.id === id)) return; // each connection tells them all
    this.#decisions.push({ id, at: new Date(at), text });
    this.#decisions.sort((a, b) => b.at - a.at);
    this.#decisions.length = Math.min(this.#decisions.length, keptDecisions);
    $("decisions").replaceChildren(...this.#decisions.map(line));
    this.#explain();
  }

  // explain says why there are no decisions, or no newer ones.
  #explain() {
    $("decisions").hidden = this.#decisions.length === 0;
    const words = {
      none: "This dispatcher has a fixed list of replicas: nothing scales them.",
      unreadable: "The autoscaler's decisions cannot be read at the moment.",
      followed: this.#decisions.length ? "" : "It has not changed anything lately.",
    };
    say($("undecided"), words[this.#status?.decisions] ?? "");
  }
}

function summaryOf(replicas) {
  const of = (state) => replicas.filter((r) => r.state === state).length;
  const ready = of("ready");
  const rest = ["connecting", "ejected", "draining"].filter(of).map((state) => `${count(of(state))} ${state}`);
  if (ready === 0) return ["No replica is up: requests are held until one is.", ...rest].join(" ");
  const busy = replicas.filter((r) => r.in_flight > 0).length;
  return `${[`${plural(ready, "replica", "replicas")} ready`, ...rest].join(", ")}; ${busy ? `${count(busy)} at work` : "none at work"}.`;
}

function line({ at, text }) {
  const time = element("time", { dateTime: at.toISOString(), title: at.toLocaleString() }, at.toLocaleTimeString("en-GB"));
  const [, what, why] = text.match(/^(\d+(?:→\d+| stays)(?: \([^)]*\))?): (.*)$/s) ?? [null, "", text];
  return element("li", {}, time, element("p", {}, ...(what ? [element("strong", {}, what), " "] : []), why));
}
