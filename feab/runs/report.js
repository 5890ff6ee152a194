"use strict";
(() => {
  const root = document.documentElement;

  // Theme: as the system says, or one of two. Remembered where the browser allows it.
  const names = { "": "as the system", light: "light", dark: "dark" };
  const theme = document.getElementById("theme");
  const paint = (name) => {
    if (name) root.dataset.theme = name;
    else delete root.dataset.theme;
    theme.textContent = "Theme: " + names[name];
  };
  let chosen = "";
  try {
    chosen = localStorage.getItem("feab-theme") || "";
  } catch (error) { /* storage is refused: the system decides */ }
  paint(chosen in names ? chosen : "");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const order = Object.keys(names);
    const next = order[(order.indexOf(root.dataset.theme || "") + 1) % order.length];
    paint(next);
    try {
      localStorage.setItem("feab-theme", next);
    } catch (error) { /* not remembered */ }
  });

  // Gallery: what is chosen stands in the address as "#gallery?name=value&...", so that it can be passed on.
  const panel = document.getElementById("filters");
  if (!panel) return;
  const fields = [...panel.querySelectorAll("[name]")];
  const words = (list) => (list || "").split(" ");
  const cards = [...document.querySelectorAll("#cards > li")].map((card) => ({
    card,
    label: card.dataset.label,
    text: card.textContent.toLowerCase(),
    exchanges: [...card.querySelectorAll(".exchange")],
  }));
  const count = document.getElementById("count");

  const value = (field) => (field.type === "checkbox" ? (field.checked ? "yes" : "") : field.value);
  const read = () => Object.fromEntries(fields.map((field) => [field.name, value(field)]));

  const fits = (entry, w) => {
    const asked = entry.exchanges.filter(
      (e) => (!w.task || e.dataset.task === w.task) && (!w.prompt || e.dataset.prompt === w.prompt),
    );
    const some = (wanted, test) => !wanted || asked.some(test);
    return (
      asked.length > 0 &&
      (!w.label || entry.label === w.label) &&
      (!w.text || entry.text.includes(w.text.toLowerCase())) &&
      some(
        w.mistakes || w.result || w.outcome,
        (e) =>
          (!w.mistakes || ["wrong", "none"].includes(e.dataset.result)) &&
          (!w.result || e.dataset.result === w.result) &&
          (!w.outcome || words(e.dataset.outcome).includes(w.outcome)),
      ) &&
      some(w.said, (e) => e.dataset.said === w.said) &&
      some(w.au, (e) => words(e.dataset[w.how || "missed"]).includes(w.au))
    );
  };

  const apply = () => {
    const w = read();
    let shown = 0;
    for (const entry of cards) {
      const fit = fits(entry, w);
      entry.card.hidden = !fit;
      shown += fit;
      for (const e of entry.exchanges) {
        e.hidden = (w.task && e.dataset.task !== w.task) || (w.prompt && e.dataset.prompt !== w.prompt) ? true : false;
      }
    }
    count.textContent = shown + " of " + cards.length + " faces";
  };

  const remember = () => {
    const query = new URLSearchParams(Object.entries(read()).filter(([, v]) => v)).toString();
    history.replaceState(null, "", query ? "#gallery?" + query : "#gallery");
  };

  const restore = () => {
    const [place, query] = location.hash.slice(1).split("?");
    if (place !== "gallery" || query === undefined) return;
    const wanted = new URLSearchParams(query);
    for (const field of fields) {
      const v = wanted.get(field.name) || "";
      if (field.type === "checkbox") field.checked = v === "yes";
      else if (field.tagName !== "SELECT" || [...field.options].some((option) => option.value === v)) field.value = v;
      else field.value = "";
    }
    apply();
    document.getElementById("gallery").scrollIntoView();
  };

  const changed = () => {
    apply();
    remember();
  };
  panel.addEventListener("input", changed);
  document.getElementById("reset").addEventListener("click", () => {
    for (const field of fields) {
      if (field.type === "checkbox") field.checked = false;
      else field.value = "";
    }
    changed();
  });
  window.addEventListener("hashchange", restore);
  panel.hidden = false;
  apply();
  restore();
})();
