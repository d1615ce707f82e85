// Server-sent events read by fetch: EventSource cannot send an API key.

const silence = 15_000; // the service says something every 5 s; beyond this the connection is dead
const longest = 15_000; // that it waits before it connects again

// Parser takes the text of a stream in pieces, as they come, and tells its events.
export class Parser {
  #rest = "";
  #data = [];
  #name = "";
  constructor(tell) {
    this.tell = tell;
    this.lastId = "";
    this.retry = 1000;
  }

  push(text) {
    this.#rest += text;
    // A CR at the end may be half of a CRLF.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    lines.forEach((line) => this.#line(line));
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment: a heartbeat
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    if (field === "event") this.#name = value;
    if (field === "id" && !value.includes("\0")) this.lastId = value;
    if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
  }

  #dispatch() {
    if (this.#data.length) this.tell(this.#name || "message", this.#data.join("\n"), this.lastId);
    this.#data = [];
    this.#name = "";
  }
}

// follow keeps a stream open while the page is visible: open(headers, signal) asks for it, tell gets its events, and state gets "live",
// "reconnecting" or "locked" (no key was given; the returned function tries again).
export function follow({ open, tell, state }) {
  let attempt = null; // the AbortController of the stream that is open, or is being opened
  let timer = 0;
  let failures = 0;

  async function read(control) {
    const answer = await open({ Accept: "text/event-stream" }, control.signal);
    if (answer.status === 401) return "locked";
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const parser = new Parser((name, data, id) => {
      failures = 0;
      state("live");
      tell(name, JSON.parse(data), id);
    });
    const text = new TextDecoder();
    for (const reader = answer.body.getReader(); ;) {
      const watchdog = setTimeout(() => control.abort(), silence);
      const { done, value } = await reader.read().finally(() => clearTimeout(watchdog));
      if (done) return parser.retry;
      parser.push(text.decode(value, { stream: true }));
    }
  }

  async function connect() {
    clearTimeout(timer);
    if (attempt || document.hidden) return;
    const control = attempt = new AbortController();
    const base = await read(control).catch(() => 1000);
    attempt = null;
    if (document.hidden) return; // the page looks again when it is looked at
    if (base === "locked") return state("locked");
    state("reconnecting");
    const wait = Math.min(longest, base * 2 ** failures++);
    timer = setTimeout(connect, wait * (0.5 + Math.random() / 2));
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) attempt?.abort();
    else connect();
  });
  addEventListener("online", connect);
  connect();
  return connect;
}
