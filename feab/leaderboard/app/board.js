// The leaderboard's script. gradio gives `element` (what board.html became) and `server` (functions of pages.py).
// The address says what is shown: every choice becomes a link's query, and the server makes a page of it.
const main = element.querySelector("#board-main");
const says = element.querySelector("#board-status");
const names = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" };
let latest = 0;
let typing = 0;

// ---- the page that a query asks for

async function go(query, { how = "push", only = "", fresh = false } = {}) {
  const mine = ++latest;
  main.setAttribute("aria-busy", "true");
  let found = null;
  try {
    found = await server.show(query);
  } catch {
    // `found` stays empty
  }
  if (mine !== latest) return;
  main.removeAttribute("aria-busy");
  if (!found || typeof found.html !== "string") {
    fail(query);
    return;
  }
  put(found, only);
  document.title = found.title;
  document.body.dataset.boardPage = found.page;
  for (const a of element.querySelectorAll("nav a")) {
    if (a.dataset.page === found.page) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  if (how !== "keep") {
    const address = location.pathname + (found.query === "?" ? "" : found.query);
    history[how === "push" ? "pushState" : "replaceState"](null, "", address);
    if (window.parent !== window) {
      // On a Space the address bar is the frame around us.
      window.parent.postMessage({ queryString: found.query.slice(1) }, "https://huggingface.co");
    }
  }
  if (fresh) {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  says.textContent = main.querySelector(".count")?.textContent || found.title;
  for (const part of main.querySelectorAll("[data-part]")) fill(part, found.query, mine);
}

async function fill(part, query, mine) {
  let html = null;
  try {
    html = await server.part(part.dataset.part, query);
  } catch {
    // `html` stays empty
  }
  if (mine !== latest || !part.isConnected) return;
  if (typeof html === "string") part.innerHTML = html;
  else part.textContent = "This part could not be made. Reload the page to try again.";
}

function fail(query) {
  main.innerHTML =
    '<div class="empty" role="alert"><h2>The leaderboard does not answer</h2>' +
    "<p>The server cannot be reached, or is starting again. Nothing is lost.</p>" +
    '<p><button type="button" data-again>Try again</button></p></div>';
  main.querySelector("[data-again]").onclick = () => go(query, { how: "replace" });
}

// ---- putting a page in, so that what the reader was at stays where it was

function put(found, only) {
  const at = document.activeElement?.id;
  const open = new Map([...main.querySelectorAll("details[id]")].map((e) => [e.id, e.open]));
  const kept = new Set([...main.querySelectorAll("[data-keep]:checked")].map((e) => e.id));
  const aside = [...main.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
  const made = document.createElement("template");
  made.innerHTML = found.html;
  const [into, from] = only ? [main.querySelector(only), made.content.querySelector(only)] : [];
  if (into && from) into.replaceWith(from);
  else main.replaceChildren(made.content);
  for (const [id, was] of open) if (document.getElementById(id)) document.getElementById(id).open = was;
  for (const id of kept) if (document.getElementById(id)) document.getElementById(id).checked = true;
  main.querySelectorAll(".scroll").forEach((e, i) => (e.scrollLeft = aside[i] || 0));
  if (at && document.activeElement?.id !== at) document.getElementById(at)?.focus({ preventScroll: true });
}

// ---- what the reader does

function asked(form) {
  const values = new URLSearchParams(new FormData(form));
  return "?" + values;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest('.board a[href^="?"]');
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    const query = link.getAttribute("href");
    const page = new URLSearchParams(query).get("tab") || "ranking";
    const elsewhere = page !== document.body.dataset.boardPage;
    const turned = link.dataset.push !== undefined;
    go(query, { how: elsewhere || turned ? "push" : "replace", fresh: elsewhere || turned });
    return;
  }
  const button = event.target.closest(".board button");
  if (button?.dataset.go) {
    const values = [...main.querySelectorAll(`input[name="${button.dataset.of}"]:checked`)];
    const query = new URLSearchParams([["tab", button.dataset.go], ...values.map((e) => [e.name, e.value])]);
    go("?" + query, { fresh: true });
  }
  if (button?.dataset.save) save(button.dataset.save);
});

element.addEventListener("change", (event) => {
  const form = event.target.closest("form.controls");
  if (form && event.target.type !== "search") go(asked(form), { how: "replace" });
});

element.addEventListener("input", (event) => {
  const form = event.target.closest("form.controls");
  if (!form || event.target.type !== "search") return;
  clearTimeout(typing);
  typing = setTimeout(() => go(asked(form), { how: "replace", only: ".results" }), 120);
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  go(asked(event.target), { how: "replace" });
});

async function save(name) {
  const text = await server.part("csv", location.search);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

window.addEventListener("popstate", () => go(location.search, { how: "keep", fresh: true }));

// ---- light and dark

const system = matchMedia("(prefers-color-scheme: dark)");
const theme = element.querySelector("#board-theme");
let chosen = "";
try {
  chosen = localStorage.getItem("feab-theme") || "";
} catch {
  // no storage: the choice lasts as long as the page
}

function paint() {
  if (!(chosen in names)) chosen = "";
  const dark = chosen ? chosen === "dark" : system.matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.body.classList.toggle("dark", dark);
  theme.textContent = names[chosen];
}

theme.addEventListener("click", () => {
  const order = ["", "light", "dark"];
  chosen = order[(order.indexOf(chosen) + 1) % order.length];
  try {
    localStorage.setItem("feab-theme", chosen);
  } catch {
    // as above
  }
  paint();
});
system.addEventListener("change", paint);
paint();
go(location.search, { how: "replace" });
