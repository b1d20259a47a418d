// The keys of the list and of an issue's page, which "?" shows. Selects all issues of a page, and goes on
// with a bulk change that takes more than one request.
"use strict";
{
  const rows = () => [...document.querySelectorAll(".issues tbody tr:has(.issue-title)")];
  const row = () => document.querySelector(".issues tr.at");
  const link = (of) => of?.querySelector(".issue-title");
  let at = "";

  // The focus is on the title of the row, so that Enter opens it and updates wait.
  function go(to) {
    if (!to) return;
    row()?.classList.remove("at");
    to.classList.add("at");
    at = to.id;
    link(to).focus({ preventScroll: true });
    to.scrollIntoView({ block: "nearest" });
  }

  function move(step) {
    const all = rows();
    const n = all.indexOf(row());
    go(all[n < 0 ? 0 : Math.min(all.length - 1, Math.max(0, n + step))]);
  }

  function select() {
    const box = row()?.querySelector("[name=issue]");
    if (box) box.checked = !box.checked;
  }

  // Whether there is something to change: the selected issues, or else the one of the row, or the one of the page.
  function chosen() {
    const form = document.querySelector("form.list");
    if (!form || form.querySelector("[name=issue]:checked, [name=all]:checked")) return true;
    if (!row()) return false;
    sessionStorage.setItem("at", rows().indexOf(row()));
    select();
    return true;
  }

  // On the page of an issue that is settled, only the menu settles it in another way.
  function change(action) {
    const place = "#act:not(:has([value=reopen]))";
    if (chosen()) document.querySelector(`form.list .bulk [value=${action}], ${place} [value=${action}]`)?.click();
  }

  function assign() {
    if (!chosen()) return;
    const menu = document.querySelector(".bulk .menu:has([value=assign-me]), .actions .menu:has(#assignee)");
    if (!menu) return;
    menu.open = true;
    menu.querySelector("button").focus();
  }

  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    o: () => link(row())?.click(),
    x: select,
    e: () => change("resolve"),
    i: () => change("ignore"),
    a: assign,
    "/": () => {
      const box = document.querySelector("[role=search] input:not([type=hidden])");
      box?.focus();
      box?.select();
    },
    "?": () => document.querySelector("#keyboard")?.showModal(),
  };
  const TYPED = "input:not([type=radio], [type=checkbox]), select, textarea";
  document.addEventListener("keydown", (event) => {
    const held = event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
    if (held || event.target.closest(TYPED) || document.querySelector("dialog[open]")) return;
    if (!Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  // Enter on a box would send the form.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("form.list [type=checkbox]")) event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id !== "page") return;
    for (const box of document.querySelectorAll("tbody [name=issue]")) box.checked = event.target.checked;
  });

  // With a pause after each slice: digest writes the same issues.
  function goOn(form) {
    if (!form) return;
    form.elements.paced.disabled = false;
    setTimeout(() => form.requestSubmit(), 1000);
  }

  function ready() {
    for (const hidden of document.querySelectorAll("#page")) hidden.hidden = false;
    document.getElementById(at)?.classList.add("at");
  }
  document.addEventListener("htmx:after:swap", ready);
  document.addEventListener("DOMContentLoaded", () => {
    ready();
    goOn(document.querySelector("form[data-continue]"));
    const place = sessionStorage.getItem("at");
    sessionStorage.removeItem("at");
    if (place && document.querySelector("#changed")) go(rows()[place] ?? rows().at(-1));
  });
  // Nothing moves while issues are selected.
  document.addEventListener("htmx:before:request", (event) => {
    if (event.target.querySelector?.("tbody :checked, [name=all]:checked")) event.preventDefault();
  });
}
