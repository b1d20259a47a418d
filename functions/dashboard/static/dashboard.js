// Shows times in the reader's time zone, pauses list updates while the reader points at a row, and
// runs the copy buttons.
"use strict";

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };

function localize(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    // The server has used the time zone that the reader has chosen.
    if (document.documentElement.dataset.zone) break;
    if (!Number.isNaN(at.valueOf())) {
      time.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
      if (time.className === "clock") time.textContent = at.toLocaleTimeString(undefined, CLOCK);
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

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy || location.href);
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 1500);
});
