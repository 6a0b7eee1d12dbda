// Send the example of the page about the API. Without JavaScript the page shows all but this.
"use strict";

const form = document.getElementById("try");
const kind = document.getElementById("kind");
const body = document.getElementById("body");
const answer = document.getElementById("answer");

function fill() {
  body.value = kind.selectedOptions[0].dataset.body;
  answer.hidden = true;
}

function show(headline, text) {
  answer.querySelector(".headline").textContent = headline;
  answer.querySelector("code").textContent = text;
  answer.hidden = false;
}

async function send(event) {
  event.preventDefault();
  const began = performance.now();
  try {
    const response = await fetch(form.dataset.address, {
      method: "POST",
      headers: { "Content-Type": kind.value, Accept: "application/json" },
      body: body.value,
    });
    const text = await response.text();
    const milliseconds = (performance.now() - began).toFixed(0);
    show(`${response.status} after ${milliseconds} ms`, JSON.stringify(JSON.parse(text), null, 2));
  } catch (error) {
    show("No answer", String(error));
  }
}

kind.addEventListener("change", fill);
form.addEventListener("submit", send);
body.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
fill();
form.hidden = false;
