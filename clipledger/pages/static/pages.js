// Every page works without this. It adds: no second click on a form that is being sent, confirmations that close with
// Escape, parts of a page that renew themselves (data-live="seconds"), and uploads that show how far they are and can
// be resumed (form data-upload).
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.submitter && event.submitter.formTarget === "_blank") return;
  if (form.dataset.sent && form.method === "post") { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-disabled", "true");
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
});

document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest("details.confirm[open]");
  if (open) { open.open = false; open.querySelector("summary").focus(); }
});

const fault = document.querySelector(".faults");
if (fault) fault.focus();

// A part with data-live is fetched again every so many seconds, for as long as the page gives it that mark. Then what it
// told of has ended, and all of the page is shown anew; unless somebody is writing into a form of it, or may send a video.
const written = () => document.querySelector("main form[data-upload]") || [...document.querySelectorAll("main form :is(input, textarea)")].some((field) =>
  field.type !== "hidden" && (field.value !== field.defaultValue || field.checked !== field.defaultChecked));

function renew(part) {
  setTimeout(async () => {
    if (!part.isConnected) return;
    if (document.hidden) { renew(part); return; }
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (fresh && (fresh.dataset.live || written())) {
        part.replaceWith(fresh);
        if (fresh.dataset.live) renew(fresh);
      } else if (!written()) {
        document.querySelector("main").replaceWith(page.querySelector("main"));
        renew_all();
      }
    } catch { renew(part); }
  }, Number(part.dataset.live) * 1000);
}

function renew_all() {
  for (const part of document.querySelectorAll("[data-live][id]")) renew(part);
}
renew_all();
