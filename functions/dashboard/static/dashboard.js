// Times in the reader's own zone; a list that stands still under the pointer; "Copied" after a copy.
"use strict";

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };

function localize(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) {
      time.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
      if (time.className === "clock") time.textContent = at.toLocaleTimeString(undefined, CLOCK);
    }
  }
  // Without scripts they would do nothing.
  for (const button of within.querySelectorAll("button[data-copy]")) button.hidden = false;
}

document.addEventListener("DOMContentLoaded", () => localize(document));
document.addEventListener("htmx:after:swap", () => localize(document));

// Rows that move while somebody points at one, or reads them elsewhere, are no help.
document.addEventListener("htmx:before:request", (event) => {
  const live = event.target.closest("[hx-trigger^=every]");
  if (live && (document.hidden || live.querySelector("tbody:hover, tbody :focus"))) {
    event.preventDefault();
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy || location.href);
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 1500);
});
