// Times in the reader's own zone, and "copied" after a copy. Everything else is HTML and htmx.
"use strict";

function localize(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) {
      time.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    }
  }
}

document.addEventListener("DOMContentLoaded", () => localize(document));
document.addEventListener("htmx:after:swap", () => localize(document));

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.dataset.copy === "url" ? location.href : button.dataset.copy;
  await navigator.clipboard.writeText(text);
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 1500);
});
