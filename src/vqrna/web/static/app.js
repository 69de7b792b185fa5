// Theme, form, progress and copying. Pages work without it, except where they say so.
"use strict";

(() => {
  const root = document.documentElement;
  const toggle = document.querySelector("[data-theme-toggle]");
  toggle?.addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    document.dispatchEvent(new Event("themechange"));
  });

  // Print in the light colours, the drawn tracks included
  let before;
  const repaint = (theme) => {
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    document.dispatchEvent(new Event("themechange"));
  };
  addEventListener("beforeprint", () => { before = root.dataset.theme; repaint("light"); });
  addEventListener("afterprint", () => repaint(before));

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = button.dataset.copy || document.querySelector(button.dataset.copyFrom).textContent;
    try {
      await navigator.clipboard.writeText(text);
      const before = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = before; }, 1500);
    } catch {
      button.textContent = "Select the text to copy it";
    }
  });

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });
})();

// The form: file, drop and example

(() => {
  const form = document.querySelector("form[data-submit]");
  if (!form) return;
  const text = form.querySelector("textarea.sequence");
  const file = form.querySelector("input[type=file]");
  const name = form.querySelector("[data-file-name]");
  const drop = form.querySelector(".drop");
  const check = form.querySelector("#check");
  const most = Number(form.dataset.most);
  const typedLimit = 2_000_000;

  function showFile() {
    const chosen = file.files[0];
    name.hidden = !chosen;
    text.disabled = Boolean(chosen);
    if (chosen) {
      name.querySelector("span").textContent =
        `${chosen.name} (${(chosen.size / 1000).toLocaleString("en", {maximumFractionDigits: 0})} kB)`;
      if (chosen.size > most) {
        check.textContent = `The file is larger than ${most / 1e6} MB: submit it in parts.`;
        return;
      }
    }
    form.dispatchEvent(new Event("recheck"));
  }

  file.addEventListener("change", showFile);
  form.querySelector("[data-remove-file]").addEventListener("click", () => {
    file.value = "";
    showFile();
    text.focus();
  });
  form.querySelector("[data-choose-file]").addEventListener("click", () => file.click());
  form.querySelector("[data-example]").addEventListener("click", async (event) => {
    const answer = await fetch(event.currentTarget.dataset.example);
    file.value = "";
    showFile();
    text.value = await answer.text();
    text.scrollTop = 0;
    form.dispatchEvent(new Event("recheck"));
  });
  form.querySelector("[data-clear]").addEventListener("click", () => {
    file.value = "";
    text.value = "";
    showFile();
    check.replaceChildren();
    text.focus();
  });

  for (const type of ["dragenter", "dragover"]) {
    drop.addEventListener(type, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const type of ["dragleave", "drop"]) {
    drop.addEventListener(type, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  }
  drop.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length) {
      file.files = event.dataTransfer.files;
      showFile();
    } else {
      text.value = event.dataTransfer.getData("text");
      form.dispatchEvent(new Event("recheck"));
    }
  });

  // Very long text is only checked when it is submitted
  form.addEventListener("htmx:before:request", (event) => {
    if (!file.files[0] && (!text.value.trim() || text.value.length > typedLimit)) {
      event.preventDefault();
      check.replaceChildren();
    }
  });

  const all = form.querySelector("[data-all]");
  const boxes = [...form.querySelectorAll("input[name=modifications]")];
  const label = () => { all.textContent = boxes.every((box) => box.checked) ? "None" : "All"; };
  all.hidden = false;
  label();
  all.addEventListener("click", () => {
    const on = !boxes.every((box) => box.checked);
    boxes.forEach((box) => { box.checked = on; });
    label();
  });
  boxes.forEach((box) => box.addEventListener("change", label));

  form.addEventListener("submit", (event) => {
    if (boxes.length && !boxes.some((box) => box.checked)) {
      event.preventDefault();
      all.closest("details").open = true;
      boxes[0].setCustomValidity("Choose at least one modification");
      boxes[0].reportValidity();
      boxes[0].setCustomValidity("");
      return;
    }
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    addEventListener("pageshow", () => { button.disabled = false; });
  });
})();

// Progress of a job

(() => {
  const card = document.querySelector("[data-events]");
  if (!card) return;
  const bar = card.querySelector("progress");
  const line = card.querySelector("[data-state]");
  const heading = card.querySelector("h1");
  const started = Date.now();
  let polls = 0;

  function show(job) {
    if (job.status !== "queued" && job.status !== "running") {
      location.reload();
      return false;
    }
    if (job.status === "queued") {
      const ahead = job.queue_position - 1;
      bar.removeAttribute("value");
      line.textContent = job.error || (ahead > 0 ? `${ahead.toLocaleString("en")} ${ahead === 1 ? "job" : "jobs"} ahead` : "Next in the queue");
    } else {
      bar.value = job.progress;
      line.textContent = `Predicting: ${Math.round(100 * job.progress)} % of ${job.nt.toLocaleString("en")} nt`;
    }
    heading.textContent = job.status === "running" ? "Predicting" : "Waiting";
    document.title = job.status === "running" ? `${Math.round(100 * job.progress)} % – vqrna` : "Waiting – vqrna";
    return true;
  }

  async function poll() {
    polls += 1;
    try {
      const answer = await fetch(card.dataset.status);
      if (answer.ok && !show(await answer.json())) return;
    } catch { /* the server restarts: ask again */ }
    setTimeout(poll, Math.min(5000, 500 + 250 * polls));
  }

  const source = new EventSource(card.dataset.events);
  source.addEventListener("status", (event) => {
    if (!show(JSON.parse(event.data))) source.close();
  });
  source.addEventListener("error", () => {
    line.textContent = "Waiting for the server";
    if (source.readyState === EventSource.CLOSED || Date.now() - started > 3_500_000) {
      source.close();
      poll();
    }
  });
})();

// Pictures that are wider than the page begin at their site or variant

document.addEventListener("htmx:after:swap", () => {
  for (const picture of document.querySelectorAll(".picture")) {
    const site = picture.querySelector(".logo-site, .edited, th.at");
    if (!site || picture.dataset.placed || !picture.clientWidth) continue;
    picture.dataset.placed = "true";
    const box = site.getBoundingClientRect();
    const left = box.left - picture.getBoundingClientRect().left + picture.scrollLeft;
    picture.scrollLeft = left + box.width / 2 - picture.clientWidth / 2;
  }
});

// The state of the table is part of the address

(() => {
  const usual = {sort: "probability", direction: "down", page: "1"};
  document.addEventListener("htmx:after:swap", () => {
    const form = document.querySelector("#table [data-state]");
    if (!form) return;
    const now = new URLSearchParams(location.search);
    for (const [name, value] of new URLSearchParams(form.dataset.state)) {
      if (!value || value === usual[name]) now.delete(name); else now.set(name, value);
    }
    const query = now.toString();
    history.replaceState(history.state, "", query ? `?${query}` : location.pathname);
  });
})();
