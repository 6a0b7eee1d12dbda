// Send the example of the page about the API. Without JavaScript the page shows all but this.
"use strict";

const form = document.getElementById("try");
const example = document.getElementById("example");
const body = document.getElementById("body");
const answer = document.getElementById("answer");

function fill() {
  body.value = example.value;
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
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: body.value,
    });
    const text = JSON.stringify(await response.json(), null, 2);
    show(`${response.status} after ${(performance.now() - began).toFixed(0)} ms`, text);
  } catch (error) {
    show("No answer", String(error));
  }
}

example.addEventListener("change", fill);
form.addEventListener("submit", send);
body.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
fill();
form.hidden = false;
