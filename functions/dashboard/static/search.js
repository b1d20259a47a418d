// Suggests how a query goes on, below the search box: a combobox with a list (WAI-ARIA APG). The server
// parses and quotes; this script finds the term at the cursor and replaces it.
"use strict";

(() => {
  const TERM = /!?(?:tags\[(?:\\.|[^\]\\])*(?:\]:?)?|[A-Za-z][\w.-]*:)?(?:"(?:\\.|[^"\\])*"?|\S*)/gs;
  const PAUSE_MS = 150;
  const input = document.querySelector("input[data-suggest]");
  if (!input) return;
  const list = document.createElement("ul");
  Object.assign(list, { id: "suggestions", className: "panel", hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  input.closest("form").append(list);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
  })) input.setAttribute(name, value);

  const known = new Map();
  let timer, asked = 0, active = -1;

  // The term that the cursor is in, or ends: its text up to the cursor, and where it begins and ends.
  function termAtCursor() {
    const { value, selectionStart: at } = input;
    for (let start = 0; start <= value.length; start = TERM.lastIndex) {
      while (/\s/.test(value[start] ?? "") && start < at) start++;
      TERM.lastIndex = start;
      const end = start + TERM.exec(value)[0].length;
      if (at <= end || end >= value.length) return { text: value.slice(start, at), start, end };
    }
    return null;
  }

  async function suggestions(text) {
    // Keys are few: ask once, and choose among them here.
    const isKey = /^!?[\w.-]*$/.test(text);
    const asks = isKey ? text.slice(0, text.startsWith("!")) : text;
    if (!known.has(asks)) {
      const response = await fetch(`${input.dataset.suggest}?term=${encodeURIComponent(asks)}`);
      if (!response.ok || response.redirected) return [];
      known.set(asks, await response.json());
    }
    const found = known.get(asks);
    return isKey ? found.filter((each) => each.term.includes(text.toLowerCase().replace("!", ""))) : found;
  }

  async function update() {
    const mine = ++asked;
    const term = termAtCursor();
    const found = term ? await suggestions(term.text).catch(() => []) : [];
    if (mine !== asked || document.activeElement !== input) return;
    show(found.filter((each) => each.term !== term.text));
  }

  function show(found) {
    active = -1;
    list.replaceChildren(...found.map((each, n) => {
      const option = document.createElement("li");
      Object.assign(option, { id: `suggestion-${n}` });
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      const code = document.createElement("code"), hint = document.createElement("span");
      code.textContent = each.shown;
      hint.textContent = each.hint;
      hint.className = "faint";
      option.append(code, " ", hint);
      option.addEventListener("click", () => accept(each));
      option.suggestion = each;
      return option;
    }));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.removeAttribute("aria-activedescendant");
  }

  function close() {
    clearTimeout(timer);
    asked++;
    show([]);
  }

  function move(to) {
    const options = [...list.children];
    // One place between the last and the first is the box itself.
    active = (to + 1 + options.length + 1) % (options.length + 1) - 1;
    options.forEach((each, n) => each.setAttribute("aria-selected", String(n === active)));
    if (active < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", options[active].id);
  }

  function accept({ term, complete }) {
    const { start, end } = termAtCursor();
    const rest = input.value.slice(end);
    input.setRangeText(complete && !rest.startsWith(" ") ? `${term} ` : term, start, end, "end");
    input.focus();
    close();
    if (!complete) update();
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(update, PAUSE_MS);
  });
  input.addEventListener("blur", close);
  // A click on an option must not take the focus from the box.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const open = !list.hidden;
    if (event.key === "ArrowDown" && !open) update();
    else if (event.key === "ArrowDown") move(active + 1);
    else if (event.key === "ArrowUp" && open) move(active - 1);
    else if (["Enter", "Tab"].includes(event.key) && active >= 0) accept(list.children[active].suggestion);
    else if (event.key === "Escape" && open) close();
    else {
      if (event.key === "Enter") close();
      return;
    }
    event.preventDefault();
  });
})();
