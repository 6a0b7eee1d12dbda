// Open notebooks beside this page, wear JupyterLab's colours, and look now and then what has changed.
// Without JavaScript all of the page is there, and its links open new windows.
"use strict";

const lab = (() => {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null; // a frame of somebody else's
  }
})();

function wearColours() {
  const light = lab?.document.body.dataset.jpThemeLight;
  if (light) document.documentElement.dataset.theme = light === "true" ? "light" : "dark";
}

function open(path) {
  if (!path || !lab?.jupyterapp) return false;
  lab.jupyterapp.commands.execute("docmanager:open", { path });
  return true;
}

async function refresh() {
  if (document.hidden) return;
  wearColours();
  const response = await fetch("./").catch(() => null); // the server may be gone: what stands stays
  if (!response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("course");
  const old = document.getElementById("course");
  if (fresh && fresh.innerHTML !== old.innerHTML) old.replaceWith(fresh);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-path]");
  if (link && open(link.dataset.path)) event.preventDefault();
});

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const response = await fetch(event.target.action, { method: "POST" });
  await refresh();
  if (response.ok) open(event.target.querySelector("button").dataset.path);
});

wearColours();
document.addEventListener("visibilitychange", refresh);
window.addEventListener("focus", refresh);
setInterval(refresh, 10000);
