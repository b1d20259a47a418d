// Shows times in the reader's time zone and keeps ages true, pauses updates while the reader points at
// a row, runs the copy buttons, closes menus, and steps from event to event with [ and ].
"use strict";

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
const DATE_TIME = { dateStyle: "medium", timeStyle: "long" };

function localize(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    // The server has used the time zone that the reader has chosen.
    if (document.documentElement.dataset.zone) break;
    if (!Number.isNaN(at.valueOf())) {
      time.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
      if (time.className === "clock") time.textContent = at.toLocaleTimeString(undefined, CLOCK);
      if (time.className === "minute") {
        const year = at.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
        time.textContent = at.toLocaleString(undefined, { ...MINUTE, ...year });
      }
      if (time.className === "moment") time.textContent = at.toLocaleString(undefined, DATE_TIME);
    }
  }
  if (!document.documentElement.dataset.zone) {
    const parts = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" }).formatToParts();
    const name = parts.find((part) => part.type === "timeZoneName").value;
    for (const zone of within.querySelectorAll(".zone")) zone.textContent = name;
    for (const chart of within.querySelectorAll("[data-first-hour]")) showHours(chart);
  }
  // The buttons are hidden in the HTML because they do nothing without JavaScript.
  for (const button of within.querySelectorAll("button[data-copy]")) button.hidden = false;
}

// The names of a chart's bars: hours, in the reader's time zone.
function showHours(chart) {
  const name = (n) => {
    const hour = new Date((Number(chart.dataset.firstHour) + Number(n)) * 3600000);
    return hour.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  };
  chart.querySelectorAll("g > title").forEach((title, n) => {
    title.textContent = `${name(n)}: ${title.textContent.split(": ").pop()}`;
  });
  for (const text of chart.querySelectorAll("[data-bar]")) text.textContent = name(text.dataset.bar);
}

const MINUTE = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
// How far the reader's clock is ahead of ours.
let aheadMs = 0;

// The same words as those of the server.
function age(time) {
  const seconds = Math.floor((Date.now() - aheadMs - new Date(time.dateTime)) / 1000);
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit} ago`;
  }
  return "just now";
}
setInterval(() => {
  for (const time of document.querySelectorAll("time[datetime]:not([class])")) {
    const text = age(time);
    if (text !== time.textContent) time.textContent = text;
  }
}, 15000);

document.addEventListener("DOMContentLoaded", () => {
  aheadMs = Date.now() - Number(document.body.dataset.now);
  localize(document);
});
document.addEventListener("htmx:after:swap", () => localize(document));

// Skip an update while the page is hidden, or while a row or a button that it may change is hovered or
// focused: nothing must move under the reader.
document.addEventListener("htmx:before:request", (event) => {
  const live = event.target.closest("[hx-trigger^=every]");
  if (!live) return;
  const held = live.querySelector("tbody:hover, tbody :focus") || document.querySelector("#act:hover, #act :focus");
  if (document.hidden || held) event.preventDefault();
});
// Somebody who comes back to a page sees what is true now.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.querySelector("#refresh")?.dispatchEvent(new Event("shown"));
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

// Where a key is a letter that somebody types.
const TYPED = "input:not([type=radio], [type=checkbox]), select, textarea";

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
  if (step && !event.target.closest(TYPED)) {
    document.querySelector(`.steps [rel=${step}]`)?.click();
  }
});
