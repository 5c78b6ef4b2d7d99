// The inbox by keyboard: j/k move between cases, o opens, a claims, c comments, r gives a release's reason, x chooses, u goes
// back, ? explains. Each key does what a link or a button of the page does; nothing is decided or kept here but "keys off".
const KEPT = "kfm-inbox-keys";
const all = (selector) => Array.from(document.querySelectorAll(selector));
const one = (selector) => document.querySelector(selector);
const help = one("[data-inbox-keys]");
const rows = () => all("[data-case]");
const linkOf = (row) => row.querySelector("[data-case-link]");
const openCase = () => one("[data-open-case]");

const say = (words) => {
  const place = one("[data-inbox-say]");
  if (!place) { return; }
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = words; });
};

// --- which case is meant: the one with the focus, else the open one, else the one last visited ---
let last = null;
const focused = () => document.activeElement.closest("[data-case]");
const current = () => focused() || (openCase() ? one(`[data-case="${openCase().dataset.openCase}"]`) : last);

const focusRow = (row) => {
  all("[data-case-link]").forEach((link) => { link.tabIndex = link === linkOf(row) ? 0 : -1; });
  last = row;
  linkOf(row).focus();
  row.scrollIntoView({ block: "nearest" });
};

const move = (step) => {
  const list = rows().filter((row) => row.getClientRects().length);
  if (!list.length) { say("There is no case in the list."); return; }
  const from = list.indexOf(current());
  const to = from < 0 ? (step > 0 ? 0 : list.length - 1) : Math.min(Math.max(from + step, 0), list.length - 1);
  if (to === from && focused()) { say(step > 0 ? "This is the last case." : "This is the first case."); return; }
  focusRow(list[to]);
};

const open = () => {
  const row = current();
  if (row) { linkOf(row).click(); } else { say("Choose a case with j or k first."); }
};

const claim = () => {
  const row = focused();
  const here = openCase() && one("[data-claim-form]");
  if (openCase() && (!row || row.dataset.case === openCase().dataset.openCase)) {
    if (here) { here.requestSubmit(); return; }
    const why = document.getElementById("why-no-claim");
    say(why ? why.textContent : "This case has ended.");
    return;
  }
  const meant = current();
  if (!meant) { say("Choose a case with j or k first."); return; }
  const form = document.getElementById("inbox-claim");
  form.action = meant.dataset.claim;
  form.requestSubmit();
};

const showRelease = () => {
  const way = one('[data-way="release"]');
  if (way) {
    way.open = true;
    way.querySelector("textarea").focus();
    return;
  }
  const closed = document.getElementById("why-not-release");
  say(closed ? closed.textContent.trim() : "This case has ended.");
  if (closed) { closed.scrollIntoView({ block: "nearest" }); }
};

// With no case open, or another one meant, the case is opened first and the field there.
const inCase = (hash, act) => {
  const row = focused();
  if (openCase() && (!row || row.dataset.case === openCase().dataset.openCase)) { act(); return; }
  const meant = current();
  if (!meant) { say("Choose a case with j or k first."); return; }
  const address = new URL(linkOf(meant).href);
  address.hash = hash;
  window.location.assign(address);
};

const showComment = () => {
  const field = one("#comments textarea");
  if (field) { field.focus(); } else { say("You have no role here that comments."); }
};

const counted = () => {
  const place = one("[data-chosen-count]");
  const chosen = all('input[name="pk"]:checked').length;
  if (place) { place.textContent = chosen ? `${chosen} chosen` : "With the chosen cases"; }
  all("[data-choose-group]").forEach((button) => {
    const boxes = Array.from(button.closest("section").querySelectorAll('input[name="pk"]'));
    const full = boxes.every((box) => box.checked);
    button.setAttribute("aria-pressed", String(full));
    button.firstChild.textContent = full ? "choose none" : "choose all";
  });
  return chosen;
};

const choose = () => {
  const row = current();
  if (!row) { say("Choose a case with j or k first."); return; }
  const box = row.querySelector('input[name="pk"]');
  box.checked = !box.checked;
  say(`Case ${row.dataset.case} ${box.checked ? "chosen" : "not chosen"}; ${counted()} chosen.`);
};

const back = () => {
  const link = one("[data-case-back]") || one(".crumbs a");
  if (link) { link.click(); }
};

const showHelp = () => {
  if (help && !one("dialog[open]")) { help.showModal(); } // never one dialog over another
};

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  o: open,
  a: claim,
  c: () => inCase("comments", showComment),
  r: () => inCase("release", showRelease),
  x: choose,
  u: back,
};

// --- keys on or off, kept in this browser only ---
const kept = () => {
  try { return localStorage.getItem(KEPT) !== "off"; } catch { return true; } // storage may be switched off
};
const keysOn = one("[data-keys-on]");
if (keysOn) {
  keysOn.checked = kept();
  keysOn.addEventListener("change", () => {
    try { localStorage.setItem(KEPT, keysOn.checked ? "on" : "off"); } catch { say("This browser can't keep that."); }
  });
}

const typing = (node) =>
  node.closest("textarea, select, [contenteditable], dialog, .maplibregl-canvas") || (node.closest("input") && node.type !== "checkbox");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) { return; }
  if (event.key === "?") {
    event.preventDefault();
    showHelp();
    return;
  }
  const act = KEYS[event.key];
  if (!act || one("dialog[open]") || !(keysOn ? keysOn.checked : kept())) { return; }
  event.preventDefault();
  act();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-inbox-help]")) { showHelp(); }
  const group = event.target.closest("[data-choose-group]");
  if (!group) { return; }
  const wanted = group.getAttribute("aria-pressed") !== "true";
  group.closest("section").querySelectorAll('input[name="pk"]').forEach((box) => { box.checked = wanted; });
  say(`${counted()} chosen.`);
});
document.addEventListener("change", (event) => {
  if (event.target.matches('input[name="pk"]')) { counted(); }
});
document.addEventListener("focusin", () => { last = focused() || last; });
window.addEventListener("pageshow", counted); // the browser gives ticked boxes back

// --- where the focus begins ---
const start = () => {
  const hash = window.location.hash.slice(1);
  const row = hash.startsWith("case-") ? document.getElementById(hash)?.closest("[data-case]") : null;
  if (hash === "release") { showRelease(); return; }
  if (hash === "comments") { showComment(); return; }
  if (row && row.getClientRects().length) { focusRow(row); return; }
  const meant = current() || rows()[0];
  if (meant) { all("[data-case-link]").forEach((link) => { link.tabIndex = link === linkOf(meant) ? 0 : -1; }); }
  const list = one(".inbox-split [data-inbox]");
  if (list && meant) { list.scrollTop += meant.getBoundingClientRect().top - list.getBoundingClientRect().top - list.clientHeight / 3; } // the window stays
};

// --- the map's code is fetched only when there is a map ---
const load = (name, facts) =>
  new Promise((ready, failed) => {
    const node = Object.assign(document.createElement(name), facts);
    node.onload = ready;
    node.onerror = () => failed(new Error("not loaded"));
    document.head.append(node);
  });

let asked = false;
document.body.addEventListener("htmx:afterSettle", (event) => {
  const figure = event.target.querySelector ? event.target.querySelector("[data-map-code]") : null;
  if (!figure || asked) { return; }
  asked = true;
  load("link", { rel: "stylesheet", href: figure.dataset.mapStyle })
    .then(() => load("script", { src: figure.dataset.mapLibrary }))
    .then(() => load("script", { src: figure.dataset.mapCode }))
    .catch(() => { figure.querySelector(".map-state").textContent = "The map's code could not be loaded. The facts are below."; });
});

// On a phone the filters are folded away until they are asked for.
const fold = one("[data-filter-fold]:not([data-asked])");
if (fold && window.matchMedia("(max-width: 640px)").matches) { fold.open = false; }
counted();
start();

// Keys act from here on; a page that was left and one that is not ready yet have no such mark.
document.documentElement.dataset.inboxReady = "";
