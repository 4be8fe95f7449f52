// The panels beside the phones: fault switches, and the record of PDUs.

const $ = (selector, within = document) => within.querySelector(selector);
const GROUPS = {
  receipts: "Receipts", answers: "Answers to submits", numbers: "Numbers that fail", link: "The link", phones: "Texts from phones",
};
const ROWS = 400;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Say something for a moment, to eyes and screen readers. */
export function tell(text) {
  const toast = make("p", {className: "toast", textContent: text});
  toast.setAttribute("role", "alert");
  document.body.append(toast);
  setTimeout(() => toast.remove(), 6000);
}

const post = (path, body) => fetch(path, {method: "POST", body: JSON.stringify(body)});

/** Wire up both panels. `listen(rows)` opens the event stream anew, with or without the record. */
export function startPanels(listen) {
  const faults = new Faults();
  const log = new Log();
  panel("faults", () => {});
  panel("log", listen);
  return {
    state(state) {
      faults.show(state.set);
      const pill = $("#state");
      const bound = state.binds.length;
      const names = [...new Set(state.binds.map((bind) => bind.system_id))].join(", ");
      pill.textContent = bound ? `${names || "gateway"} · ${bound} ${bound === 1 ? "bind" : "binds"}` : "No gateway bound";
      if (state.waiting) pill.textContent += ` · ${state.waiting} waiting`;
      pill.classList.toggle("good", bound > 0);
      pill.classList.toggle("bad", bound === 0);
    },
    rows: (batch) => log.add(batch),
    load: () => log.load(),
  };
}

function panel(id, changed) {
  const box = document.getElementById(id);
  const button = document.getElementById(`show-${id}`);
  const show = (open) => {
    box.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    document.body.classList.toggle(`with-${id}`, open);
    if (open) {
      // A small screen has room for one panel.
      if (matchMedia("(max-width: 720px)").matches) document.querySelector(`section.log:not(#${id}):not([hidden]) .close, aside:not(#${id}):not([hidden]) .close`)?.click();
      box.focus({preventScroll: true});
    } else {
      button.focus();
    }
    changed(open);
  };
  button.onclick = () => show(box.hidden);
  $(".close", box).onclick = () => show(false);
  box.addEventListener("keydown", (event) => { if (event.key === "Escape") show(false); });
}

class Faults {
  constructor() {
    this.controls = new Map();
    this.defaults = new Map();
    this.form = $("#switches");
    this.said = $("#fault-said");
    this.form.onsubmit = (event) => event.preventDefault();
    $("#drop").onclick = async () => {
      const {dropped} = await (await post("/drop", {})).json();
      this.say(`${dropped} ${dropped === 1 ? "connection" : "connections"} cut.`);
    };
    $("#reset").onclick = () => this.set(Object.fromEntries(this.defaults));
    this.ready = this.build();
  }

  async build() {
    const switches = await (await fetch("/switches")).json();
    for (const [group, title] of Object.entries(GROUPS)) {
      const fieldset = make("fieldset", {}, make("legend", {textContent: title}));
      for (const one of switches.filter((other) => other.group === group)) fieldset.append(this.control(one));
      this.form.append(fieldset);
    }
  }

  control(one) {
    this.defaults.set(one.name, one.default);
    const id = `switch-${one.name}`;
    let input;
    if (one.type === "bool") {
      input = make("input", {type: "checkbox", className: "toggle"});
      input.setAttribute("role", "switch");
    } else if (one.choices.length) {
      input = make("select", {}, ...one.choices.map((choice) => make("option", {value: choice, textContent: choice})));
    } else if (one.type === "str") {
      input = make("input", {type: "text", maxLength: 200, autocomplete: "off"});
    } else {
      input = make("input", {type: "number", min: one.minimum, max: one.maximum, step: one.type === "float" ? "any" : 1});
    }
    input.id = id;
    input.setAttribute("aria-describedby", `${id}-help`);
    input.onchange = () => this.set({[one.name]: one.type === "bool" ? input.checked : input.value});
    this.controls.set(one.name, input);
    return make("div", {className: "switch"},
      make("label", {htmlFor: id}, one.label, " ", make("code", {textContent: one.name})), input, make("p", {id: `${id}-help`, textContent: one.help}));
  }

  async set(changes) {
    try {
      const response = await post("/set", changes);
      const answer = await response.json();
      this.say(response.ok ? "" : answer.error, !response.ok);
      this.show(response.ok ? answer : this.values);
    } catch {
      this.say("The simulated carrier does not answer.", true);
    }
  }

  async show(values) {
    await this.ready;
    this.values = values;
    let changed = 0;
    for (const [name, input] of this.controls) {
      const off = values[name] !== this.defaults.get(name);
      changed += off;
      input.parentElement.classList.toggle("changed", off);
      if (input.type === "checkbox") input.checked = values[name];
      else if (document.activeElement !== input || !input.matches("[type=text], [type=number]")) input.value = values[name];
    }
    const badge = $("#fault-count");
    badge.hidden = !changed;
    badge.textContent = changed;
    badge.setAttribute("aria-label", `${changed} on`);
  }

  say(text, bad = false) {
    this.said.textContent = text;
    this.said.classList.toggle("bad", bad);
  }
}

const TONES = {throttled: "bad", refused: "bad", bad_pdu: "bad", error: "bad", lost: "bad", given_up: "bad", close: "dim", enquire_link: "dim"};

/** One line for a row: what matters of its kind. */
function summary(row) {
  const way = row.from && row.to ? `${row.from} → ${row.to}` : row.to ?? "";
  const rest = ["what", "id", "stat", "status", "command", "error", "system_id", "message_id", "ms"]
    .filter((key) => row[key] !== undefined && row[key] !== null && row[key] !== "")
    .map((key) => `${key} ${row[key]}`);
  return [way, row.text !== undefined ? `“${row.text}”` : "", ...rest].filter(Boolean).join(" · ");
}

class Log {
  constructor() {
    this.list = $("#log-rows");
    this.filter = $("#log-filter");
    this.hold = $("#log-hold");
    this.last = 0;
    this.news = null;
    this.filter.oninput = () => [...this.list.children].forEach((item) => this.sift(item));
    this.hold.onchange = () => { if (!this.hold.checked) this.load(); };
  }

  /** Read the record anew, once the stream is open; rows that come meanwhile go after what the answer holds. */
  async load() {
    if (this.hold.checked) return;
    const news = this.news = [];
    let rows;
    try {
      rows = await (await fetch(`/log?limit=${ROWS}`)).json();
    } catch {
      return;
    }
    if (news !== this.news) return;
    this.news = null;
    this.list.replaceChildren();
    this.last = 0;
    this.add({rows, missed: 0});
    news.forEach((batch) => this.add(batch));
    this.list.scrollTop = this.list.scrollHeight;
  }

  add({rows, missed}) {
    if (this.hold.checked) return;
    if (this.news) return this.news.push({rows, missed});
    const stay = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    for (const row of rows) {
      if (row.n <= this.last) continue;
      this.last = row.n;
      this.list.append(this.item(row));
    }
    if (missed) this.list.append(make("li", {className: "dim", textContent: `${missed} rows not shown: too many at once`}));
    while (this.list.children.length > ROWS) this.list.firstElementChild.remove();
    if (stay) this.list.scrollTop = this.list.scrollHeight;
  }

  item(row) {
    const head = make("summary", {},
      make("time", {textContent: row.at.slice(11, 23)}),
      make("b", {className: TONES[row.kind] ?? (row.kind === "sent" ? "out" : "in"), textContent: row.kind}),
      make("span", {textContent: summary(row)}));
    const body = make("pre");
    const details = make("details", {}, head, body);
    // Written out only when opened: most rows never are.
    details.ontoggle = () => { body.textContent = details.open ? JSON.stringify(row, null, 1) : ""; };
    const item = make("li", {}, details);
    item.dataset.find = `${row.kind} ${summary(row)}`.toLowerCase();
    this.sift(item);
    return item;
  }

  sift(item) {
    item.hidden = !(item.dataset.find ?? "").includes(this.filter.value.trim().toLowerCase());
  }
}
