// Asking the service, with the API key where it wants one.

const store = "api-key";

// A browser that forbids storage makes it forget the key with the page.
function remembered() {
  try { return sessionStorage.getItem(store); } catch { return null; }
}
function remember(key) {
  try { sessionStorage.setItem(store, key); } catch { /* forgotten with the page */ }
}

let key = remembered();
let asking = null; // the dialog that is open, as a promise of whether there is a key now

// ask is fetch, which on a 401 asks the user for the key and tries again. Whoever does not give one gets the 401.
export async function ask(path, init = {}) {
  for (;;) {
    const used = key;
    const headers = { ...init.headers };
    if (used) headers.Authorization = `Bearer ${used}`;
    const answer = await reached(fetch(path, { ...init, headers, cache: "no-store" }));
    if (answer.status !== 401) return answer;
    if (key === used) {
      asking ??= askForKey(Boolean(used)).finally(() => { asking = null; });
      if (!(await asking)) return answer;
    }
    init.signal?.throwIfAborted();
  }
}

function askForKey(refused) {
  const dialog = document.getElementById("ask");
  const input = document.getElementById("key");
  const kept = "It is kept in this tab only, until you close it.";
  document.getElementById("ask-why").textContent = refused ? `The key was not accepted. ${kept}` : kept;
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "use") remember(key = input.value);
      input.value = "";
      resolve(dialog.returnValue === "use");
    }, { once: true });
  });
}

// Refusal is what went wrong, in the service's words where it has some.
export class Refusal extends Error {
  constructor(title, detail, retryAfter = null) {
    super(title);
    this.detail = detail;
    this.retryAfter = retryAfter; // seconds; null: nothing was said
  }
}

// refusalOf reads an answer that is an error.
export async function refusalOf(answer) {
  const retryAfter = secondsOf(answer.headers.get("Retry-After"));
  try {
    const { title, detail } = await answer.json();
    if (title) return new Refusal(title, detail ?? "", retryAfter);
  } catch { /* not one of the service's own */ }
  return new Refusal(`The answer was ${answer.status} ${answer.statusText}`.trim(), "It came from something between this page and the service.", retryAfter);
}

function secondsOf(header) {
  if (header === null) return null;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, Math.ceil(seconds));
}

// reached is what the service answers; where nothing comes of it, the refusal says that it could not be reached.
export function reached(answer) {
  return answer.catch((error) => {
    if (error.name === "AbortError") throw error;
    throw navigator.onLine
      ? new Refusal("The service cannot be reached", "It gave no answer. It may be about to start again.")
      : new Refusal("You are offline", "The picture was not sent. Try again once there is a network.");
  });
}
