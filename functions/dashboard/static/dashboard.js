// Shows times in the reader's time zone, pauses list updates while the reader points at a row, runs
// the copy buttons, closes menus, and steps from event to event with [ and ].
"use strict";

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
const MOMENT = { dateStyle: "medium", timeStyle: "medium" };

function localize(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    // The server has used the time zone that the reader has chosen.
    if (document.documentElement.dataset.zone) break;
    if (!Number.isNaN(at.valueOf())) {
      time.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
      if (time.className === "clock") time.textContent = at.toLocaleTimeString(undefined, CLOCK);
      if (time.className === "moment") time.textContent = at.toLocaleString(undefined, MOMENT);
    }
  }
  // The buttons are hidden in the HTML because they do nothing without JavaScript.
  for (const button of within.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("DOMContentLoaded", () => localize(document));
document.addEventListener("htmx:after:swap", () => localize(document));

// Skip the update of a live list while the page is hidden, or while a row is hovered or focused: rows
// must not move under the reader.
document.addEventListener("htmx:before:request", (event) => {
  const live = event.target.closest("[hx-trigger^=every]");
  if (live && (document.hidden || live.querySelector("tbody:hover, tbody :focus"))) {
    event.preventDefault();
  }
});

// A copy button copies its text, the page's URL, or what its link leads to. Without JavaScript the
// link opens it.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const from = button.dataset.copyFrom;
  const text = from ? await (await fetch(from)).text() : button.dataset.copy || location.href;
  await navigator.clipboard.writeText(text);
  const label = button.innerHTML;
  button.textContent = "Copied";
  setTimeout(() => { button.innerHTML = label; }, 1500);
});

// Escape closes the open menu, and so does a click outside of it.
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(except)) menu.open = false;
  }
}
document.addEventListener("click", (event) => closeMenus(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus(null);
  const step = { "[": "prev", "]": "next" }[event.key];
  if (step && !event.target.closest("input, select, textarea")) {
    document.querySelector(`.steps [rel=${step}]`)?.click();
  }
});
