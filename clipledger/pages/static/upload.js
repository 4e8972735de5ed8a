// On a page whose form takes a video: sends the video ahead of the form, piece by piece, tells how far it is, and goes
// on where the connection broke, even after the page was closed. Without it the form takes the file with it.
"use strict";

const PIECE = 4 * 1024 * 1024; // octets
const TRIES = 8; // refusals in a row after which it gives up; a broken connection is waited for without end
const form = document.querySelector("form[data-upload]");
const part = (id) => document.getElementById(`upload-${id}`);
let paused = false;
let under_way = null;

const wait = (seconds) => new Promise((go_on) => setTimeout(go_on, seconds * 1000));

// Resolves with the answer, whatever it is; rejects where there is none.
function ask(method, url, headers = {}, body = null, moved = null) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    const known = { "X-CSRF-Token": form.elements._csrf.value, Accept: "application/json" };
    for (const [name, value] of Object.entries({ ...known, ...headers })) request.setRequestHeader(name, value);
    if (moved) request.upload.onprogress = (event) => moved(event.loaded);
    request.onload = () => resolve(request);
    request.onerror = request.onabort = request.ontimeout = () => reject(new Error("broken"));
    under_way = request;
    request.send(body);
  });
}

function show(done, file) {
  const megabytes = (octets) => `${(octets / 1e6).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 })} MB`;
  const percent = Math.floor((done / file.size) * 100);
  part("bar").value = percent;
  const words = { done: megabytes(done), all: megabytes(file.size), percent: `${percent} %` };
  part("text").textContent = form.dataset.sending.replace(/\{(\w+)\}/g, (_, name) => words[name]);
}

function say(text) {
  part("said").textContent = text;
}

async function announce(uploads, file) {
  const headers = { "Upload-Length": String(file.size), "Idempotency-Key": crypto.randomUUID ? crypto.randomUUID() : String(Math.random()) };
  const answer = await ask("POST", uploads, headers);
  if (answer.status !== 201) throw answer;
  return answer.getResponseHeader("Location");
}

// How much has arrived there; null where there is no such upload any more.
async function arrived(place) {
  const answer = await ask("HEAD", place);
  return answer.status === 200 ? Number(answer.getResponseHeader("Upload-Offset")) : null;
}

async function begin(uploads, file) {
  const name = `upload ${uploads} ${file.name} ${file.size} ${file.lastModified}`;
  const known = localStorage.getItem(name);
  if (known && (await arrived(known)) !== null) return known;
  const place = await announce(uploads, file);
  localStorage.setItem(name, place);
  return place;
}

// Does it again and again while there is no answer at all.
async function patiently(act) {
  for (let patience = 1; ; patience = Math.min(patience * 2, 15)) {
    try {
      return await act();
    } catch (failure) {
      if (failure instanceof XMLHttpRequest) throw failure;
      if (!paused) say(form.dataset.waiting);
      await wait(patience);
    }
  }
}

async function send(place, file) {
  let offset = await patiently(() => arrived(place)), refused = 0;
  while (offset < file.size) {
    if (paused) { await wait(0.3); continue; }
    const from = offset;
    const head = { "Upload-Offset": String(from), "Content-Type": "application/offset+octet-stream" };
    const moved = (sent) => { say(""); show(Math.min(from + sent, file.size), file); };
    const answer = await ask("PATCH", place, head, file.slice(from, from + PIECE), moved).catch(() => null);
    if (!answer && !paused) { say(form.dataset.waiting); await wait(1); }
    refused = answer && answer.status !== 204 ? refused + 1 : 0;
    if (refused) await wait(refused);
    offset = await patiently(() => arrived(place));
    if (offset === null || refused >= TRIES) throw answer;
    show(offset, file);
  }
}

async function hand_in(file) {
  const button = form.querySelector("button[type=submit]"), licence = form.elements.grant;
  const grant = licence ? licence.value : "";
  button.disabled = true;
  part("state").hidden = false;
  show(0, file);
  try {
    const place = await patiently(() => begin(form.dataset.upload.replace("{grant}", grant), file));
    await send(place, file);
    form.elements.upload.value = place.split("/").pop();
    if (licence) licence.value = grant;
    form.elements._body.disabled = true;
    form.submit();
  } catch {
    say(form.dataset.refused);
    button.disabled = false;
  }
}

if (form) {
  form.addEventListener("submit", (event) => {
    const file = form.elements._body.files[0];
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    hand_in(file);
  });
  part("pause").addEventListener("click", () => {
    paused = !paused;
    part("pause").textContent = paused ? form.dataset.resume : form.dataset.pause;
    say(paused ? form.dataset.paused : "");
    if (paused && under_way) under_way.abort();
  });
}
