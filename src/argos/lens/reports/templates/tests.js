"use strict";
(() => {
  const PAGE = 50;
  const [FILE, REST, STATE, FAILING, EXECUTED, RESULTS, FLIPS, MEAN, P95, LAST, RECORD, COMMAND] = Array(12).keys();
  const at = (id) => document.getElementById(id);
  const data = JSON.parse(at("data").textContent);
  const rows = data.tests.map((test, order) => {
    const name = data.files[test[FILE]] + test[REST];
    const rate = test[EXECUTED] ? test[FAILING] / test[EXECUTED] : null;
    return { test, order, name, lower: name.toLowerCase(), rate };
  });
  const KEYS = {
    name: (row) => row.name,
    state: (row) => row.order,
    rate: (row) => row.rate,
    flips: (row) => row.test[FLIPS],
    mean: (row) => row.test[MEAN],
    p95: (row) => row.test[P95],
    last: (row) => row.test[LAST],
  };
  const RISING = new Set(["name", "state"]);

  const number = (value) => value.toLocaleString("en-US");
  const seconds = (micros) => {
    if (micros === null) return "–";
    const value = micros / 1e6;
    if (value < 0.0995) return `${Number((value * 1e3).toPrecision(2))} ms`;
    if (value < 0.9995) return `${(value * 1e3).toFixed(0)} ms`;
    if (value < 59.95) return `${value.toFixed(value < 9.995 ? 2 : 1)} s`;
    return `${number(Math.floor(Math.round(value) / 60))} min ${String(Math.round(value) % 60).padStart(2, "0")} s`;
  };
  const percent = (rate) => {
    if (rate === null) return "–";
    const value = rate * 100;
    return `${Number(value.toFixed((value > 0 && value < 10) || (value > 99 && value < 100) ? 1 : 0))} %`;
  };
  const moment = (epoch) => epoch === null ? "–" : `${new Date(epoch * 1e3).toISOString().slice(0, 16).replace("T", " ")}`;
  const quoted = (name) => /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", `'"'"'`)}'`;
  const command = (row) => row.test[COMMAND] || `python -m pytest ${quoted(row.name)}`;

  const element = (tag, kind, text) => {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const record = (packed) => {
    const shown = element("span", "record");
    for (const [, letter, times] of packed.matchAll(/([PFESxX])(\d*)/g)) {
      shown.append(element("span", `o-${letter}`, (letter === "P" ? "·" : letter).repeat(Number(times || 1))));
    }
    return shown;
  };
  const cut = (name) => name.length <= 160 ? name : `${name.slice(0, 79)}…${name.slice(-79)}`;
  const copier = (line) => {
    const button = element("button", "copy", "copy");
    button.type = "button";
    button.dataset.copy = line;
    button.title = line;
    return button;
  };
  const line = (row) => {
    const { test } = row;
    const made = element("tr");
    const name = element("td");
    const code = element("code");
    cut(row.name).split("::").forEach((part, place) => code.append(...(place ? [element("wbr"), `::${part}`] : [part])));
    name.append(code);
    name.title = row.name;
    const raster = element("td");
    raster.append(record(test[RECORD]));
    const rate = element("td", "n", percent(row.rate));
    rate.append(element("br"), element("span", "dim", `${test[FAILING]} of ${test[EXECUTED]}`));
    const copy = element("td");
    copy.append(copier(command(row)));
    made.append(
      name,
      element("td", "", data.labels[test[STATE]]),
      raster,
      rate,
      element("td", "n", test[FLIPS]),
      element("td", "n", seconds(test[MEAN])),
      element("td", "n", seconds(test[P95])),
      element("td", "n", moment(test[LAST])),
      copy,
    );
    return made;
  };

  // The address after # holds what is shown, so that a link shows the same: all?q=…&state=…&sort=-mean&page=2
  const read = () => {
    const [place, query] = location.hash.slice(1).split("?");
    const wanted = new URLSearchParams(place === "all" ? query : "");
    const sort = wanted.get("sort") || "state";
    return {
      q: wanted.get("q") || "",
      state: data.labels.includes(wanted.get("state")) ? wanted.get("state") : "",
      sort: Object.hasOwn(KEYS, sort.replace(/^-/, "")) ? sort : "state",
      page: Math.max(1, Number.parseInt(wanted.get("page"), 10) || 1),
    };
  };
  let view = read();
  const show = (change) => {
    view = { ...view, page: 1, ...change };
    const query = new URLSearchParams(Object.entries(view).filter(([, value]) => value !== ""));
    history.replaceState(null, "", `#all?${query}`);
    draw();
  };

  const matching = () => {
    const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
    const state = data.labels.indexOf(view.state);
    return rows.filter((row) => (state < 0 || row.test[STATE] === state) && words.every((word) => row.lower.includes(word)));
  };
  const sorted = (found) => {
    const key = KEYS[view.sort.replace(/^-/, "")];
    const sign = view.sort.startsWith("-") ? -1 : 1;
    return found.sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      if (a === b) return one.order - other.order;
      if (a === null) return 1;
      if (b === null) return -1;
      return a < b ? -sign : sign;
    });
  };
  const draw = () => {
    const found = sorted(matching());
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    const page = Math.min(view.page, pages);
    at("table").tBodies[0].replaceChildren(...found.slice((page - 1) * PAGE, page * PAGE).map(line));
    at("found").textContent = found.length === rows.length ? `${number(rows.length)} tests` : `${number(found.length)} of ${number(rows.length)} tests`;
    at("page").textContent = `page ${page} of ${pages}`;
    at("previous").disabled = page <= 1;
    at("next").disabled = page >= pages;
    at("previous").onclick = () => show({ page: page - 1 });
    at("next").onclick = () => show({ page: page + 1 });
    for (const button of document.querySelectorAll("[data-sort]")) {
      const order = view.sort === button.dataset.sort ? "ascending" : view.sort === `-${button.dataset.sort}` ? "descending" : "none";
      button.closest("th").setAttribute("aria-sort", order);
    }
  };

  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "copied";
    } catch {
      button.textContent = "not allowed here";
    }
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  };
  document.addEventListener("click", (event) => {
    const target = event.target.closest("button");
    if (target?.dataset.copy !== undefined) copy(target);
    if (target?.dataset.sort) {
      const first = RISING.has(target.dataset.sort) ? target.dataset.sort : `-${target.dataset.sort}`;
      show({ sort: view.sort === first ? (first.startsWith("-") ? first.slice(1) : `-${first}`) : first });
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select")) return;
    event.preventDefault();
    at("find").focus();
  });
  at("find").addEventListener("input", (event) => show({ q: event.target.value }));
  at("state").addEventListener("change", (event) => show({ state: event.target.value }));

  const settle = () => {
    at("find").value = view.q;
    at("state").value = view.state;
    const row = /^#execution-\d+$/.test(location.hash) && document.querySelector(location.hash);
    if (row) {
      at("executions").open = true;
      row.scrollIntoView({ block: "center" });
    }
    if (location.hash.startsWith("#all?")) at("all").scrollIntoView();
  };
  at("state").append(...data.labels.map((label) => element("option", "", label)));
  for (const button of document.querySelectorAll(".copy")) button.hidden = false;
  at("explorer").hidden = false;
  window.addEventListener("hashchange", () => { view = read(); draw(); settle(); });
  draw();
  settle();
})();
